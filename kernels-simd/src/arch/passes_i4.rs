//! How an int4 matrix is handed to assembly: Arm DSP and Helium.

use crate::scalar::matrix::PANEL;
use crate::scalar::matrix_i4::{GROUP, GROUP_WORDS, I4Matrix, ZERO};

/// Groups that one pass over the panels takes: their zero points lie on the stack.
const GROUPS: usize = 64;

/// What a kernel works on, at the offsets that assembly reads; it may write to it.
#[repr(C)]
pub struct Pass {
    /// The first panel's first word of this pass.
    weights: *const u32,
    /// First activation.
    x: *const i16,
    /// One past the last activation; `x + 64·groups` bytes, groups above 0.
    x_end: *const i16,
    /// -8·Σx of each group.
    zeros: *const i32,
    /// Bytes of a panel that are not of this pass.
    skip: usize,
    /// Sums so far, then sums or results.
    out: *mut i32,
    /// One past the last; `out + 16·panels` bytes, panels above 0.
    out_end: *mut i32,
    /// Multipliers; null when more passes follow.
    multiplier: *const i32,
}
offsets!(
    Pass, weights: 0, x: 4, x_end: 8, zeros: 12, skip: 16, out: 20, out_end: 24, multiplier: 28
);

/// The product of `w` and `x` by `kernel`, which runs over all panels, as many groups of them at a
/// time as there is room for zero points.
#[inline(always)] // so that the kernel is known
pub fn run(
    w: &I4Matrix,
    x: &[i16],
    multiplier: &[i32],
    out: &mut [i32],
    kernel: unsafe extern "C" fn(&mut Pass),
) {
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
    let mut zeros = [0i32; GROUPS];
    for (pass, x) in x.chunks(GROUPS * GROUP).enumerate() {
        for (zero, x) in zeros.iter_mut().zip(x.chunks_exact(GROUP)) {
            *zero = x.iter().fold(0, |sum, &x| sum - ZERO * i32::from(x));
        }
        let here = x.len() / GROUP;
        let x = x.as_ptr_range();
        let mut arguments = Pass {
            weights: w.data().as_ptr().wrapping_add(pass * GROUPS * GROUP_WORDS),
            x: x.start,
            x_end: x.end,
            zeros: zeros.as_ptr(),
            skip: 4 * GROUP_WORDS * (groups - here),
            out: out.as_mut_ptr(),
            out_end: out.as_mut_ptr_range().end,
            multiplier: if pass * GROUPS + here == groups {
                multiplier.as_ptr()
            } else {
                core::ptr::null()
            },
        };
        #[expect(unsafe_code, reason = "the one call of the kernels in assembly")]
        // SAFETY: each of `count` panels has `groups` groups, of which `here` are taken from
        // `pass·GROUPS` on; x, zeros, out and multiplier have 32·here, at least `here`,
        // `PANEL·count` and as many elements; no count is 0, since a chunk is not empty;
        // words are read at aligned addresses.
        unsafe {
            kernel(&mut arguments);
        }
    }
}
