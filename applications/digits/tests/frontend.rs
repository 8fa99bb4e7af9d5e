//! The front end against the float definition of its features: decibels a band.

mod common;

use common::{Split, clips, float_frames, hops};
use sla_digits::{BANDS, FrontEnd};
use sla_tests::needs::Tried;

sla_tests::tests![
    hard_signals_are_within_the_bound,
    speech_is_within_the_bound
];

/// Largest error of any band of any frame, dB: docs/frontend.md.
const WORST_DB: f64 = 0.02;
/// Root mean square of the error of a band over speech, dB.
const RMS_DB: f64 = 0.001;

/// `10·log10` of what a difference of natural logarithms is.
const DB_PER_NAT: f64 = 10.0 * std::f64::consts::LOG10_E;

/// Errors of a signal's frames in dB, fixed less float, one list a band.
fn errors(samples: &[i16]) -> Vec<Vec<f64>> {
    let mut front = FrontEnd::new();
    let mut errors = vec![Vec::new(); BANDS];
    for (hop, float) in hops(samples).iter().zip(float_frames(samples)) {
        let logs = front.hop(hop);
        for ((errors, fixed), float) in errors.iter_mut().zip(logs.logs_q27()).zip(float) {
            errors.push(DB_PER_NAT * (f64::from(fixed) / 2f64.powi(27) - float));
        }
    }
    errors
}

fn worst(errors: &[f64]) -> f64 {
    errors
        .iter()
        .fold(0.0, |worst, error| worst.max(error.abs()))
}

fn rms(errors: &[f64]) -> f64 {
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

/// Of the bands, the largest of what `f` makes of each one's errors.
fn largest(errors: &[Vec<f64>], f: fn(&[f64]) -> f64) -> f64 {
    errors.iter().map(|band| f(band)).fold(0.0, f64::max)
}

fn hard_signals_are_within_the_bound() {
    let len = 40 * 128;
    let mut noise = 1u32;
    let mut random = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(noise as i32) / 2f64.powi(31)
    };
    let clip = |x: f64| x.round().clamp(-32_768.0, 32_767.0) as i16;
    let tau = std::f64::consts::TAU;
    let mut signals: Vec<(String, Vec<i16>)> = vec![
        ("silence".into(), vec![0; len]),
        ("direct current".into(), vec![i16::MIN; len]),
        (
            "one unit".into(),
            (0..len).map(|n| (n % 2) as i16).collect(),
        ),
        (
            "clipped speech-like noise".into(),
            (0..len).map(|_| clip(200_000.0 * random())).collect(),
        ),
        (
            "clipped sine".into(),
            (0..len)
                .map(|n| clip(100_000.0 * (tau * 0.05 * n as f64).sin()))
                .collect(),
        ),
        (
            "clicks".into(),
            (0..len)
                .map(|n| if n % 301 == 0 { i16::MIN } else { 0 })
                .collect(),
        ),
    ];
    for half in [1, 2, 3, 5, 8, 13, 40, 128] {
        let wave = (0..len)
            .map(|n| {
                if n / half % 2 == 0 {
                    i16::MIN
                } else {
                    i16::MAX
                }
            })
            .collect();
        signals.push((format!("square wave, period {}", 2 * half), wave));
    }
    for bits in [1, 4, 8, 12, 15] {
        let level = f64::from(1 << bits);
        signals.push((
            format!("white noise of {bits} bits"),
            (0..len).map(|_| clip(level * random())).collect(),
        ));
        let wave = |n: usize| clip(level * (tau * 0.1237 * n as f64).sin());
        signals.push((format!("sine of {bits} bits"), (0..len).map(wave).collect()));
    }
    for (what, samples) in &signals {
        let worst = largest(&errors(samples), worst);
        eprintln!("{what:24} worst {worst:.5} dB");
        assert!(worst <= WORST_DB, "{what}: {worst} dB");
    }
}

fn speech_is_within_the_bound() -> Tried {
    let clips = clips(Split::Test)?;
    let mut all = vec![Vec::new(); BANDS];
    for clip in clips.iter().step_by(3) {
        for (all, errors) in all.iter_mut().zip(errors(&clip.samples)) {
            all.extend(errors);
        }
    }
    for (band, errors) in all.iter().enumerate() {
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        eprintln!(
            "band {band:2}: mean {mean:+.5}, rms {:.5}, worst {:.5} dB",
            rms(errors),
            worst(errors)
        );
    }
    let (worst, rms) = (largest(&all, worst), largest(&all, rms));
    assert!(worst <= WORST_DB && rms <= RMS_DB, "{worst} dB, {rms} dB");
    Ok(())
}
