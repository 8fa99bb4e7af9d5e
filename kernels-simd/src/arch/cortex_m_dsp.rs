//! Armv7E-M and Armv8-M with the DSP extension: Cortex-M4, M7, M33.
#![allow(unsafe_code, reason = "assembly; every block states why it is sound")]

use crate::scalar::matrix::{I8Matrix, PANEL};
use core::arch::naked_asm;

// Naked functions are assembled with the target's features, not the processor's; Armv8-M has DSP only as an option.
#[cfg(sla_arm_v8m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(sla_arm_v8m))]
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

/// [`crate::scalar::matrix::matvec_i8`] for the DSP extension: 111 instructions for 128 products.
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

/// Runs over all panels. Registers: r0 weights, r1 activations, r2/r3 and r4/r5 the sums Σh·x and Σ(low byte)·x of the
/// two pairs, r6-r9 weights, r10-r12 and lr activations. Stack: [0] end of the block, [4] end of the activations,
/// [8] bytes of a block, [12], [16] totals of the odd rows, [20] multipliers, [24] results, [28] end of the results,
/// [32] start of the activations.
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

/// [`crate::scalar::state::state_write_read`]: about 7 instructions an element, 9 in a row that is shifted.
#[inline(never)] // so that it keeps this crate's optimisation level
pub fn state_write_read(s: &mut [i32], shifts: &[u32], k: &[i32], v: &[i32], q: &[i32], o: &mut [i32]) -> u32 {
    let (rows, cols) = (k.len(), v.len());
    let fits = rows == q.len() && cols == o.len() && s.len() == rows * cols && (shifts.is_empty() || shifts.len() == rows);
    if !fits || cols == 0 || !cols.is_multiple_of(2) {
        return crate::scalar::state::state_write_read(s, shifts, k, v, q, o);
    }
    o.fill(0);
    let mut mask = 0;
    let mut shifts = shifts.iter();
    for ((row, k), q) in s.chunks_exact_mut(cols).zip(k).zip(q) {
        let n = shifts.next().copied().unwrap_or(0);
        let row = row.as_mut_ptr_range();
        // SAFETY: `row`, `v` and `o` have `cols` elements, an even number above 0.
        mask |= unsafe {
            if n == 0 {
                write_read_row(row, v.as_ptr(), o.as_mut_ptr(), *k, *q)
            } else {
                shift_write_read_row(row, n.min(33), v.as_ptr(), o.as_mut_ptr(), *k, *q)
            }
        };
    }
    mask
}

macro_rules! row {
    ($(#[$doc:meta])* $name:ident ($($n:ident)?) $($shift:literal)*) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The range holds an even number of elements above 0, `v` and `o` as many.
        #[inline(always)]
        unsafe fn $name(s: core::ops::Range<*mut i32>, $($n: u32,)? v: *const i32, o: *mut i32, k: i32, q: i32) -> u32 {
            let mut mask = 0u32;
            // SAFETY: reads and writes inside the three ranges, two elements at a time.
            unsafe {
                core::arch::asm!(
                    "2:",
                    "ldrd {s0}, {s1}, [{s}]",
                    "ldrd {a0}, {a1}, [{v}], #8",
                    $($shift,)*
                    "smmlar {s0}, {k}, {a0}, {s0}",
                    "smmlar {s1}, {k}, {a1}, {s1}",
                    "ldrd {a0}, {a1}, [{o}]",
                    "strd {s0}, {s1}, [{s}], #8",
                    "smmlar {a0}, {q}, {s0}, {a0}",
                    "smmlar {a1}, {q}, {s1}, {a1}",
                    "eor {s0}, {s0}, {s0}, asr #31",
                    "strd {a0}, {a1}, [{o}], #8",
                    "eor {s1}, {s1}, {s1}, asr #31",
                    "orr {mask}, {mask}, {s0}",
                    "cmp {s}, {end}",
                    "orr {mask}, {mask}, {s1}",
                    "bne 2b",
                    s = inout(reg) s.start => _,
                    v = inout(reg) v => _,
                    o = inout(reg) o => _,
                    end = in(reg) s.end,
                    k = in(reg) k,
                    q = in(reg) q,
                    mask = inout(reg) mask,
                    s0 = out(reg) _,
                    s1 = out(reg) _,
                    a0 = out(reg) _,
                    a1 = out(reg) _,
                    $($n = in(reg) $n,)?
                    options(nostack),
                );
            }
            mask
        }
    };
}

row! {
    /// One row: `S_j += mulhr(k, v_j)`, `o_j += mulhr(S_j, q)`; returns the row's magnitude mask.
    write_read_row()
}
row! {
    /// The same after `S_j ← round_shr(S_j, n)`, n from 1 to 33: the bit that a shift drops last is the carry.
    shift_write_read_row(n)
    "asrs {s0}, {s0}, {n}"
    "adc {s0}, {s0}, #0"
    "asrs {s1}, {s1}, {n}"
    "adc {s1}, {s1}, #0"
}

/// [`crate::scalar::state::state_read`].
pub fn state_read(s: &[i32], k: &[i32], r: &mut [i32]) {
    crate::scalar::state::state_read(s, k, r);
}
