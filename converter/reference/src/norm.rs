//! Root-mean-square and L2 normalisation.

/// `y = x / sqrt(mean(x²) + eps) · w`; a missing weight is ones.
pub(crate) fn rms(x: &[f64], w: Option<&[f32]>, eps: f64, y: &mut [f64]) {
    y.copy_from_slice(x);
    rms_in_place(y, w, eps);
}

/// [`rms`] over its own input.
pub(crate) fn rms_in_place(x: &mut [f64], w: Option<&[f32]>, eps: f64) {
    let mean = x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
    let factor = 1.0 / (mean + eps).sqrt();
    match w {
        Some(w) => x
            .iter_mut()
            .zip(w)
            .for_each(|(v, w)| *v *= factor * f64::from(*w)),
        None => x.iter_mut().for_each(|v| *v *= factor),
    }
}

/// `x / sqrt(Σx² + 1e-6)`: a sum, not a mean, and an ε of its own.
pub(crate) fn l2_in_place(x: &mut [f64]) {
    let factor = 1.0 / (x.iter().map(|v| v * v).sum::<f64>() + 1e-6).sqrt();
    x.iter_mut().for_each(|v| *v *= factor);
}
