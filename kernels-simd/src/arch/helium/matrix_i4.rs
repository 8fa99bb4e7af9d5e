//! int4 matrix with group scales times int16 vector.

use crate::arch::passes_i4::{Pass, run};
use crate::scalar::matrix_i4::I4Matrix;
use core::arch::naked_asm;

/// [`crate::scalar::matrix_i4::matvec_i4`]: 62 instructions for 128 products.
#[inline(never)] // its frame must not be part of the int8 path's
pub fn matvec_i4(w: &I4Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    run(w, x, multiplier, out, panels);
}

/// Two columns of all four runs of a group, whose words of row r are q0 + r: bits 4k and 16 + 4k
/// times the pairs in q4.
macro_rules! pairs {
    ($shift:tt, $mask:tt) => {
        concat!(
            row!("q0", "r4", $shift, $mask),
            row!("q1", "r6", $shift, $mask),
            row!("q2", "r8", $shift, $mask),
            row!("q3", "r10", $shift, $mask),
        )
    };
}
/// One row of them.
macro_rules! row {
    ($words:literal, $sum:literal, "0", "mask") => {
        concat!(
            "vand q5, ",
            $words,
            ", q6\nvmladava.s16 ",
            $sum,
            ", q5, q4\n"
        )
    };
    ($words:literal, $sum:literal, $shift:literal, "mask") => {
        concat!(
            "vshr.u16 q5, ",
            $words,
            ", #",
            $shift,
            "\nvand q5, q5, q6\nvmladava.s16 ",
            $sum,
            ", q5, q4\n"
        )
    };
    ($words:literal, $sum:literal, $shift:literal, "") => {
        concat!(
            "vshr.u16 q5, ",
            $words,
            ", #",
            $shift,
            "\nvmladava.s16 ",
            $sum,
            ", q5, q4\n"
        )
    };
}

/// Runs over all panels: 62 instructions for 128 products. Registers: r0 weights, r1 zero points,
/// r2 scales, r3 one of them, r4, r6, r8, r10 sums of the group, r5, r7, r9, r11 sums of the rows,
/// r12 arguments, lr groups left; q0-q3 the rows' words, q4 activations, q5 weights, q6 mask, q7
/// where the four runs' activations lie.
///
/// # Safety
/// The fields of [`Pass`] have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &mut Pass) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "mov r12, r0",
        "ldr r0, [r12]",
        "vmov.i16 q6, #15",
        // A panel: each group steps q7 forward by 64 bytes before it reads.
        "2:",
        "ldrd r3, r4, [r12, #4]", // x, x_end
        "movs r2, #0",
        "vidup.u32 q7, r2, #8",
        "subs r4, r4, r3",
        "vshl.i32 q7, q7, #1",
        "subs r3, #64",
        "lsrs lr, r4, #6",
        "vadd.i32 q7, q7, r3",
        "ldr r1, [r12, #12]",
        "ldr r3, [r12, #20]",
        "ldrd r5, r7, [r3]",
        "ldrd r9, r11, [r3, #8]",
        "dls lr, lr",
        "3:",
        "vld40.32 {{q0, q1, q2, q3}}, [r0]",
        "vld41.32 {{q0, q1, q2, q3}}, [r0]",
        "vld42.32 {{q0, q1, q2, q3}}, [r0]",
        "vld43.32 {{q0, q1, q2, q3}}, [r0]!",
        "ldr r4, [r1], #4",
        "vldrw.u32 q4, [q7, #64]!",
        "mov r6, r4",
        "mov r8, r4",
        "mov r10, r4",
        pairs!("0", "mask"),
        "vldrw.u32 q4, [q7, #4]",
        pairs!("4", "mask"),
        "vldrw.u32 q4, [q7, #8]",
        pairs!("8", "mask"),
        "vldrw.u32 q4, [q7, #12]",
        pairs!("12", ""),
        "ldr r2, [r0], #4",
        "uxtb r3, r2",
        "mla r5, r3, r4, r5",
        "uxtb r3, r2, ror #8",
        "mla r7, r3, r6, r7",
        "uxtb r3, r2, ror #16",
        "mla r9, r3, r8, r9",
        "lsrs r3, r2, #24",
        "mla r11, r3, r10, r11",
        "le lr, 3b",
        // Results, or sums for the next pass.
        "ldrd r3, r1, [r12, #16]", // skip, out
        "ldr r2, [r12, #28]",
        "add r0, r3",
        "cmp r2, #0",
        "beq 4f",
        "ldrd r4, r6, [r2], #8",
        "ldrd r8, r10, [r2], #8",
        "smmulr r5, r5, r4",
        "smmulr r7, r7, r6",
        "smmulr r9, r9, r8",
        "smmulr r11, r11, r10",
        "str r2, [r12, #28]",
        "4:",
        "strd r5, r7, [r1], #8",
        "strd r9, r11, [r1], #8",
        "ldr r3, [r12, #24]",
        "str r1, [r12, #20]",
        "cmp r1, r3",
        "bne 2b",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}
