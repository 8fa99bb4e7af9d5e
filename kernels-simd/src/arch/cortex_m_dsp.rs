//! Armv7E-M and Armv8-M with the DSP extension: Cortex-M4, M7, M33.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

use crate::scalar::matrix::{I8Matrix, PANEL};
use core::arch::naked_asm;

// Naked functions are assembled with the target's features, not the processor's; Armv8-M has DSP only as an option.
#[cfg(target_feature = "v8m")]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(target_feature = "v8m"))]
macro_rules! cpu {
    () => {
        ""
    };
}

/// What [`panels`] works on, at the offsets that it reads.
#[repr(C)]
struct Panels {
    /// 0: first half-word of the first panel.
    weights: *const i16,
    /// 4: first activation.
    x: *const i16,
    /// 8: one past the last activation; `x + 2·cols`, cols a multiple of 16 above 0.
    x_end: *const i16,
    /// 12: bytes of activations of a block, a multiple of 32.
    block_bytes: usize,
    /// 16: multipliers.
    multiplier: *const i32,
    /// 20: results.
    out: *mut i32,
    /// 24: one past the last result; `out + 16·panels`, panels above 0.
    out_end: *mut i32,
}

/// [`crate::scalar::matrix::matvec_i8`] for the DSP extension: 57 instructions for 64 products.
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let cols = w.cols().min(x.len() & !15);
    let count = (w.data().len() / w.panel_len().max(1)).min(multiplier.len() / PANEL).min(out.len() / PANEL);
    if cols != w.cols() || cols == 0 || count == 0 {
        return crate::scalar::matrix::matvec_i8(w, x, multiplier, out);
    }
    let x = x.as_ptr_range();
    let panels_in = Panels {
        weights: w.data().as_ptr(),
        x: x.start,
        x_end: x.start.wrapping_add(cols),
        block_bytes: 2 * w.block().min(cols),
        multiplier: multiplier.as_ptr(),
        out: out.as_mut_ptr(),
        out_end: out.as_mut_ptr().wrapping_add(PANEL * count),
    };
    // SAFETY: `count` panels of `panel_len` half-words, `cols` activations, and `PANEL·count` multipliers and results
    // are inside the slices, as computed above; both counts are above 0 and cols is a multiple of 16.
    unsafe { panels(&panels_in) }
}

/// Runs over all panels. Registers: r0 weights, r1 activations, r2/r3 and r4/r5 the sums Σh·x and Σ(low byte)·x of the
/// two pairs, r6-r9 weights, r10-r12 and lr activations. Stack: [0] end of the block, [4], [8] totals of the odd rows,
/// [12] arguments, [16] multipliers, [20] results.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &Panels) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, #28",
        "str r0, [sp, #12]",
        "ldr r1, [r0, #16]",
        "ldr r2, [r0, #20]",
        "strd r1, r2, [sp, #16]",
        "ldr r0, [r0]",
        // A panel.
        "2:",
        "ldr r6, [sp, #12]",
        "ldrd r1, r7, [r6, #4]",
        "ldr r8, [r6, #12]",
        "movs r2, #0",
        "movs r3, #0",
        "movs r4, #0",
        "movs r5, #0",
        "strd r2, r3, [sp, #4]",
        // A block: its end is r1 + block_bytes, at most x_end.
        "3:",
        "adds r8, r1, r8",
        "cmp r8, r7",
        "it hi",
        "movhi r8, r7",
        "str r8, [sp]",
        // 16 columns.
        "4:",
        "ldmia r0!, {{r6-r9}}",
        "ldmia r1!, {{r10-r12, lr}}",
        "smlad r2, r6, r10, r2",
        "sxtb16 r6, r6",
        "smlad r3, r6, r10, r3",
        "smlad r2, r7, r11, r2",
        "sxtb16 r7, r7",
        "smlad r3, r7, r11, r3",
        "smlad r2, r8, r12, r2",
        "sxtb16 r8, r8",
        "smlad r3, r8, r12, r3",
        "smlad r2, r9, lr, r2",
        "sxtb16 r9, r9",
        "smlad r3, r9, lr, r3",
        "ldmia r0!, {{r6-r9}}",
        "smlad r4, r6, r10, r4",
        "sxtb16 r6, r6",
        "smlad r5, r6, r10, r5",
        "smlad r4, r7, r11, r4",
        "sxtb16 r7, r7",
        "smlad r5, r7, r11, r5",
        "smlad r4, r8, r12, r4",
        "sxtb16 r8, r8",
        "smlad r5, r8, r12, r5",
        "smlad r4, r9, lr, r4",
        "sxtb16 r9, r9",
        "smlad r5, r9, lr, r5",
        "ldmia r0!, {{r6-r9}}",
        "ldmia r1!, {{r10-r12, lr}}",
        "smlad r2, r6, r10, r2",
        "sxtb16 r6, r6",
        "smlad r3, r6, r10, r3",
        "smlad r2, r7, r11, r2",
        "sxtb16 r7, r7",
        "smlad r3, r7, r11, r3",
        "smlad r2, r8, r12, r2",
        "sxtb16 r8, r8",
        "smlad r3, r8, r12, r3",
        "smlad r2, r9, lr, r2",
        "sxtb16 r9, r9",
        "smlad r3, r9, lr, r3",
        "ldmia r0!, {{r6-r9}}",
        "smlad r4, r6, r10, r4",
        "sxtb16 r6, r6",
        "smlad r5, r6, r10, r5",
        "smlad r4, r7, r11, r4",
        "sxtb16 r7, r7",
        "smlad r5, r7, r11, r5",
        "smlad r4, r8, r12, r4",
        "sxtb16 r8, r8",
        "smlad r5, r8, r12, r5",
        "smlad r4, r9, lr, r4",
        "sxtb16 r9, r9",
        "smlad r5, r9, lr, r5",
        "ldr r6, [sp]",
        "cmp r1, r6",
        "bne 4b",
        // The odd rows' sums of the block; the next one starts with equal sums.
        "ldrd r8, r9, [sp, #4]",
        "subs r2, r2, r3",
        "add r8, r8, r2, asr #8",
        "subs r4, r4, r5",
        "add r9, r9, r4, asr #8",
        "ldr r10, [sp, #12]",
        "ldr r7, [r10, #8]",
        "cmp r1, r7",
        "beq 5f",
        "strd r8, r9, [sp, #4]",
        "mov r2, r3",
        "mov r4, r5",
        "ldr r8, [r10, #12]",
        "b 3b",
        // Requantise rows 0-3: r3, r8, r5, r9.
        "5:",
        "ldrd r1, r2, [sp, #16]",
        "ldmia r1!, {{r4, r6, r7, r12}}",
        "smmulr r4, r4, r3",
        "smmulr r6, r6, r8",
        "smmulr r7, r7, r5",
        "smmulr r8, r12, r9",
        "stmia r2!, {{r4, r6, r7, r8}}",
        "strd r1, r2, [sp, #16]",
        "ldr r3, [r10, #24]",
        "cmp r2, r3",
        "bne 2b",
        "add sp, #28",
        "pop {{r4-r11, pc}}",
    )
}
