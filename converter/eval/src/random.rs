//! Inputs that are drawn, the same on every host.

/// A 64-bit generator (PCG-XSH-RR), so that every host samples the same tokens.
pub struct Generator(u64);

impl Default for Generator {
    fn default() -> Self {
        Self::stream(0)
    }
}

impl Generator {
    /// One of several streams; 0 is the default.
    pub fn stream(stream: u64) -> Self {
        Self(0x51a0_51a0 + stream)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        let old = self.0;
        self.0 = old
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mixed = (((old >> 18) ^ old) >> 27) as u32;
        f64::from(mixed.rotate_right((old >> 59) as u32)) / 4_294_967_296.0
    }

    /// About standard normal: the sum of twelve uniforms.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// A random order.
    pub fn shuffle(&mut self, ids: &mut [u32]) {
        for i in (1..ids.len()).rev() {
            ids.swap(i, (self.uniform() * (i + 1) as f64) as usize);
        }
    }

    /// An index, drawn with the probabilities of `logits` at temperature 1.
    pub fn draw(&mut self, logits: &[f64]) -> u32 {
        let top = logits.iter().fold(f64::NEG_INFINITY, |m, &l| m.max(l));
        let weights: Vec<f64> = logits.iter().map(|l| libm::exp(l - top)).collect();
        let mut left = self.uniform() * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|w| {
            left -= w;
            left < 0.0
        });
        chosen.unwrap_or(0) as u32
    }
}

/// Noise around the mean of the training features, correlated over time and over channels, with
/// their standard deviation.
pub struct Noise<'a> {
    generator: Generator,
    mean: &'a [f64],
    std: &'a [f64],
    common: f64,
    own: Vec<f64>,
}

impl<'a> Noise<'a> {
    /// The noise of one of several streams; `mean` and `std` are of the training features.
    pub fn stream(stream: u64, mean: &'a [f64], std: &'a [f64]) -> Self {
        Self {
            generator: Generator::stream(stream),
            mean,
            std,
            common: 0.0,
            own: vec![0.0; mean.len()],
        }
    }

    /// The next frame, as long as `mean`.
    pub fn next_frame(&mut self) -> Vec<f64> {
        self.common = 0.9 * self.common + 0.43 * self.generator.normal();
        let channels = self.mean.iter().zip(self.std).zip(&mut self.own);
        let frame = channels.map(|((mean, std), own)| {
            *own = 0.8 * *own + 0.6 * self.generator.normal();
            mean + std * (0.8 * self.common + 0.6 * *own)
        });
        frame.collect()
    }
}
