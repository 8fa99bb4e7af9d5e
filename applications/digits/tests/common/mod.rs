//! What the tests share: the recordings, the float definition of the features, the converted model.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod stream;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sla_digits::{BANDS, FrontEnd, HOP, LEAD, LOG_FLOOR_Q27};
use sla_tests::needs::{Missing, shared};
use sla_tests::{Case, name};

/// A recording of one digit.
pub struct Clip {
    /// File name.
    pub name: String,
    /// What is said.
    pub label: u8,
    /// 8 kHz.
    pub samples: Vec<i16>,
}

/// Which recordings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Index 0 to 4 of every speaker and digit: 300 clips.
    Test,
    /// Index 5 to 9, of the training split: another 300.
    Tuning,
}

/// A split's recordings by file name.
pub fn clips(split: Split) -> Result<Vec<Clip>, Missing> {
    let folder = shared()?.join("data/fsdd");
    let entries =
        std::fs::read_dir(&folder).map_err(|_| Missing("no ../shared/data/fsdd".into()))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    paths.sort();
    let index = |path: &Path| {
        name(path)
            .strip_suffix(".flac")?
            .rsplit('_')
            .next()?
            .parse::<u32>()
            .ok()
    };
    let wanted = match split {
        Split::Test => 0..5,
        Split::Tuning => 5..10,
    };
    paths.retain(|path| index(path).is_some_and(|index| wanted.contains(&index)));
    assert_eq!(paths.len(), 300, "{}", folder.display());
    Ok(paths.iter().map(|path| clip(path)).collect())
}

fn clip(path: &Path) -> Clip {
    let mut reader =
        claxon::FlacReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let info = reader.streaminfo();
    assert_eq!(
        (info.sample_rate, info.channels, info.bits_per_sample),
        (8000, 1, 16),
        "{}",
        path.display()
    );
    let samples = reader
        .samples()
        .map(|sample| sample.expect("a whole file") as i16)
        .collect();
    let name = name(path);
    Clip {
        label: name.as_bytes()[0] - b'0',
        name,
        samples,
    }
}

/// The hops of a cut clip, behind the hop of zeros that a fresh front end stands for: the last is
/// filled up with zeros.
pub fn hops(samples: &[i16]) -> Vec<[i16; HOP]> {
    let hop = |t: usize| core::array::from_fn(|i| samples.get(t * HOP + i).copied().unwrap_or(0));
    (0..=samples.len() / HOP).map(hop).collect()
}

/// Frames of speech that the model sees of a cut clip.
const CLIP_FRAMES: usize = 76;

/// A clip as the model was trained on it: silence and its first frames, in fixed point.
pub fn fixed_features(samples: &[i16], frac: i32) -> Vec<[i32; BANDS]> {
    let mut front = FrontEnd::new();
    let silence = [sla_kernels::fixed::shift(LOG_FLOOR_Q27, frac - 27); BANDS];
    let mut frames = vec![silence; LEAD.into()];
    frames.extend(hops(samples).iter().take(CLIP_FRAMES).map(|hop| {
        let mut out = [0; BANDS];
        front.hop(hop).features(frac, &mut out);
        out
    }));
    frames
}

/// The same by the definition, in float.
pub fn float_features(samples: &[i16]) -> Vec<Vec<f64>> {
    let mut frames = vec![vec![1e-6f64.ln(); BANDS]; LEAD.into()];
    frames.extend(float_frames(samples).into_iter().take(CLIP_FRAMES));
    frames
}

/// The features of all frames of a padded clip, by the definition.
pub fn float_frames(samples: &[i16]) -> Vec<Vec<f64>> {
    let mut padded = vec![0.0; HOP];
    padded.extend(samples.iter().map(|&x| f64::from(x) / 32_768.0));
    padded.extend([0.0; HOP]);
    let frames = padded.windows(2 * HOP).step_by(HOP);
    frames.map(float_frame).collect()
}

/// What the definition computes of nothing but the frame's length and rate.
struct Formulas {
    edges: Vec<usize>,
    window: Vec<f64>,
    /// `(cos, sin)` of n/256 turns.
    turns: Vec<(f64, f64)>,
}

static FORMULAS: LazyLock<Formulas> = LazyLock::new(|| {
    use std::f64::consts::TAU;
    let mel = |f: f64| 2595.0 * (1.0 + f / 700.0).log10();
    let point = |i: usize| {
        let m = mel(60.0) + (mel(3900.0) - mel(60.0)) * i as f64 / 33.0;
        (257.0 * 700.0 * (10f64.powf(m / 2595.0) - 1.0) / 8000.0).floor() as usize
    };
    let window = |n: usize| 0.5 - 0.5 * (TAU * n as f64 / 255.0).cos();
    let turn = |n: usize| {
        (
            (TAU * n as f64 / 256.0).cos(),
            (TAU * n as f64 / 256.0).sin(),
        )
    };
    Formulas {
        edges: (0..34).map(point).collect(),
        window: (0..256).map(window).collect(),
        turns: (0..256).map(turn).collect(),
    }
});

fn float_frame(x: &[f64]) -> Vec<f64> {
    let Formulas {
        edges,
        window,
        turns,
    } = &*FORMULAS;
    let x: Vec<f64> = x.iter().zip(window).map(|(x, w)| x * w).collect();
    let power = |k: usize| {
        let (re, im) = x.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, x)| {
            let (c, s) = turns[k * n % 256];
            (re + x * c, im - x * s)
        });
        re * re + im * im
    };
    let powers: Vec<f64> = (0..=128).map(power).collect();
    let band = |m: usize| {
        let a = edges[m];
        let b = edges[m + 1].max(a + 1);
        let c = edges[m + 2].max(edges[m + 1] + 2);
        let rising = (a..b).map(|k| powers[k] * (k - a) as f64 / (b - a) as f64);
        let falling = (b..c.min(129)).map(|k| powers[k] * (c - k) as f64 / (c - b) as f64);
        (rising.sum::<f64>() + falling.sum::<f64>() + 1e-6).ln()
    };
    (0..BANDS).map(band).collect()
}

/// The shipped model.
pub fn case() -> Case {
    Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/digits-sla-gla"))
}

/// The largest, the first of equals.
pub fn argmax(logits: &[f64]) -> u8 {
    let best = logits
        .iter()
        .enumerate()
        .fold((0, f64::NEG_INFINITY), |best, (i, &l)| {
            if l > best.1 { (i, l) } else { best }
        });
    best.0 as u8
}
