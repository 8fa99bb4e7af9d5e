//! int4 matrix with group scales times int16 vector.

use crate::arch::passes_i4::{Pass, run};
use crate::scalar::matrix_i4::I4Matrix;
use core::arch::naked_asm;

/// [`crate::scalar::matrix_i4::matvec_i4`] for the DSP extension: 160 instructions for 128 products.
#[inline(never)] // its frame must not be part of the int8 path's
pub fn matvec_i4(w: &I4Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    run(w, x, multiplier, out, panels);
}

/// Two columns of four rows: bits 4k and 16 + 4k of r6-r9, times an activation pair.
macro_rules! two_columns {
    ($k:literal, $x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "and lr, r12, r6, lsr #",
            $k,
            "\n",
            "smlad r2, lr, ",
            $x,
            ", ",
            $a,
            "\n",
            "and lr, r12, r7, lsr #",
            $k,
            "\n",
            "smlad r3, lr, ",
            $x,
            ", ",
            $b,
            "\n",
            "and lr, r12, r8, lsr #",
            $k,
            "\n",
            "smlad r4, lr, ",
            $x,
            ", ",
            $c,
            "\n",
            "and lr, r12, r9, lsr #",
            $k,
            "\n",
            "smlad r5, lr, ",
            $x,
            ", ",
            $d,
            "\n",
        )
    };
}

/// Eight columns of four rows: 35 instructions for 32 products. The first of a group start from r5.
macro_rules! eight_columns {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "ldmia r0!, {{r6-r9}}\n",
            "ldrd r10, r11, [r1], #8\n",
            "and lr, r12, r6\n",
            "smlad r2, lr, r10, ",
            $a,
            "\n",
            "and lr, r12, r7\n",
            "smlad r3, lr, r10, ",
            $b,
            "\n",
            "and lr, r12, r8\n",
            "smlad r4, lr, r10, ",
            $c,
            "\n",
            "and lr, r12, r9\n",
            "smlad r5, lr, r10, ",
            $d,
            "\n",
            two_columns!("4", "r11", "r2", "r3", "r4", "r5"),
            "ldrd r10, r11, [r1], #8\n",
            two_columns!("8", "r10", "r2", "r3", "r4", "r5"),
            two_columns!("12", "r11", "r2", "r3", "r4", "r5"),
        )
    };
}

/// Runs over all panels. Registers: r0 weights, r1 activations, r2-r5 sums of the group, r6-r9
/// weights, r10, r11 activations, r12 mask, lr a pair of weights. Stack: [0] start and [4] end of
/// the activations, [8] zero points, [12] bytes to skip, [16] results, [20] their end, [24]
/// multipliers, [28] next zero point, [32] to [44] sums of the rows.
///
/// # Safety
/// The fields of [`Pass`] have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &mut Pass) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, #52",
        "ldmia r0, {{r1-r8}}", // weights, x, x_end, zeros, skip, out, out_end, multiplier
        "mov r0, r1",
        "stmia sp, {{r2-r8}}",
        "mov r12, #0x000f000f",
        // A panel.
        "2:",
        "ldr r1, [sp]",
        "ldr r2, [sp, #8]",
        "ldr r4, [sp, #16]",
        "str r2, [sp, #28]",
        "ldmia r4, {{r7-r10}}",
        // A group: r7-r10 hold the sums of the rows.
        "3:",
        "ldr r6, [sp, #28]",
        "strd r7, r8, [sp, #32]",
        "strd r9, r10, [sp, #40]",
        "ldr r5, [r6], #4",
        "str r6, [sp, #28]",
        eight_columns!("r5", "r5", "r5", "r5"),
        eight_columns!("r2", "r3", "r4", "r5"),
        eight_columns!("r2", "r3", "r4", "r5"),
        eight_columns!("r2", "r3", "r4", "r5"),
        "ldr r6, [r0], #4",
        "ldrd r7, r8, [sp, #32]",
        "ldrd r9, r10, [sp, #40]",
        "uxtb lr, r6",
        "uxtb r11, r6, ror #8",
        "mla r7, lr, r2, r7",
        "mla r8, r11, r3, r8",
        "uxtb lr, r6, ror #16",
        "lsrs r11, r6, #24",
        "mla r9, lr, r4, r9",
        "ldr r6, [sp, #4]",
        "mla r10, r11, r5, r10",
        "cmp r1, r6",
        "bne 3b",
        // Results, or sums for the next pass.
        "ldrd r4, r5, [sp, #12]",  // skip, out
        "ldrd r6, r11, [sp, #20]", // end, multipliers
        "add r0, r4",
        "cmp r11, #0",
        "beq 4f",
        "ldmia r11!, {{r1-r4}}",
        "str r11, [sp, #24]",
        "smmulr r7, r7, r1",
        "smmulr r8, r8, r2",
        "smmulr r9, r9, r3",
        "smmulr r10, r10, r4",
        "4:",
        "stmia r5!, {{r7-r10}}",
        "cmp r5, r6",
        "str r5, [sp, #16]",
        "bne 2b",
        "add sp, #52",
        "pop {{r4-r11, pc}}",
    )
}
