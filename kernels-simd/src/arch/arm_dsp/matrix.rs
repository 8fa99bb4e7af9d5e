//! int8 matrix times int16 vector.

use crate::scalar::matrix::{I8Matrix, PANEL};
use core::arch::naked_asm;

/// What [`panels`] works on, at the offsets that it reads.
#[repr(C)]
struct Panels {
    /// First half-word of the first panel.
    weights: *const i16,
    /// First activation.
    x: *const i16,
    /// One past the last activation; `x + 2·cols`, cols a multiple of 16 above 0.
    x_end: *const i16,
    /// Bytes of activations of a block, a multiple of 32.
    block_bytes: usize,
    /// Multipliers.
    multiplier: *const i32,
    /// Results.
    out: *mut i32,
    /// One past the last result; `out + 16·panels`, panels above 0.
    out_end: *mut i32,
}
offsets!(Panels, weights: 0, x: 4, x_end: 8, block_bytes: 12, multiplier: 16, out: 20, out_end: 24);

/// [`crate::scalar::matrix::matvec_i8`] for the DSP extension: 111 instructions for 128 products.
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let cols = w.cols();
    let count = (w.data().len() / w.panel_len().max(1))
        .min(multiplier.len() / PANEL)
        .min(out.len() / PANEL);
    let aligned =
        x.as_ptr().cast::<u32>().is_aligned() && w.data().as_ptr().cast::<u32>().is_aligned();
    debug_assert!(x.len() >= cols, "fewer activations than columns");
    debug_assert!(aligned, "activations and weights are read as words");
    if x.len() < cols || cols == 0 || count == 0 || !aligned {
        return;
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
    // SAFETY: `count` panels of `panel_len` half-words, `cols` activations, and `PANEL·count`
    // multipliers and results are inside the slices, as computed above; both counts are above
    // 0, cols is a multiple of 16, and what is read as words is aligned.
    unsafe { panels(&panels_in) }
}

/// Eight columns of both pairs: 27 instructions for 32 products.
macro_rules! eight_columns {
    () => {
        "
        ldmia r0!, {{r6-r9}}
        ldmia r1!, {{r10-r12, lr}}
        smlad r2, r6, r10, r2
        sxtb16 r6, r6
        smlad r3, r6, r10, r3
        smlad r2, r7, r11, r2
        sxtb16 r7, r7
        smlad r3, r7, r11, r3
        smlad r2, r8, r12, r2
        sxtb16 r8, r8
        smlad r3, r8, r12, r3
        smlad r2, r9, lr, r2
        sxtb16 r9, r9
        smlad r3, r9, lr, r3
        ldmia r0!, {{r6-r9}}
        smlad r4, r6, r10, r4
        sxtb16 r6, r6
        smlad r5, r6, r10, r5
        smlad r4, r7, r11, r4
        sxtb16 r7, r7
        smlad r5, r7, r11, r5
        smlad r4, r8, r12, r4
        sxtb16 r8, r8
        smlad r5, r8, r12, r5
        smlad r4, r9, lr, r4
        sxtb16 r9, r9
        smlad r5, r9, lr, r5
        "
    };
}

/// Runs over all panels. Registers: r0 weights, r1 activations, r2/r3 and r4/r5 the sums Σh·x and
/// Σ(low byte)·x of the two pairs, r6-r9 weights, r10-r12 and lr activations. Stack: [0] end of the
/// block, [4] end of the activations, [8] bytes of a block, [12], [16] totals of the odd rows, [20]
/// multipliers, [24] results, [28] end of the results, [32] start of the activations.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &Panels) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, #36",
        "ldmia r0!, {{r1-r7}}", // weights, x, x_end, block_bytes, multiplier, out, out_end
        "strd r3, r4, [sp, #4]",
        "strd r5, r6, [sp, #20]",
        "strd r7, r2, [sp, #28]",
        "mov r0, r1",
        // A panel, which is one block as a rule.
        "2:",
        "ldr r1, [sp, #32]",
        "movs r2, #0",
        "ldrd r7, r8, [sp, #4]",
        "movs r3, #0",
        "movs r4, #0",
        "strd r2, r3, [sp, #12]",
        "movs r5, #0",
        // A block: its end is r1 + block_bytes, at most the end of the activations.
        "3:",
        "adds r8, r1",
        "cmp r8, r7",
        "it hi",
        "movhi r8, r7",
        "subs r6, r8, r1",
        "str r8, [sp]",
        "lsls r6, r6, #26", // bit 5 to the sign: an odd number of 16 columns
        "bmi 5f",
        // 32 columns.
        "4:",
        eight_columns!(),
        eight_columns!(),
        "5:",
        eight_columns!(),
        eight_columns!(),
        "ldr r6, [sp]",
        "cmp r1, r6",
        "bne 4b",
        // The odd rows' sums of the block; the next one starts with equal sums.
        "ldr r7, [sp, #4]",
        "subs r2, r2, r3",
        "ldrd r8, r9, [sp, #12]",
        "subs r4, r4, r5",
        "cmp r1, r7",
        "add r8, r8, r2, asr #8",
        "add r9, r9, r4, asr #8",
        "beq 6f",
        "strd r8, r9, [sp, #12]",
        "mov r2, r3",
        "mov r4, r5",
        "ldr r8, [sp, #8]",
        "b 3b",
        // Requantise rows 0-3: r3, r8, r5, r9.
        "6:",
        "ldrd r1, r2, [sp, #20]",
        "ldmia r1!, {{r4, r6, r7, r12}}",
        "smmulr r4, r4, r3",
        "ldr r3, [sp, #28]",
        "smmulr r6, r6, r8",
        "smmulr r7, r7, r5",
        "smmulr r8, r12, r9",
        "stmia r2!, {{r4, r6, r7, r8}}",
        "cmp r2, r3",
        "strd r1, r2, [sp, #20]",
        "bne 2b",
        "add sp, #36",
        "pop {{r4-r11, pc}}",
    )
}
