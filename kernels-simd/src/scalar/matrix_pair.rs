//! int8 matrix times two int16 vectors at once (numerics.md N5), which a backend may make cheaper.

use crate::scalar::matrix::I8Matrix;

/// Puts vector `lane` (0 or 1) into its half of `pair`.
#[inline]
pub fn join(x: &[i16], lane: usize, pair: &mut [i16]) {
    if let Some(half) = pair.chunks_exact_mut((pair.len() / 2).max(1)).nth(lane) {
        half.iter_mut().zip(x).for_each(|(to, x)| *to = *x);
    }
}

/// [`crate::matvec_i8`], the backend's own, of each half of `pair`.
#[inline]
pub fn matvec_i8_pair(w: &I8Matrix, pair: &[i16], multiplier: &[i32], out: [&mut [i32]; 2]) {
    for (x, out) in pair.chunks_exact((pair.len() / 2).max(1)).zip(out) {
        crate::matvec_i8(w, x, multiplier, out);
    }
}
