/* The model in flash, used in place. MODEL is the path of a .sla file. */
    .section .rodata.model, "a"
    .balign 16
    .global model_begin
model_begin:
    .incbin MODEL
    .global model_end
model_end:

    .section .note.GNU-stack, "", %progbits
