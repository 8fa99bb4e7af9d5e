//! The int16 state (numerics.md N6.7) with Helium.

use crate::scalar::state16::{self, DITHER_STEP};
use core::arch::naked_asm;

/// What [`rows`] works on, at the offsets that it reads; it moves k, q and shifts along.
#[repr(C)]
struct Rows {
    /// The state.
    s: *mut i32,
    /// Pairs of rows left, above 0.
    pairs: usize,
    /// Pairs of key channels.
    k: *const i32,
    /// Pairs of query channels.
    q: *const i32,
    /// Whole bits of decay of each row, or null.
    shifts: *const u32,
    /// Values.
    v: *const i32,
    /// Results, zero at first.
    o: *mut i32,
    /// Vectors of four words of a pair of rows, above 0.
    vectors: usize,
    /// Dither of the first four words.
    dither: [u32; 4],
    /// What it grows by from one vector to the next.
    step: u32,
}
offsets!(
    Rows, s: 0, pairs: 4, k: 8, q: 12, shifts: 16, v: 20, o: 24, vectors: 28, dither: 32, step: 48
);

/// [`state16::state16_write_read`] with Helium: 21 instructions for 8 elements, 26 in a pair of
/// rows that is shifted.
pub fn state16_write_read(
    s: &mut [i32],
    shifts: &[u32],
    k: &[i32],
    v: &[i32],
    q: &[i32],
    dither: u32,
    o: &mut [i32],
) -> u32 {
    let (pairs, d_v) = (k.len(), v.len());
    let shifted = shifts.is_empty() || shifts.len() == 2 * pairs;
    let fits = pairs == q.len() && d_v == o.len() && s.len() == pairs * d_v && shifted;
    if !fits || s.is_empty() || !d_v.is_multiple_of(4) {
        return state16::state16_write_read(s, shifts, k, v, q, dither, o);
    }
    o.fill(0);
    let mut arguments = Rows {
        s: s.as_mut_ptr(),
        pairs,
        k: k.as_ptr(),
        q: q.as_ptr(),
        shifts: if shifts.is_empty() {
            core::ptr::null()
        } else {
            shifts.as_ptr()
        },
        v: v.as_ptr(),
        o: o.as_mut_ptr(),
        vectors: d_v / 4,
        dither: [0, 1, 2, 3].map(|lane| dither.wrapping_add(DITHER_STEP.wrapping_mul(lane))),
        step: DITHER_STEP.wrapping_mul(4),
    };
    // SAFETY: the slices have pairs·d_v, pairs (shifts twice as many) and d_v elements, as just
    // checked; d_v is a multiple of 4 and neither is 0.
    let mask = unsafe { rows(&mut arguments) };
    (mask | mask >> 16) & 0x7fff
}

/// From `S·2^16 / 2^n + d` of the rows in q2 and q0 and the values in q1 on. A doubling high
/// product with k·2^15 is ⌊V·k/2^16⌋.
macro_rules! write_and_read {
    () => {
        "
        vqdmulh.s32 q3, q1, r4
        vadd.i32 q6, q6, r9
        vadd.i32 q2, q2, q3
        vqdmulh.s32 q3, q1, r5
        vldrw.u32 q1, [r2]
        vadd.i32 q0, q0, q3
        vsri.32 q0, q2, #16
        vmullb.s16 q2, q0, q5
        vstrw.32 q0, [r0], #16
        vmullt.s16 q3, q0, q5
        vadd.i32 q1, q1, q2
        vshr.s32 q2, q0, #1
        vadd.i32 q1, q1, q3
        veor q0, q0, q2
        vstrw.32 q1, [r2], #16
        vorr q7, q7, q0
        "
    };
}

/// All pairs of rows; returns the OR of `w ^ (w >> 1)` over the words. Registers: r0 state, r1
/// values, r2 results, r3 arguments, r4 and r5 k·2^15 of the two rows, r6 and r7 their shifts,
/// negated, r9 the dither's step, r12 pairs left; q5 q, q6 dither, q7 mask.
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
        "add r1, r3, #32",
        "vldrw.u32 q6, [r1]",
        "ldr r9, [r3, #48]",
        "vmov.i32 q7, #0",
        "2:",
        "ldrd r8, r10, [r3, #8]",
        "ldrd r11, r1, [r3, #16]",
        "ldr r4, [r8], #4",
        "ldr r2, [r10], #4",
        "strd r8, r10, [r3, #8]",
        "vdup.32 q5, r2",
        "ldrd r2, lr, [r3, #24]",
        "asrs r5, r4, #16",
        "lsls r5, r5, #15",
        "sxth r4, r4",
        "lsls r4, r4, #15",
        "dls lr, lr",
        "cmp r11, #0",
        "beq 3f",
        "ldrd r6, r7, [r11], #8",
        "str r11, [r3, #16]",
        "orrs r8, r6, r7",
        "bne 4f",
        "3:",
        "vldrw.u32 q0, [r0]",
        "vmov q2, q6",
        "vldrw.u32 q1, [r1], #16",
        "vsli.32 q2, q0, #16",
        "vsri.32 q0, q6, #16",
        write_and_read!(),
        "le lr, 3b",
        "b 5f",
        // From 31 bits on only the sign is left; a vector shift's amount is a byte.
        "4:",
        "cmp r6, #31",
        "it hi",
        "movhi r6, #31",
        "cmp r7, #31",
        "it hi",
        "movhi r7, #31",
        "rsbs r6, r6, #0",
        "rsbs r7, r7, #0",
        "6:",
        "vldrw.u32 q0, [r0]",
        "vmovlb.u16 q3, q6",
        "vshl.i32 q2, q0, #16",
        "vshl.s32 q2, r6",
        "vbic.i32 q0, #0xff",
        "vbic.i32 q0, #0xff00",
        "vldrw.u32 q1, [r1], #16",
        "vshl.s32 q0, r7",
        "vadd.i32 q2, q2, q3",
        "vshr.u32 q3, q6, #16",
        "vadd.i32 q0, q0, q3",
        write_and_read!(),
        "le lr, 6b",
        "5:",
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
