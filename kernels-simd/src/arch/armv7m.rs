//! Armv7-M without the DSP extension: Cortex-M3. The only kernel here is the one whose registers
//! the compiler spills.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

use super::panels::{Panels, run};
use crate::kernels::{Kernels, ORACLE};
use crate::scalar::matrix::I8Matrix;
use core::arch::naked_asm;

/// What this backend has of its own.
pub(crate) const KERNELS: Kernels = Kernels {
    name: || "armv7-m",
    matvec_i8,
    ..ORACLE
};

/// [`crate::scalar::matrix::matvec_i8`] for Armv7-M: 147 instructions for 64 products.
fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let _ = run(w, x, multiplier, out, panels);
}

/// One column of both pairs, at these bytes of the activations and of the two runs: 9 instructions
/// for 4 products.
macro_rules! column {
    ($x:literal, $first:literal, $second:literal) => {
        concat!(
            "ldrsh r6, [r1, #",
            $x,
            "]\nldrsh r7, [r0, #",
            $first,
            "]\nldrsh r9, [r0, #",
            $second,
            "]\n",
            "mla r2, r7, r6, r2\nsxtb r7, r7\nmla r4, r9, r6, r4\nsxtb r9, r9\n",
            "mla r3, r7, r6, r3\nmla r5, r9, r6, r5\n"
        )
    };
}

/// `r6 ← mulhr(sum, next multiplier)`, stored.
macro_rules! requantize {
    ($sum:literal) => {
        concat!(
            "ldr r6, [r0], #4\nsmull r7, r6, ",
            $sum,
            ", r6\nadd r6, r6, r7, lsr #31\nstr r6, [r1], #4\n"
        )
    };
}

/// Runs over all panels. Registers: r0 weights, r1 activations, r2/r3 and r4/r5 the sums Σh·x and
/// Σ(low byte)·x of the two pairs, r8 and r10 totals of the odd rows, r11 end of the activations,
/// r12 arguments, lr end of the block.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &mut Panels) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "mov r12, r0",
        "ldr r0, [r12]",
        // A panel, which is one block as a rule.
        "2:",
        "ldrd r1, r11, [r12, #4]",
        "movs r2, #0",
        "movs r3, #0",
        "movs r4, #0",
        "movs r5, #0",
        "mov r8, r2",
        "mov r10, r2",
        "add r11, r1",
        // A block.
        "3:",
        "ldr lr, [r12, #12]",
        "sub r6, r11, r1",
        "cmp lr, r6",
        "it hi",
        "movhi lr, r6",
        "add lr, r1",
        // 16 columns.
        "4:",
        column!("0", "0", "16"),
        column!("2", "2", "18"),
        column!("4", "4", "20"),
        column!("6", "6", "22"),
        column!("8", "8", "24"),
        column!("10", "10", "26"),
        column!("12", "12", "28"),
        column!("14", "14", "30"),
        column!("16", "32", "48"),
        column!("18", "34", "50"),
        column!("20", "36", "52"),
        column!("22", "38", "54"),
        column!("24", "40", "56"),
        column!("26", "42", "58"),
        column!("28", "44", "60"),
        column!("30", "46", "62"),
        "adds r1, #32",
        "adds r0, #64",
        "cmp r1, lr",
        "bne 4b",
        // The odd rows' sums of the block; the next one starts with equal sums.
        "subs r2, r2, r3",
        "subs r4, r4, r5",
        "add r8, r8, r2, asr #8",
        "add r10, r10, r4, asr #8",
        "mov r2, r3",
        "mov r4, r5",
        "cmp r1, r11",
        "bne 3b",
        "mov r9, r0",
        "ldrd r0, r1, [r12, #16]",
        requantize!("r3"),
        requantize!("r8"),
        requantize!("r5"),
        requantize!("r10"),
        "strd r0, r1, [r12, #16]",
        "ldr r6, [r12, #24]",
        "mov r0, r9",
        "cmp r1, r6",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
