//! The state's pass: shift, write, read.

use core::arch::naked_asm;

/// What [`rows`] works on, at the offsets that it reads; it moves the three pointers along.
#[repr(C)]
struct Rows {
    /// The state.
    s: *mut i32,
    /// Its end.
    s_end: *mut i32,
    /// Key channels.
    k: *const i32,
    /// Query channels.
    q: *const i32,
    /// Whole bits of decay of each row, or null.
    shifts: *const u32,
    /// Values.
    v: *const i32,
    /// Results, zero at first.
    o: *mut i32,
    /// Bytes of a row, a multiple of 16 above 0.
    row_bytes: usize,
}
offsets!(Rows, s: 0, s_end: 4, k: 8, q: 12, shifts: 16, v: 20, o: 24, row_bytes: 28);

/// [`crate::scalar::state::state_write_read`]: 7 instructions an element, 9 in a row that is shifted.
pub fn state_write_read(
    s: &mut [i32],
    shifts: &[u32],
    k: &[i32],
    v: &[i32],
    q: &[i32],
    o: &mut [i32],
) -> u32 {
    let (d_k, d_v) = (k.len(), v.len());
    let fits = d_k == q.len()
        && d_v == o.len()
        && s.len() == d_k * d_v
        && (shifts.is_empty() || shifts.len() == d_k);
    if !fits || s.is_empty() || !d_v.is_multiple_of(4) {
        return crate::scalar::state::state_write_read(s, shifts, k, v, q, o);
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
    };
    // SAFETY: the slices have d_k·d_v, d_k and d_v elements, as just checked; d_v is a multiple of
    // 4 and neither is 0.
    crate::fixed::ones(unsafe { rows(&mut arguments) })
}

/// Two elements: r8, r9 state, r10, r11 values, then results.
macro_rules! two_elements {
    ($shift:literal) => {
        concat!(
            "
            ldrd r8, r9, [r0]
            ldrd r10, r11, [r1], #8
            ",
            $shift,
            "
            smmlar r8, r4, r10, r8
            smmlar r9, r4, r11, r9
            ldrd r10, r11, [r2]
            strd r8, r9, [r0], #8
            smmlar r10, r5, r8, r10
            smmlar r11, r5, r9, r11
            eor r8, r8, r8, asr #31
            strd r10, r11, [r2], #8
            eor r9, r9, r9, asr #31
            orr r7, r7, r8
            orr r7, r7, r9
            "
        )
    };
}

/// All rows; returns the magnitude mask. Registers: r0 state, r1 values, r2 results, r3 end of the
/// row, r4 k, r5 q, r6 shift, r7 mask, r12 arguments.
///
/// # Safety
/// The fields of `Rows` have to hold what they say.
#[unsafe(naked)]
unsafe extern "C" fn rows(arguments: &mut Rows) -> u32 {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "mov r12, r0",
        "ldr r0, [r12]",
        "movs r7, #0",
        // A row.
        "2:",
        "ldrd r8, r9, [r12, #8]",
        "ldrd r10, r1, [r12, #16]",
        "ldrd r2, r3, [r12, #24]",
        "ldr r4, [r8], #4",
        "ldr r5, [r9], #4",
        "adds r3, r0",
        "strd r8, r9, [r12, #8]",
        "cmp r10, #0",
        "beq 3f",
        "ldr r6, [r10], #4",
        "str r10, [r12, #16]",
        "cmp r6, #0",
        "bne 4f",
        "3:",
        two_elements!(""),
        two_elements!(""),
        "cmp r0, r3",
        "bne 3b",
        "b 5f",
        // A shifted row: the bit that a shift drops last is the carry, also for shifts of 32; from
        // 33 on all is 0.
        "4:",
        "cmp r6, #33",
        "it hi",
        "movhi r6, #33",
        "6:",
        two_elements!("asrs r8, r8, r6\nadc r8, r8, #0\nasrs r9, r9, r6\nadc r9, r9, #0"),
        two_elements!("asrs r8, r8, r6\nadc r8, r8, #0\nasrs r9, r9, r6\nadc r9, r9, #0"),
        "cmp r0, r3",
        "bne 6b",
        "5:",
        "ldr r3, [r12, #4]",
        "cmp r0, r3",
        "bne 2b",
        "mov r0, r7",
        "pop {{r4-r11, pc}}",
    )
}
