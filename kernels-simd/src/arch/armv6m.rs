//! Armv6-M: Cortex-M0, M0+. The only kernel here is the one whose registers the compiler spills.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

use super::panels::{Panels, run};
use crate::fixed::mulhr;
use crate::kernels::{Kernels, ORACLE};
use crate::scalar::matrix::I8Matrix;
use core::arch::naked_asm;

/// What this backend has of its own.
pub(crate) const KERNELS: Kernels = Kernels {
    name: || "armv6-m",
    matvec_i8,
    ..ORACLE
};

/// [`crate::scalar::matrix::matvec_i8`] for Armv6-M: 116 instructions for 32 products.
fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    // The kernel leaves the sums; a product of 64 bits takes more registers than it has left.
    let rows = run(w, x, multiplier, out, panels);
    out.iter_mut()
        .zip(multiplier)
        .take(rows)
        .for_each(|(out, m)| *out = mulhr(*out, *m));
}

/// One column of both pairs: 14 instructions for 4 products.
macro_rules! column {
    () => {
        "
        ldrsh r4, [r2, r3]
        ldrsh r5, [r0, r3]
        sxtb r6, r5
        muls r5, r4, r5
        muls r6, r4, r6
        add r8, r5
        add r9, r6
        ldrsh r5, [r1, r3]
        sxtb r6, r5
        muls r5, r4, r5
        muls r6, r4, r6
        add r10, r5
        add r11, r6
        adds r3, #2
        "
    };
}

/// Runs over all panels and writes sums. Registers: r0 and r1 the runs of the two pairs less r3, r2
/// activations, r3 offset, r7 arguments, r8/r9 and r10/r11 the sums Σh·x and Σ(low byte)·x of the
/// two pairs, r12 end of the block as an offset. Stack: [0], [4] totals of the odd rows.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &mut Panels) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4-r7}}",
        "sub sp, #12",
        "mov r7, r0",
        "ldr r0, [r7]",
        "ldr r2, [r7, #4]",
        // A panel, which is one block as a rule.
        "2:",
        "mov r1, r0",
        "adds r1, #16",
        "movs r3, #0",
        "str r3, [sp]",
        "str r3, [sp, #4]",
        "mov r8, r3",
        "mov r9, r3",
        "mov r10, r3",
        "mov r11, r3",
        // A block.
        "3:",
        "ldr r4, [r7, #12]",
        "ldr r5, [r7, #8]",
        "subs r6, r5, r3",
        "cmp r4, r6",
        "bls 4f",
        "mov r4, r6",
        "4:",
        "adds r4, r4, r3",
        "mov r12, r4",
        // 8 columns.
        "5:",
        column!(),
        column!(),
        column!(),
        column!(),
        column!(),
        column!(),
        column!(),
        column!(),
        "adds r0, #16",
        "adds r1, #16",
        "cmp r3, r12",
        "bne 5b",
        // The odd rows' sums of the block; the next one starts with equal sums.
        "mov r4, r8",
        "mov r5, r9",
        "subs r4, r4, r5",
        "asrs r4, r4, #8",
        "ldr r6, [sp]",
        "adds r6, r6, r4",
        "str r6, [sp]",
        "mov r4, r10",
        "mov r6, r11",
        "subs r4, r4, r6",
        "asrs r4, r4, #8",
        "ldr r5, [sp, #4]",
        "adds r5, r5, r4",
        "str r5, [sp, #4]",
        "mov r8, r9",
        "mov r10, r11",
        "ldr r4, [r7, #8]",
        "cmp r3, r4",
        "beq 6f",
        "b 3b",
        "6:",
        "ldr r4, [r7, #20]",
        "mov r5, r9",
        "str r5, [r4]",
        "ldr r5, [sp]",
        "str r5, [r4, #4]",
        "str r6, [r4, #8]",
        "ldr r5, [sp, #4]",
        "str r5, [r4, #12]",
        "adds r4, #16",
        "str r4, [r7, #20]",
        "adds r0, r0, r3",
        "ldr r5, [r7, #24]",
        "cmp r4, r5",
        "beq 7f",
        "b 2b",
        "7:",
        "add sp, #12",
        "pop {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4-r7, pc}}",
    )
}
