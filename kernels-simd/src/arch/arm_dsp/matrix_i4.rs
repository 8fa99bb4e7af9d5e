//! int4 matrix with group scales times int16 vector.

use crate::scalar::matrix::PANEL;
use crate::scalar::matrix_i4::{GROUP, GROUP_WORDS, I4Matrix, ZERO};
#[cfg(not(sla_helium))]
use core::arch::naked_asm;

#[cfg(sla_helium)]
use crate::arch::helium::panels_i4 as panels;

/// Groups that one pass over the panels takes: their zero points lie on the stack.
const PASS: usize = 64;

/// What [`panels`], or Helium's form of it, works on, at the offsets that it reads; it may write to
/// it.
#[repr(C)]
pub struct Panels {
    /// 0: the first panel's first word of this pass.
    weights: *const u32,
    /// 4: first activation.
    x: *const i16,
    /// 8: one past the last activation; `x + 64·groups` bytes, groups above 0.
    x_end: *const i16,
    /// 12: -8·Σx of each group.
    zeros: *const i32,
    /// 16: bytes of a panel that are not of this pass.
    skip: usize,
    /// 20: sums so far, then sums or results.
    out: *mut i32,
    /// 24: one past the last; `out + 16·panels` bytes, panels above 0.
    out_end: *mut i32,
    /// 28: multipliers; null when more passes follow.
    multiplier: *const i32,
}

/// [`crate::scalar::matrix_i4::matvec_i4`] for the DSP extension, 160 instructions for 128
/// products, and for Helium, 62.
#[inline(never)] // its frame holds the zero points
pub fn matvec_i4(w: &I4Matrix, x: &[i16], multiplier: &[i32], out: &mut [i32]) {
    let groups = w.cols() / GROUP;
    let count = (w.data().len() / w.panel_len().max(1))
        .min(multiplier.len() / PANEL)
        .min(out.len() / PANEL);
    let aligned = x.as_ptr().cast::<u32>().is_aligned();
    debug_assert!(x.len() >= w.cols(), "fewer activations than columns");
    debug_assert!(aligned, "activations are read as words");
    let (Some(x), Some(out), true) = (x.get(..w.cols()), out.get_mut(..PANEL * count), aligned)
    else {
        return;
    };
    if count == 0 {
        return;
    }
    out.fill(0);
    let mut zeros = [0i32; PASS];
    for (pass, x) in x.chunks(PASS * GROUP).enumerate() {
        for (zero, x) in zeros.iter_mut().zip(x.chunks_exact(GROUP)) {
            *zero = x.iter().fold(0, |sum, &x| sum - ZERO * i32::from(x));
        }
        let here = x.len() / GROUP;
        let x = x.as_ptr_range();
        let mut arguments = Panels {
            weights: w.data().as_ptr().wrapping_add(pass * PASS * GROUP_WORDS),
            x: x.start,
            x_end: x.end,
            zeros: zeros.as_ptr(),
            skip: 4 * GROUP_WORDS * (groups - here),
            out: out.as_mut_ptr(),
            out_end: out.as_mut_ptr_range().end,
            multiplier: if pass * PASS + here == groups {
                multiplier.as_ptr()
            } else {
                core::ptr::null()
            },
        };
        // SAFETY: each of `count` panels has `groups` groups, of which `here` are taken from
        // `pass·PASS` on; x, zeros, out and multiplier have 32·here, at least `here`,
        // `PANEL·count` and as many elements; no count is 0, since a chunk is not empty;
        // words are read at aligned addresses.
        unsafe { panels(&mut arguments) }
    }
}

/// Two columns of four rows: bits 4k and 16 + 4k of r6-r9, times an activation pair.
#[cfg(not(sla_helium))]
macro_rules! two_columns {
    ($k:literal, $x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "and lr, r12, r6, lsr #",
            $k,
            "\n",
            "smlad r2, lr, ",
            $x,
            ", ",
            $a,
            "\n",
            "and lr, r12, r7, lsr #",
            $k,
            "\n",
            "smlad r3, lr, ",
            $x,
            ", ",
            $b,
            "\n",
            "and lr, r12, r8, lsr #",
            $k,
            "\n",
            "smlad r4, lr, ",
            $x,
            ", ",
            $c,
            "\n",
            "and lr, r12, r9, lsr #",
            $k,
            "\n",
            "smlad r5, lr, ",
            $x,
            ", ",
            $d,
            "\n",
        )
    };
}

/// Eight columns of four rows: 35 instructions for 32 products. The first of a group start from r5.
#[cfg(not(sla_helium))]
macro_rules! eight_columns {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "ldmia r0!, {{r6-r9}}\n",
            "ldrd r10, r11, [r1], #8\n",
            "and lr, r12, r6\n",
            "smlad r2, lr, r10, ",
            $a,
            "\n",
            "and lr, r12, r7\n",
            "smlad r3, lr, r10, ",
            $b,
            "\n",
            "and lr, r12, r8\n",
            "smlad r4, lr, r10, ",
            $c,
            "\n",
            "and lr, r12, r9\n",
            "smlad r5, lr, r10, ",
            $d,
            "\n",
            two_columns!("4", "r11", "r2", "r3", "r4", "r5"),
            "ldrd r10, r11, [r1], #8\n",
            two_columns!("8", "r10", "r2", "r3", "r4", "r5"),
            two_columns!("12", "r11", "r2", "r3", "r4", "r5"),
        )
    };
}

/// Runs over all panels. Registers: r0 weights, r1 activations, r2-r5 sums of the group, r6-r9
/// weights, r10, r11 activations, r12 mask, lr a pair of weights. Stack: [0] start and [4] end of
/// the activations, [8] zero points, [12] bytes to skip, [16] results, [20] their end, [24]
/// multipliers, [28] next zero point, [32] to [44] sums of the rows.
///
/// # Safety
/// The fields of `Panels` have to hold what they say.
#[cfg(not(sla_helium))]
#[unsafe(naked)]
unsafe extern "C" fn panels(arguments: &mut Panels) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, #52",
        "ldmia r0, {{r1-r8}}", // weights, x, x_end, zeros, skip, out, out_end, multiplier
        "mov r0, r1",
        "stmia sp, {{r2-r8}}",
        "mov r12, #0x000f000f",
        // A panel.
        "2:",
        "ldr r1, [sp]",
        "ldr r2, [sp, #8]",
        "ldr r4, [sp, #16]",
        "str r2, [sp, #28]",
        "ldmia r4, {{r7-r10}}",
        // A group: r7-r10 hold the sums of the rows.
        "3:",
        "ldr r6, [sp, #28]",
        "strd r7, r8, [sp, #32]",
        "strd r9, r10, [sp, #40]",
        "ldr r5, [r6], #4",
        "str r6, [sp, #28]",
        eight_columns!("r5", "r5", "r5", "r5"),
        eight_columns!("r2", "r3", "r4", "r5"),
        eight_columns!("r2", "r3", "r4", "r5"),
        eight_columns!("r2", "r3", "r4", "r5"),
        "ldr r6, [r0], #4",
        "ldrd r7, r8, [sp, #32]",
        "ldrd r9, r10, [sp, #40]",
        "uxtb lr, r6",
        "uxtb r11, r6, ror #8",
        "mla r7, lr, r2, r7",
        "mla r8, r11, r3, r8",
        "uxtb lr, r6, ror #16",
        "lsrs r11, r6, #24",
        "mla r9, lr, r4, r9",
        "ldr r6, [sp, #4]",
        "mla r10, r11, r5, r10",
        "cmp r1, r6",
        "bne 3b",
        // Results, or sums for the next pass.
        "ldrd r4, r5, [sp, #12]",  // skip, out
        "ldrd r6, r11, [sp, #20]", // end, multipliers
        "add r0, r4",
        "cmp r11, #0",
        "beq 4f",
        "ldmia r11!, {{r1-r4}}",
        "str r11, [sp, #24]",
        "smmulr r7, r7, r1",
        "smmulr r8, r8, r2",
        "smmulr r9, r9, r3",
        "smmulr r10, r10, r4",
        "4:",
        "stmia r5!, {{r7-r10}}",
        "cmp r5, r6",
        "str r5, [sp, #16]",
        "bne 2b",
        "add sp, #52",
        "pop {{r4-r11, pc}}",
    )
}
