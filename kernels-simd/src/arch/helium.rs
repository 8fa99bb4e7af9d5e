//! Armv8.1-M with the M-profile vector extension (Helium): Cortex-M55, M85.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

use crate::scalar::matrix::{I8Matrix, PANEL};
use core::arch::naked_asm;

/// What [`panels`] works on, at the offsets that it reads.
#[repr(C)]
struct Panels {
    /// 0: first half-word of the first panel.
    weights: *const i16,
    /// 4: first activation.
    x: *const i16,
    /// 8: tiles of 16 columns of a row, above 0.
    tiles: usize,
    /// 12: tiles of a block, above 0.
    block_tiles: usize,
    /// 16: multipliers.
    multiplier: *const i32,
    /// 20: results.
    out: *mut i32,
    /// 24: panels, above 0.
    panels: usize,
}

/// [`crate::scalar::matrix::matvec_i8`] with Helium: 19 instructions for 64 products.
pub fn matvec_i8(w: &I8Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let count = (w.data().len() / w.panel_len().max(1)).min(multiplier.len() / PANEL).min(out.len() / PANEL);
    if x.len() < w.cols() || w.cols() == 0 || count == 0 {
        return crate::scalar::matrix::matvec_i8(w, x, multiplier, out);
    }
    let arguments = Panels {
        weights: w.data().as_ptr(),
        x: x.as_ptr(),
        tiles: w.cols() / 16,
        block_tiles: w.block().min(w.cols()) / 16,
        multiplier: multiplier.as_ptr(),
        out: out.as_mut_ptr(),
        panels: count,
    };
    // SAFETY: `count` panels of `panel_len` half-words, `cols` activations (a multiple of 16 above 0) and `PANEL·count`
    // multipliers and results are inside the slices, as computed above.
    unsafe { panels(&arguments) }
}

/// Runs over all panels. Registers: r0 weights, r1 activations, r2/r4 and r6/r8 the sums Σh·x and Σ(low byte)·x of the
/// two pairs, r3/r5 totals of the odd rows, r7 tiles left in the row, r9 arguments, r10 multipliers, r11 results, r12 panels
/// left, lr loop count.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &Panels) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
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
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// What [`rows`] works on, at the offsets that it reads; it moves k, q and shifts along.
#[repr(C)]
struct Rows {
    /// 0: the state.
    s: *mut i32,
    /// 4: rows left, above 0.
    rows: usize,
    /// 8: key channels.
    k: *const i32,
    /// 12: query channels.
    q: *const i32,
    /// 16: whole bits of decay of each row, or null.
    shifts: *const u32,
    /// 20: values.
    v: *const i32,
    /// 24: results, zero at first.
    o: *mut i32,
    /// 28: vectors of four elements of a row, above 0.
    vectors: usize,
}

/// [`crate::scalar::state::state_write_read`] with Helium: 14 instructions for 4 elements.
pub fn state_write_read(s: &mut [i32], shifts: &[u32], k: &[i32], v: &[i32], q: &[i32], o: &mut [i32]) -> u32 {
    let (d_k, d_v) = (k.len(), v.len());
    let fits = d_k == q.len() && d_v == o.len() && s.len() == d_k * d_v && (shifts.is_empty() || shifts.len() == d_k);
    if !fits || s.is_empty() || !d_v.is_multiple_of(4) {
        return crate::scalar::state::state_write_read(s, shifts, k, v, q, o);
    }
    o.fill(0);
    let mut arguments = Rows {
        s: s.as_mut_ptr(),
        rows: d_k,
        k: k.as_ptr(),
        q: q.as_ptr(),
        shifts: if shifts.is_empty() { core::ptr::null() } else { shifts.as_ptr() },
        v: v.as_ptr(),
        o: o.as_mut_ptr(),
        vectors: d_v / 4,
    };
    // SAFETY: the slices have d_k·d_v, d_k and d_v elements, as just checked; d_v is a multiple of 4 and neither is 0.
    unsafe { rows(&mut arguments) }
}

/// All rows; returns the magnitude mask. Registers: r0 state, r1 values, r2 results, r3 arguments, r4 k, r5 q, r6 shift,
/// q7 mask, q3 k, q4 q, q6 shift.
///
/// # Safety
/// The fields of `Rows` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn rows(arguments: &mut Rows) -> u32 {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "mov r3, r0",
        "ldrd r0, r12, [r3]",
        "vmov.i32 q7, #0",
        "2:",
        "ldrd r8, r9, [r3, #8]",
        "ldrd r10, r1, [r3, #16]",
        "ldr r4, [r8], #4",
        "ldr r5, [r9], #4",
        "ldrd r2, r11, [r3, #24]",
        "strd r8, r9, [r3, #8]",
        "movs r6, #0",
        "cmp r10, #0",
        "itt ne",
        "ldrne r6, [r10], #4",
        "strne r10, [r3, #16]",
        // From 32 bits on nothing is left; the vector shift's amount is a byte.
        "cmp r6, #40",
        "it hi",
        "movhi r6, #40",
        "rsbs r6, r6, #0",
        "vdup.32 q3, r4",
        "vdup.32 q4, r5",
        "vdup.32 q6, r6",
        "dls lr, r11",
        "3:",
        "vldrw.u32 q0, [r0]",
        "vldrw.u32 q1, [r1], #16",
        "vrshl.s32 q0, q0, q6",
        "vrmulh.s32 q1, q1, q3",
        "vldrw.u32 q2, [r2]",
        "vadd.i32 q0, q0, q1",
        "vrmulh.s32 q1, q0, q4",
        "vstrw.32 q0, [r0], #16",
        "vadd.i32 q2, q2, q1",
        "vshr.s32 q1, q0, #31",
        "vstrw.32 q2, [r2], #16",
        "veor q0, q0, q1",
        "vorr q7, q7, q0",
        "le lr, 3b",
        "subs r12, r12, #1",
        "bne 2b",
        // The lanes' OR.
        "vmov r0, r1, d14",
        "vmov r2, r3, d15",
        "orrs r0, r1",
        "orrs r2, r3",
        "orrs r0, r2",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}
