//! The state of one head, sixteen columns at a time: their sums stay in registers over all rows.

use crate::fixed;
use core::arch::naked_asm;

/// What the passes work on, at the offsets that they read; a pass moves on from strip to strip.
#[repr(C)]
struct Strip {
    /// First row.
    s: *mut i32,
    /// Bytes from the end of a row of the strip to the next row's start.
    stride: usize,
    /// Key channels.
    k: *const i32,
    /// Query channels.
    q: *const i32,
    /// Values.
    v: *const i32,
    /// Results.
    o: *mut i32,
    /// Bits that each row is shifted by, below 2^31.
    shifts: *const u32,
    /// Rows, above 0.
    rows: usize,
}
offsets!(Strip, s: 0, stride: 4, k: 8, q: 12, v: 16, o: 20, shifts: 24, rows: 28);

impl Strip {
    /// The strip of `columns` columns from `column` on.
    fn at(&self, column: usize, columns: usize, d_v: usize) -> Strip {
        Strip {
            s: self.s.wrapping_add(column),
            stride: 4 * (d_v - columns),
            v: self.v.wrapping_add(column),
            o: self.o.wrapping_add(column),
            ..*self
        }
    }

    /// Runs `wide` on every 16 columns and `narrow` on every 4 of the rest; the largest of the
    /// results.
    ///
    /// # Safety
    /// The fields have to hold what they say, for rows of `d_v` columns, a multiple of 4.
    unsafe fn sweep(&self, d_v: usize, wide: Pass, narrow: Pass) -> u32 {
        let mut largest = 0;
        let mut column = 0;
        while column < d_v {
            let (columns, pass) = if column + 16 <= d_v {
                (16, wide)
            } else {
                (4, narrow)
            };
            // SAFETY: the strip's columns are inside a row.
            largest = largest.max(unsafe { pass(&self.at(column, columns, d_v)) });
            column += columns;
        }
        largest
    }
}

/// A function over the rows of a strip; returns the largest magnitude that it wrote.
type Pass = unsafe extern "C" fn(&Strip) -> u32;

/// [`crate::scalar::state::state_write_read`]: 38 instructions for 16 elements, 45 where rows are shifted.
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
    let all = Strip {
        s: s.as_mut_ptr(),
        stride: 0,
        k: k.as_ptr(),
        q: q.as_ptr(),
        v: v.as_ptr(),
        o: o.as_mut_ptr(),
        shifts: shifts.as_ptr(),
        rows: d_k,
    };
    let (wide, narrow): (Pass, Pass) = if shifts.is_empty() {
        (write_read_16, write_read_4)
    } else {
        (shift_write_read_16, shift_write_read_4)
    };
    // SAFETY: the slices have d_k·d_v, d_k and d_v elements, as just checked, and none is empty.
    let largest = unsafe { all.sweep(d_v, wide, narrow) };
    // Of ±2^b only the positive one needs b + 1 bits.
    if largest.is_power_of_two() {
        super::vector::magnitude(s)
    } else {
        fixed::ones(largest)
    }
}

/// [`crate::scalar::state::state_read`]: one instruction an element.
pub fn state_read(s: &[i32], k: &[i32], r: &mut [i32]) {
    let (d_k, d_v) = (k.len(), r.len());
    if s.is_empty() || s.len() != d_k * d_v || !d_v.is_multiple_of(4) {
        return crate::scalar::state::state_read(s, k, r);
    }
    let all = Strip {
        s: s.as_ptr().cast_mut(),
        stride: 0,
        k: k.as_ptr(),
        q: core::ptr::null(),
        v: core::ptr::null(),
        o: r.as_mut_ptr(),
        shifts: core::ptr::null(),
        rows: d_k,
    };
    // SAFETY: the slices have d_k·d_v, d_k and d_v elements, as just checked, and none is empty;
    // the state is only read.
    unsafe { all.sweep(d_v, read_16, read_4) };
}

/// A pass over the rows of a strip. Registers: r0 state, r1 stride, r2 keys, r3 queries, r4 values,
/// r5 results, r6 shifts, r7 largest magnitude (unsigned), q0-q3 results.
macro_rules! pass {
    ($(#[$doc:meta])* $name:ident, [$($row:expr),*], [$($load:literal),*], [$($store:literal),*]) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The fields of `Strip` have to hold what they say, for a strip of as many columns as the name says.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(strip: &Strip) -> u32 {
            naked_asm!(
                ".cpu cortex-m55",
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "ldrd r6, lr, [r0, #24]",
                "ldrd r4, r5, [r0, #16]",
                "ldrd r2, r3, [r0, #8]",
                "ldrd r0, r1, [r0]",
                "movs r7, #0",
                $($load,)*
                "dls lr, lr",
                "2:",
                $($row,)*
                "add r0, r1",
                "le lr, 2b",
                $($store,)*
                "mov r0, r7",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

/// A row's key in q4 and query in q5.
macro_rules! channel {
    () => {
        "ldr r8, [r2], #4\nldr r9, [r3], #4\nvdup.32 q4, r8\nvdup.32 q5, r9\n"
    };
}

/// A row's shift, as a negative amount up to 63, in r10.
macro_rules! row_shift {
    () => {
        "ldr r10, [r6], #4\nusat r10, #6, r10\nrsbs r10, r10, #0\n"
    };
}

/// Four elements: written, measured, read.
macro_rules! write_read {
    ($sum:literal, $offset:literal, $shift:literal) => {
        concat!(
            "vldrw.u32 q6, [r0]\nvldrw.u32 q7, [r4, #",
            $offset,
            "]\n",
            $shift,
            "\nvrmulh.s32 q7, q7, q4\nvadd.i32 q6, q6, q7\nvstrw.32 q6, [r0], #16\nvmaxav.s32 r7, q6\n",
            "vrmulh.s32 q6, q6, q5\nvadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", q6\n"
        )
    };
}

/// Four elements, read.
macro_rules! read {
    ($sum:literal) => {
        concat!(
            "vldrw.u32 q6, [r0], #16\nvrmulh.s32 q6, q6, q4\nvadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", q6\n"
        )
    };
}

macro_rules! passes_16 {
    ($(#[$doc:meta])* $name:ident, $($row:expr),*) => {
        pass!(
            $(#[$doc])*
            $name, [$($row),*],
            ["vmov.i32 q0, #0", "vmov.i32 q1, #0", "vmov.i32 q2, #0", "vmov.i32 q3, #0"],
            ["vstrw.32 q0, [r5]", "vstrw.32 q1, [r5, #16]", "vstrw.32 q2, [r5, #32]", "vstrw.32 q3, [r5, #48]"]
        );
    };
}

macro_rules! passes_4 {
    ($(#[$doc:meta])* $name:ident, $($row:expr),*) => {
        pass!($(#[$doc])* $name, [$($row),*], ["vmov.i32 q0, #0"], ["vstrw.32 q0, [r5]"]);
    };
}

passes_16!(
    /// Writes and reads; returns the largest |S|.
    write_read_16,
    channel!(), write_read!("q0", "0", ""), write_read!("q1", "16", ""), write_read!("q2", "32", ""), write_read!("q3", "48", "")
);
passes_16!(
    /// [`write_read_16`] with shifted rows.
    shift_write_read_16,
    row_shift!(), channel!(),
    write_read!("q0", "0", "vrshl.s32 q6, r10"), write_read!("q1", "16", "vrshl.s32 q6, r10"),
    write_read!("q2", "32", "vrshl.s32 q6, r10"), write_read!("q3", "48", "vrshl.s32 q6, r10")
);
passes_16!(
    /// Reads with k.
    read_16,
    "ldr r8, [r2], #4\nvdup.32 q4, r8\n", read!("q0"), read!("q1"), read!("q2"), read!("q3")
);
passes_4!(
    /// [`write_read_16`] for four columns.
    write_read_4, channel!(), write_read!("q0", "0", "")
);
passes_4!(
    /// [`shift_write_read_16`] for four columns.
    shift_write_read_4, row_shift!(), channel!(), write_read!("q0", "0", "vrshl.s32 q6, r10")
);
passes_4!(
    /// [`read_16`] for four columns.
    read_4, "ldr r8, [r2], #4\nvdup.32 q4, r8\n", read!("q0")
);
