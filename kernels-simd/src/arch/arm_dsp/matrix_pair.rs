//! int8 matrix times two int16 vectors: a weight is loaded and split once for both.

use crate::scalar::matrix::{I8Matrix, PANEL};
use core::arch::naked_asm;

/// What [`pairs_of_rows`] works on, at the offsets that it reads.
#[repr(C)]
struct Rows {
    /// First half-word of the first panel.
    weights: *const i16,
    /// First activation.
    x: *const i16,
    /// One past the last activation; `x + 4·cols` bytes, cols a multiple of 16 above 0.
    x_end: *const i16,
    /// Bytes of both vectors' activations of a block, a multiple of 64.
    block_bytes: usize,
    /// Multipliers.
    multiplier: *const i32,
    /// Results of the first vector.
    out_0: *mut i32,
    /// Results of the second.
    out_1: *mut i32,
    /// From the end of a panel's first pair of rows to its second.
    to_second: isize,
    /// From the end of a panel's second pair to the next panel.
    to_next: isize,
    /// One past the first vector's last result; `out_0 + 4·rows` bytes, rows above 0.
    out_0_end: *mut i32,
}
offsets!(
    Rows, weights: 0, x: 4, x_end: 8, block_bytes: 12, multiplier: 16, out_0: 20, out_1: 24,
    to_second: 28, to_next: 32, out_0_end: 36
);

/// Puts vector `lane` (0 or 1) into `pair`, a word (two elements) of each vector in turn.
pub fn join(x: &[i16], lane: usize, pair: &mut [i16]) {
    for (pair, x) in pair.chunks_exact_mut(4).zip(x.chunks_exact(2)) {
        if let Some(word) = pair.chunks_exact_mut(2).nth(lane) {
            word.copy_from_slice(x);
        }
    }
}

/// [`crate::matvec_i8_pair`] for the DSP extension: 98 instructions for 128 products.
pub fn matvec_i8_pair(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: [&mut [i32]; 2]) {
    let [out_0, out_1] = out;
    let cols = w.cols();
    let count = (w.data().len() / w.panel_len().max(1)).min(multiplier.len() / PANEL);
    let count = count.min(out_0.len() / PANEL).min(out_1.len() / PANEL);
    let aligned =
        x.as_ptr().cast::<u32>().is_aligned() && w.data().as_ptr().cast::<u32>().is_aligned();
    debug_assert!(x.len() >= 2 * cols, "fewer activations than columns");
    debug_assert!(aligned, "activations and weights are read as words");
    if x.len() < 2 * cols || cols == 0 || count == 0 || !aligned {
        return;
    }
    let start = x.as_ptr();
    let rows = Rows {
        weights: w.data().as_ptr(),
        x: start,
        x_end: start.wrapping_add(2 * cols),
        block_bytes: 4 * w.block().min(cols),
        multiplier: multiplier.as_ptr(),
        out_0: out_0.as_mut_ptr(),
        out_1: out_1.as_mut_ptr(),
        to_second: 16isize.wrapping_sub_unsigned(2 * w.panel_len()),
        to_next: -16,
        out_0_end: out_0.as_mut_ptr().wrapping_add(PANEL * count),
    };
    // SAFETY: `count` panels of `panel_len` half-words, 2·cols activations, and `PANEL·count`
    // multipliers and results are inside the slices, as computed above; both counts are above
    // 0, cols is a multiple of 16, and what is read as words is aligned.
    unsafe { pairs_of_rows(&rows) }
}

/// Four columns of a pair of rows: 12 instructions for 16 products. `next` is where the following
/// weights lie.
macro_rules! four_columns {
    ($next:literal) => {
        concat!(
            "ldrd r6, r7, [r0], #",
            $next,
            "
            ldmia r1!, {{r8-r11}}
            smlad r2, r6, r8, r2
            smlad r4, r6, r9, r4
            sxtb16 r6, r6
            smlad r3, r6, r8, r3
            smlad r5, r6, r9, r5
            smlad r2, r7, r10, r2
            smlad r4, r7, r11, r4
            sxtb16 r7, r7
            smlad r3, r7, r10, r3
            smlad r5, r7, r11, r5
            "
        )
    };
}

/// Sixteen columns: two runs, the other pair of rows between them.
macro_rules! sixteen_columns {
    () => {
        concat!(
            four_columns!("8"),
            four_columns!("24"),
            four_columns!("8"),
            four_columns!("24")
        )
    };
}

/// Runs over all pairs of rows. Registers: r0 weights, r1 activations, r2/r3 and r4/r5 the sums
/// Σh·x and Σ(low byte)·x of the two vectors, r6, r7 weights, r8-r11 activations, r12 end of the
/// block, lr end of the activations. Stack: [0] start and [4] end of the activations, [8] bytes of
/// a block, [12], [16] totals of the odd row, [20] multipliers, [24], [28] results, [32], [36]
/// steps from here and from the next pair of rows, [40] end of the results.
///
/// # Safety
/// The fields of `Rows` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn pairs_of_rows(arguments: &Rows) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, #44",
        "ldmia r0!, {{r1-r7}}", // weights, x, x_end, block_bytes, multiplier, out_0, out_1
        "ldmia r0, {{r8-r10}}", // to_second, to_next, out_0_end
        "strd r2, r3, [sp]",
        "str r4, [sp, #8]",
        "str r5, [sp, #20]",
        "strd r6, r7, [sp, #24]",
        "strd r8, r9, [sp, #32]",
        "str r10, [sp, #40]",
        "mov r0, r1",
        // A pair of rows, which is one block as a rule.
        "2:",
        "ldrd r1, lr, [sp]",
        "movs r2, #0",
        "movs r3, #0",
        "movs r4, #0",
        "movs r5, #0",
        "strd r2, r3, [sp, #12]",
        // A block: its end is r1 + block_bytes, at most the end of the activations.
        "3:",
        "ldr r12, [sp, #8]",
        "add r12, r1",
        "cmp r12, lr",
        "it hi",
        "movhi r12, lr",
        "subs r6, r12, r1",
        "lsls r6, r6, #25", // bit 6 to the sign: an odd number of 16 columns
        "bmi 5f",
        // 32 columns.
        "4:",
        sixteen_columns!(),
        "5:",
        sixteen_columns!(),
        "cmp r1, r12",
        "bne 4b",
        // The odd row's sums of the block; the next one starts with equal sums.
        "ldrd r6, r7, [sp, #12]",
        "subs r2, r2, r3",
        "subs r4, r4, r5",
        "add r6, r6, r2, asr #8",
        "add r7, r7, r4, asr #8",
        "cmp r1, lr",
        "beq 6f",
        "strd r6, r7, [sp, #12]",
        "mov r2, r3",
        "mov r4, r5",
        "b 3b",
        // Requantise: r3, r6 of the first vector, r5, r7 of the second.
        "6:",
        "ldr r8, [sp, #20]",
        "ldrd r10, r11, [r8], #8",
        "str r8, [sp, #20]",
        "ldrd r8, r9, [sp, #24]",
        "smmulr r3, r3, r10",
        "smmulr r6, r6, r11",
        "smmulr r5, r5, r10",
        "smmulr r7, r7, r11",
        "strd r3, r6, [r8], #8",
        "strd r5, r7, [r9], #8",
        "strd r8, r9, [sp, #24]",
        "ldrd r10, r11, [sp, #32]",
        "add r0, r10",
        "strd r11, r10, [sp, #32]",
        "ldr r10, [sp, #40]",
        "cmp r8, r10",
        "bne 2b",
        "add sp, #44",
        "pop {{r4-r11, pc}}",
    )
}
