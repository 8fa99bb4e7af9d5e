//! STAND-IN for the runtime: a matrix-vector product over the model's first bytes and a digest of its results. `cargo xtask qemu` computes the same
//! on the host (`xtask/src/qemu/host.rs`). The real session takes this file's place with the same functions.

const WIDTH: usize = 64;
const ROWS_MAX: usize = 64;

/// One stream through the model.
pub struct Workload {
    weights: &'static [u8],
    input: [i16; WIDTH],
    output: [i32; ROWS_MAX],
    crc: u32,
}

impl Workload {
    /// Starts a stream; `None` if the bytes are no model.
    #[must_use]
    pub fn new(model: &'static [u8]) -> Option<Self> {
        let rows = (model.len() / WIDTH).min(ROWS_MAX);
        let weights = model.get(..rows * WIDTH)?;
        Some(Self { weights, input: [0; WIDTH], output: [0; ROWS_MAX], crc: !0 })
    }

    /// Starts over: the next token is the first of a fresh stream.
    pub fn reset(&mut self) {
        self.crc = !0;
    }

    /// Advances by one token. This, and nothing else, is what is counted.
    #[inline(never)]
    pub fn step(&mut self, token: u32) {
        for (i, x) in self.input.iter_mut().enumerate() {
            *x = (((token.wrapping_mul(31) as usize + i * 7) & 255) as i16) - 128;
        }
        for (y, row) in self.output.iter_mut().zip(self.weights.chunks_exact(WIDTH)) {
            *y = row.iter().zip(&self.input).map(|(&w, &x)| i32::from(w as i8) * i32::from(x)).sum();
        }
    }

    /// Adds the last step's results to the digest, and returns the next token.
    pub fn take_result(&mut self) -> u32 {
        for y in self.output.iter().take(self.weights.len() / WIDTH) {
            for byte in y.to_le_bytes() {
                self.crc ^= u32::from(byte);
                for _ in 0..8 {
                    self.crc = (self.crc >> 1) ^ (0xedb8_8320 & (self.crc & 1).wrapping_neg());
                }
            }
        }
        !self.crc & 255
    }

    /// CRC-32 of all results so far.
    #[must_use]
    pub fn digest(&self) -> u32 {
        !self.crc
    }

    /// Multiply-accumulates of matrix weights in one step.
    #[must_use]
    pub fn macs(&self) -> u32 {
        self.weights.len() as u32
    }
}

/// State and scratch bytes, as the memory plan has them.
pub const MEMORY_BYTES: (usize, usize) = (2 * WIDTH, 4 * ROWS_MAX);
