//! Samples in, mel bands out (docs/frontend.md).

use crate::fft::{self, Complex, POINTS};
use crate::log::{FLOOR, ln_q27};
use crate::mel;
use crate::tables::WINDOW_Q31;
use crate::{BANDS, HOP};
use sla_kernels::fixed::{mulhr, shift};

/// The mel bands of 256 samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Power of each band, 2^49 for full scale (M4.3).
    pub bands: [u64; BANDS],
}

impl Frame {
    /// The bands' logarithms (M5.3): natural, Q27, between [`LOG_FLOOR_Q27`](crate::LOG_FLOOR_Q27)
    /// and 10.2.
    pub fn logs_q27(&self) -> impl Iterator<Item = i32> {
        self.bands
            .iter()
            .map(|&band| ln_q27(band.saturating_add(FLOOR)))
    }

    /// The model's features with `frac` fraction bits, at most 27 (M5.3).
    pub fn features(&self, frac: i32, out: &mut [i32; BANDS]) {
        out.iter_mut()
            .zip(self.logs_q27())
            .for_each(|(out, log)| *out = shift(log, frac - 27));
    }
}

/// The front end: constant work and memory for every hop.
#[derive(Debug)]
pub struct FrontEnd {
    last: [i16; HOP],
    points: [Complex; POINTS],
    powers: [u64; POINTS],
}

impl FrontEnd {
    /// The start of a stream: what was before the first sample is silence.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            last: [0; HOP],
            points: [Complex { re: 0, im: 0 }; POINTS],
            powers: [0; POINTS],
        }
    }

    /// The frame of the last hop and this one.
    pub fn hop(&mut self, samples: &[i16; HOP]) -> Frame {
        // M2: |Σ| ≤ 2^15·127.5·2^8, which is what the transform needs.
        let windowed = |(&x, &w): (&i16, &i32)| mulhr(i32::from(x) << 9, w);
        let rising = self.last.iter().zip(&WINDOW_Q31).map(windowed);
        let falling = samples.iter().zip(WINDOW_Q31.iter().rev()).map(windowed);
        let mut values = rising.chain(falling);
        for point in &mut self.points {
            *point = Complex {
                re: values.next().unwrap_or(0),
                im: values.next().unwrap_or(0),
            };
        }
        self.last = *samples;
        fft::transform(&mut self.points);
        fft::powers(&self.points, &mut self.powers);
        Frame {
            bands: mel::bands(&self.powers),
        }
    }

    /// Back to the start of a stream.
    pub fn reset(&mut self) {
        self.last = [0; HOP];
    }
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self::new()
    }
}
