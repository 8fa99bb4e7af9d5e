//! What the scalar machines' matrix kernels work on: Armv6-M, Armv7-M, RV32.

use crate::scalar::matrix::{I8Matrix, PANEL};

/// Pointers and sizes of a matrix-vector product, at the offsets that assembly reads.
#[repr(C)]
pub struct Panels {
    /// First half-word of the first panel.
    weights: *const i16,
    /// First activation.
    x: *const i16,
    /// Bytes of the activations, a multiple of 32 above 0.
    x_bytes: usize,
    /// Bytes of the activations of a block, a multiple of 32 above 0, at most `x_bytes`.
    block_bytes: usize,
    /// Multipliers.
    multiplier: *const i32,
    /// Results.
    out: *mut i32,
    /// One past the last result; `out + 16·panels`, panels above 0.
    out_end: *mut i32,
}
offsets!(
    Panels, weights: 0, x: 4, x_bytes: 8, block_bytes: 12, multiplier: 16, out: 20, out_end: 24
);

/// The product of `w` and `x` by `kernel`, which runs over all panels; by the oracle if the slices
/// are too short. Returns the rows that the kernel wrote.
pub fn run(
    w: &I8Matrix,
    x: &[i16],
    multiplier: &[i32],
    out: &mut [i32],
    kernel: unsafe extern "C" fn(&mut Panels),
) -> usize {
    let cols = w.cols();
    let count = (w.data().len() / w.panel_len().max(1))
        .min(multiplier.len() / PANEL)
        .min(out.len() / PANEL);
    if x.len() < cols || cols == 0 || count == 0 {
        crate::scalar::matrix::matvec_i8(w, x, multiplier, out);
        return 0;
    }
    let mut panels = Panels {
        weights: w.data().as_ptr(),
        x: x.as_ptr(),
        x_bytes: 2 * cols,
        block_bytes: 2 * w.block().min(cols),
        multiplier: multiplier.as_ptr(),
        out: out.as_mut_ptr(),
        out_end: out.as_mut_ptr().wrapping_add(PANEL * count),
    };
    #[expect(unsafe_code, reason = "the one call of the kernels in assembly")]
    // SAFETY: `count` panels of `panel_len` half-words, `cols` activations, and `PANEL·count`
    // multipliers and results are inside the slices, as computed above; both counts are above 0
    // and cols is a multiple of 16.
    unsafe {
        kernel(&mut panels);
    }
    PANEL * count
}
