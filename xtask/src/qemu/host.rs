//! The same run on the host: the digest that every machine must reproduce.
//!
//! STAND-IN, the twin of `firmware-examples/app/src/workload.rs`; the real one runs `sla-runtime` over the same file and tokens.

use std::fs;
use std::path::Path;

use anyhow::Result;

const WIDTH: usize = 64;
const ROWS_MAX: usize = 64;

/// The digest of `tokens` tokens through `model`.
pub fn reference(model: &Path, tokens: u32) -> Result<u32> {
    let bytes = fs::read(model)?;
    let rows = (bytes.len() / WIDTH).min(ROWS_MAX);
    let (mut crc, mut token) = (!0u32, 10u32);
    for _ in 0..tokens {
        let input: Vec<i32> =
            (0..WIDTH).map(|i| ((token.wrapping_mul(31) as usize + i * 7) & 255) as i32 - 128).collect();
        for row in bytes.chunks_exact(WIDTH).take(rows) {
            let y: i32 = row.iter().zip(&input).map(|(&w, &x)| i32::from(w.cast_signed()) * x).sum();
            for byte in y.to_le_bytes() {
                crc ^= u32::from(byte);
                for _ in 0..8 {
                    crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
                }
            }
        }
        token = !crc & 255;
    }
    Ok(!crc)
}
