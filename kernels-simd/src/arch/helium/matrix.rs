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
    /// Tiles of 16 columns of a row, above 0.
    tiles: usize,
    /// Tiles of a block, above 0.
    block_tiles: usize,
    /// Multipliers.
    multiplier: *const i32,
    /// Results.
    out: *mut i32,
    /// Panels, above 0.
    panels: usize,
}
offsets!(Panels, weights: 0, x: 4, tiles: 8, block_tiles: 12, multiplier: 16, out: 20, panels: 24);

/// What [`panel_pairs`] works on, at the offsets that it reads.
#[repr(C)]
struct PanelPairs {
    /// First activation.
    x: *const i16,
    /// Tiles of 16 columns of a row, above 0.
    tiles: usize,
    /// Bytes of a panel.
    panel_bytes: usize,
    /// One past the last result; `out + 32·pairs`, pairs above 0.
    out_end: *mut i32,
    /// First half-word of the first panel.
    weights: *const i16,
    /// Multipliers.
    multiplier: *const i32,
    /// Results.
    out: *mut i32,
}
offsets!(
    PanelPairs, x: 0, tiles: 4, panel_bytes: 8, out_end: 12, weights: 16, multiplier: 20, out: 24
);

/// [`crate::scalar::matrix::matvec_i8`]: 70 instructions for 256 products where a row is one block.
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let count = (w.data().len() / w.panel_len().max(1))
        .min(multiplier.len() / PANEL)
        .min(out.len() / PANEL);
    if x.len() < w.cols() || w.cols() == 0 || count == 0 {
        return crate::scalar::matrix::matvec_i8(w, x, multiplier, out);
    }
    let in_pairs = if w.block() < w.cols() { 0 } else { count & !1 };
    let (weights, multiplier, out) = (w.data().as_ptr(), multiplier.as_ptr(), out.as_mut_ptr());
    if in_pairs > 0 {
        let arguments = PanelPairs {
            x: x.as_ptr(),
            tiles: w.cols() / 16,
            panel_bytes: 2 * w.panel_len(),
            out_end: out.wrapping_add(PANEL * in_pairs),
            weights,
            multiplier,
            out,
        };
        // SAFETY: as below, for the first `in_pairs` panels, an even number above 0; a row is one
        // block.
        unsafe { panel_pairs(&arguments) }
    }
    if in_pairs < count {
        let arguments = Panels {
            weights: weights.wrapping_add(w.panel_len() * in_pairs),
            x: x.as_ptr(),
            tiles: w.cols() / 16,
            block_tiles: w.block().min(w.cols()) / 16,
            multiplier: multiplier.wrapping_add(PANEL * in_pairs),
            out: out.wrapping_add(PANEL * in_pairs),
            panels: count - in_pairs,
        };
        // SAFETY: `count` panels of `panel_len` half-words, `cols` activations (a multiple of 16
        // above 0) and `PANEL·count` multipliers and results are inside the slices, as
        // computed above.
        unsafe { panels(&arguments) }
    }
}

/// Eight columns of two panels: 17 instructions for 64 products. `$add` is "a" to add to the sums,
/// nothing to begin them.
macro_rules! eight_columns {
    () => {
        eight_columns!("a")
    };
    ($add:literal) => {
        concat!(
            "vldrh.u16 q0, [r1], #16\n",
            "vldrh.u16 q1, [r3], #16\n",
            "vmladav",
            $add,
            ".s16 r0, q0, q1\n",
            "vmovlb.s8 q1, q1\n",
            "vldrh.u16 q2, [r3], #16\n",
            "vmladav",
            $add,
            ".s16 r2, q0, q1\n",
            "vmladav",
            $add,
            ".s16 r4, q0, q2\n",
            "vmovlb.s8 q2, q2\n",
            "vldrh.u16 q1, [r5], #16\n",
            "vmladav",
            $add,
            ".s16 r6, q0, q2\n",
            "vmladav",
            $add,
            ".s16 r8, q0, q1\n",
            "vmovlb.s8 q1, q1\n",
            "vldrh.u16 q2, [r5], #16\n",
            "vmladav",
            $add,
            ".s16 r10, q0, q1\n",
            "vmladav",
            $add,
            ".s16 r12, q0, q2\n",
            "vmovlb.s8 q2, q2\n",
            "vmladav",
            $add,
            ".s16 lr, q0, q2\n",
        )
    };
}

/// Runs over panels two by two, whose rows are one block. Registers: r0, r4, r8, r12 the sums Σh·x
/// of the four pairs of rows, r2, r6, r10, lr those of the low bytes, r1 activations, r3 and r5
/// weights, r7 loops left, r9 multipliers, r11 results. Stack: the first four fields.
///
/// # Safety
/// The fields of `PanelPairs` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panel_pairs(arguments: &PanelPairs) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "sub sp, #20",
        "ldrd r9, r11, [r0, #20]",
        "ldm r0, {{r1, r2, r3, r4, r5}}",
        "stm sp, {{r1, r2, r3, r4}}",
        "2:",
        "mov r3, r5",
        "ldrd r1, r7, [sp]",
        "ldr r5, [sp, #8]",
        "add r5, r3",
        // The first 16 columns begin the sums.
        eight_columns!(""),
        eight_columns!(),
        "lsrs r7, r7, #1", // of an even number of 16 columns an odd one is left
        "beq 5f",
        "bcc 4f",
        // 32 columns.
        "3:",
        eight_columns!(),
        eight_columns!(),
        "4:",
        eight_columns!(),
        eight_columns!(),
        "subs r7, #1",
        "bne 3b",
        "5:",
        // Even rows in q0, odd rows in q1.
        "vmov q0[2], q0[0], r2, r10",
        "vmov q0[3], q0[1], r6, lr",
        "vmov q1[2], q1[0], r0, r8",
        "vmov q1[3], q1[1], r4, r12",
        "vld20.32 {{q2, q3}}, [r9]",
        "vsub.i32 q1, q1, q0",
        "vld21.32 {{q2, q3}}, [r9]!",
        "vshr.s32 q1, q1, #8",
        "ldr r0, [sp, #12]",
        "vrmulh.s32 q0, q0, q2",
        "vrmulh.s32 q1, q1, q3",
        "vst20.32 {{q0, q1}}, [r11]",
        "vst21.32 {{q0, q1}}, [r11]!",
        "cmp r11, r0",
        "bne 2b",
        "add sp, #20",
        "pop {{r4-r11, pc}}",
    )
}

/// Runs over all panels, block by block. Registers: r0 weights, r1 activations, r2/r4 and r6/r8 the
/// sums Σh·x and Σ(low byte)·x of the two pairs, r3/r5 totals of the odd rows, r7 tiles left in the
/// row, r9 arguments, r10 multipliers, r11 results, r12 panels left, lr loop count.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &Panels) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "mov r9, r0",
        "ldrd r10, r11, [r9, #16]",
        "ldr r12, [r9, #24]",
        "ldr r0, [r9]",
        // A panel, which is one block as a rule.
        "2:",
        "ldrd r1, r7, [r9, #4]",
        "movs r2, #0",
        "movs r3, #0",
        "movs r4, #0",
        "movs r5, #0",
        "movs r6, #0",
        "mov r8, #0",
        // A block.
        "3:",
        "ldr lr, [r9, #12]",
        "cmp lr, r7",
        "it hi",
        "movhi lr, r7",
        "sub r7, r7, lr",
        "dls lr, lr",
        // 16 columns: both runs of both pairs.
        "4:",
        "vldrh.u16 q0, [r1], #16",
        "vldrh.u16 q1, [r0], #16",
        "vmladava.s16 r2, q0, q1",
        "vmovlb.s8 q1, q1",
        "vldrh.u16 q2, [r0], #16",
        "vmladava.s16 r4, q0, q1",
        "vmladava.s16 r6, q0, q2",
        "vmovlb.s8 q2, q2",
        "vldrh.u16 q3, [r1], #16",
        "vmladava.s16 r8, q0, q2",
        "vldrh.u16 q1, [r0], #16",
        "vmladava.s16 r2, q3, q1",
        "vmovlb.s8 q1, q1",
        "vldrh.u16 q2, [r0], #16",
        "vmladava.s16 r4, q3, q1",
        "vmladava.s16 r6, q3, q2",
        "vmovlb.s8 q2, q2",
        "vmladava.s16 r8, q3, q2",
        "le lr, 4b",
        // The odd rows' sums of the block; the next one starts with equal sums.
        "subs r2, r2, r4",
        "add r3, r3, r2, asr #8",
        "sub r6, r6, r8",
        "add r5, r5, r6, asr #8",
        "mov r2, r4",
        "mov r6, r8",
        "cmp r7, #0",
        "bne 3b",
        // Requantise rows 0-3: r4, r3, r8, r5.
        "ldrd r1, r2, [r10], #8",
        "smmulr r4, r4, r1",
        "smmulr r3, r3, r2",
        "ldrd r1, r2, [r10], #8",
        "smmulr r8, r8, r1",
        "smmulr r5, r5, r2",
        "strd r4, r3, [r11], #8",
        "subs r12, r12, #1",
        "strd r8, r5, [r11], #8",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
