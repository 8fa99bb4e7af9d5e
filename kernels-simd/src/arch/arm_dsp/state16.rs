//! The int16 state (numerics.md N6.7) on Armv7E-M and Armv8-M with the DSP extension.

use crate::scalar;
use core::arch::naked_asm;

/// What [`rows`] works on, at the offsets that it reads; it moves k, q and shifts along.
#[repr(C)]
struct Rows {
    /// The state.
    s: *mut i32,
    /// Its end.
    s_end: *mut i32,
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
    /// Bytes of a pair of rows, a multiple of 16 above 0.
    row_bytes: usize,
    /// Dither of the first word.
    dither: u32,
}
offsets!(Rows, s: 0, s_end: 4, k: 8, q: 12, shifts: 16, v: 20, o: 24, row_bytes: 28, dither: 32);

/// [`scalar::state16::state16_write_read`]: 23 instructions for 4 elements, 38 in a pair of rows that is shifted.
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
        return scalar::state16::state16_write_read(s, shifts, k, v, q, dither, o);
    }
    o.fill(0);
    let s = s.as_mut_ptr_range();
    let mut arguments = Rows {
        s: s.start,
        s_end: s.end,
        k: k.as_ptr(),
        q: q.as_ptr(),
        shifts: if shifts.is_empty() {
            core::ptr::null()
        } else {
            shifts.as_ptr()
        },
        v: v.as_ptr(),
        o: o.as_mut_ptr(),
        row_bytes: 4 * d_v,
        dither,
    };
    // SAFETY: the slices have pairs·d_v, pairs (shifts twice as many) and d_v elements, as just
    // checked; d_v is a multiple of 4 and neither is 0.
    let mask = unsafe { rows(&mut arguments) };
    (mask | mask >> 16) & 0x7fff
}

/// A word: two elements of rows that are not shifted. r12 and lr are S·2^16 + d of the two, then
/// the new ones.
macro_rules! word {
    ($s:literal, $v:literal) => {
        concat!(
            "pkhbt r12, r6, ",
            $s,
            ", lsl #16\n",
            "pkhtb lr, ",
            $s,
            ", r6, asr #16\n",
            "smlawb r12, ",
            $v,
            ", r4, r12\n",
            "smlawt lr, ",
            $v,
            ", r4, lr\n",
            "add r6, r6, #0x9d9d9d9d\n",
            "pkhtb ",
            $s,
            ", lr, r12, asr #16\n",
        )
    };
}

/// Two words: r8, r9 state, r10, r11 values, then results.
macro_rules! two_words {
    () => {
        concat!(
            "ldrd r8, r9, [r0]\n",
            "ldrd r10, r11, [r1], #8\n",
            word!("r8", "r10"),
            word!("r9", "r11"),
            "
            ldrd r10, r11, [r2]
            strd r8, r9, [r0], #8
            smlad r10, r8, r5, r10
            smlad r11, r9, r5, r11
            eor r8, r8, r8, asr #1
            strd r10, r11, [r2], #8
            eor r9, r9, r9, asr #1
            orr r7, r7, r8
            orr r7, r7, r9
            "
        )
    };
}

/// A word of rows that are shifted by r9 and r11: r8 state, r10 value, then result.
macro_rules! shifted_word {
    () => {
        "
        ldr r8, [r0]
        ldr r10, [r1], #4
        lsls r12, r8, #16
        asr r12, r12, r9
        bfc r8, #0, #16
        asr lr, r8, r11
        uxtah r12, r12, r6
        add lr, lr, r6, lsr #16
        smlawb r12, r10, r4, r12
        smlawt lr, r10, r4, lr
        add r6, r6, #0x9d9d9d9d
        ldr r10, [r2]
        pkhtb r8, lr, r12, asr #16
        smlad r10, r8, r5, r10
        str r8, [r0], #4
        eor r8, r8, r8, asr #1
        str r10, [r2], #4
        orr r7, r7, r8
        "
    };
}

/// All pairs of rows; returns the OR of `w ^ (w >> 1)` over the words. Registers: r0 state, r1
/// values, r2 results, r3 end of the row, r4 k, r5 q, r6 dither, r7 mask. Stack: [0] arguments.
///
/// # Safety
/// The fields of `Rows` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn rows(arguments: &mut Rows) -> u32 {
    naked_asm!(
        cpu!(),
        "push {{r0, r4-r11, lr}}",
        "ldr r6, [r0, #32]",
        "ldr r0, [r0]",
        "movs r7, #0",
        // A pair of rows.
        "2:",
        "ldr r12, [sp]",
        "ldrd r8, r9, [r12, #8]",
        "ldrd r10, r1, [r12, #16]",
        "ldrd r2, r3, [r12, #24]",
        "ldr r4, [r8], #4",
        "ldr r5, [r9], #4",
        "adds r3, r0",
        "strd r8, r9, [r12, #8]",
        "cmp r10, #0",
        "beq 3f",
        "ldrd r9, r11, [r10], #8",
        "str r10, [r12, #16]",
        "orrs r8, r9, r11",
        "bne 4f",
        "3:",
        two_words!(),
        two_words!(),
        "cmp r0, r3",
        "bne 3b",
        "b 5f",
        // A shift of more than a byte's worth would be taken modulo 256.
        "4:",
        "cmp r9, #31",
        "it hi",
        "movhi r9, #31",
        "cmp r11, #31",
        "it hi",
        "movhi r11, #31",
        "6:",
        shifted_word!(),
        shifted_word!(),
        "cmp r0, r3",
        "bne 6b",
        "5:",
        "ldr r12, [sp]",
        "ldr r3, [r12, #4]",
        "cmp r0, r3",
        "bne 2b",
        "mov r0, r7",
        "add sp, #4",
        "pop {{r4-r11, pc}}",
    )
}
