//! Feature frames as the runtime takes them.

/// A raw frame as the runtime takes it: `round(raw · 2^frac)`, halves away from zero, saturated.
/// Overwrites `out`.
pub fn fixed_features(frame: &[f64], frac: i32, out: &mut Vec<i32>) {
    let unit = 2f64.powi(frac);
    out.clear();
    out.extend(frame.iter().map(|raw| (raw * unit).round() as i32));
}
