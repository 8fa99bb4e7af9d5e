//! The cases: one line each. `cargo xtask bench` runs them on every machine.

use core::hint::black_box;

use sla_kernels::scalar::matrix_i4::{GROUP, GROUP_WORDS, I4Matrix};
use sla_kernels::{self as kernels, I8Matrix, PANEL};
use sla_runtime::{Sampler, SamplerConfig, microbench};

use super::lab::Lab;

/// A measured piece of work.
pub(crate) struct Case {
    /// Its kernel and shape.
    pub name: &'static str,
    /// What its cost is told per.
    pub unit: &'static str,
    /// How many of these it does.
    pub units: u32,
    /// Prepares and counts it; `None` where the memory does not suffice.
    pub run: fn(&mut Lab) -> Option<u32>,
}

const fn case(
    name: &'static str,
    unit: &'static str,
    units: u32,
    run: fn(&mut Lab) -> Option<u32>,
) -> Case {
    Case {
        name,
        unit,
        units,
        run,
    }
}

/// Names hold no spaces. A matrix is `rows x cols / columns of a block`: `cargo xtask bench` checks
/// that the converter proves just this block for these weights.
pub(crate) const CASES: &[Case] = &[
    case("matvec_i8:64x64/64", "MAC", 64 * 64, |lab| {
        matvec_i8(lab, 64, 64, 64)
    }),
    case("matvec_i8:128x128/128", "MAC", 128 * 128, |lab| {
        matvec_i8(lab, 128, 128, 128)
    }),
    case("matvec_i8:256x256/160", "MAC", 256 * 256, |lab| {
        matvec_i8(lab, 256, 256, 160)
    }),
    case("matvec_i8:512x128/128", "MAC", 512 * 128, |lab| {
        matvec_i8(lab, 512, 128, 128)
    }),
    case("matvec_i8_pair:64x64/64", "MAC", 2 * 64 * 64, |lab| {
        matvec_i8_pair(lab, 64, 64, 64)
    }),
    case("matvec_i8_pair:128x128/128", "MAC", 2 * 128 * 128, |lab| {
        matvec_i8_pair(lab, 128, 128, 128)
    }),
    case("matvec_i8_pair:256x256/160", "MAC", 2 * 256 * 256, |lab| {
        matvec_i8_pair(lab, 256, 256, 160)
    }),
    case("matvec_i8_pair:512x128/128", "MAC", 2 * 512 * 128, |lab| {
        matvec_i8_pair(lab, 512, 128, 128)
    }),
    case("matvec_i4:64x64", "MAC", 64 * 64, |lab| {
        matvec_i4(lab, 64, 64)
    }),
    case("matvec_i4:128x128", "MAC", 128 * 128, |lab| {
        matvec_i4(lab, 128, 128)
    }),
    case("matvec_i4:256x256", "MAC", 256 * 256, |lab| {
        matvec_i4(lab, 256, 256)
    }),
    case("matvec_i4:512x128", "MAC", 512 * 128, |lab| {
        matvec_i4(lab, 512, 128)
    }),
    case("state_write_read:32x32", "element", 32 * 32, |lab| {
        state_write_read(lab, 32, 0)
    }),
    case("state_write_read:64x64", "element", 64 * 64, |lab| {
        state_write_read(lab, 64, 0)
    }),
    case(
        "state_write_read:32x32,rows-shifted",
        "element",
        32 * 32,
        |lab| state_write_read(lab, 32, 1),
    ),
    case("state_read:32x32", "element", 32 * 32, |lab| {
        state_read(lab, 32)
    }),
    case("state_read:64x64", "element", 64 * 64, |lab| {
        state_read(lab, 64)
    }),
    case("gla_channels:32", "channel", 32, |lab| {
        gla_channels(lab, 32)
    }),
    case("head_norm:32", "element", 32, |lab| head_norm(lab, 32)),
    case("unit_norm:128", "element", 128, |lab| unit_norm(lab, 128)),
    case("quantize:256", "element", 256, |lab| quantize(lab, 256)),
    case("silu_product:256", "element", 256, |lab| {
        silu_product(lab, 256)
    }),
    case("sigmoid_product:256", "element", 256, |lab| {
        sigmoid_product(lab, 256)
    }),
    case("head_softmax:8", "head", 8, |lab| head_softmax(lab, 8)),
    case("short_conv:96x4", "tap", 96 * 4, |lab| {
        short_conv(lab, 96, 4)
    }),
    case("argmax:256", "logit", 256, |lab| argmax(lab, 256)),
    case("sample:256,top-40", "logit", 256, |lab| sample(lab, 256)),
];

/// ±8 in Q16: where the tables of the activations are used.
const ACTIVATION: i32 = 8 << 16;

fn matvec_i8(lab: &mut Lab, rows: usize, cols: usize, block: usize) -> Option<u32> {
    let matrix = matrix_i8(lab, rows, cols, block)?;
    let x = lab.shorts(cols, 512)?;
    let (multiplier, out) = (lab.within(rows, i32::MAX)?, lab.room(rows)?);
    lab.count(|| kernels::matvec_i8(black_box(&matrix), x, multiplier, out))
}

fn matvec_i8_pair(lab: &mut Lab, rows: usize, cols: usize, block: usize) -> Option<u32> {
    let matrix = matrix_i8(lab, rows, cols, block)?;
    let pair = lab.shorts(2 * cols, 512)?;
    let (multiplier, first, second) = (
        lab.within(rows, i32::MAX)?,
        lab.room(rows)?,
        lab.room(rows)?,
    );
    lab.count(|| {
        kernels::matvec_i8_pair(
            black_box(&matrix),
            pair,
            multiplier,
            [&mut *first, &mut *second],
        )
    })
}

/// The first draws, since `cargo xtask bench` takes the same ones. Inputs within ±512 have a length
/// of 13 bits.
fn matrix_i8<'a>(
    lab: &mut Lab<'a>,
    rows: usize,
    cols: usize,
    block: usize,
) -> Option<I8Matrix<'a>> {
    Some(I8Matrix::new(
        lab.fill(rows / 2 * cols, |draw| draw.weights(false))?,
        cols,
        block,
    ))
}

/// A scale for every 32 columns included.
fn matvec_i4(lab: &mut Lab, rows: usize, cols: usize) -> Option<u32> {
    let words = lab.fill(rows / PANEL * (cols / GROUP) * GROUP_WORDS, |draw| {
        draw.bits() ^ draw.bits() << 16
    })?;
    let matrix = I4Matrix::new(words, cols);
    let x = lab.shorts(cols, 512)?;
    let (multiplier, out) = (lab.within(rows, i32::MAX)?, lab.room(rows)?);
    lab.count(|| kernels::matvec_i4(black_box(&matrix), x, multiplier, out))
}

/// A square state; `shift` is each row's, and 0 stands for none at all.
fn state_write_read(lab: &mut Lab, size: usize, shift: u32) -> Option<u32> {
    let s = lab.within(size * size, 1 << 28)?;
    let (k, q) = (lab.within(size, 1 << 24)?, lab.within(size, 1 << 24)?);
    let v = lab.within(size, 1 << 28)?;
    let shifts: &[u32] = lab.fill(if shift > 0 { size } else { 0 }, |_| shift)?;
    let o = lab.room(size)?;
    lab.count(|| {
        black_box(kernels::state_write_read(s, shifts, k, v, q, o));
    })
}

fn state_read(lab: &mut Lab, size: usize) -> Option<u32> {
    let s = lab.within(size * size, 1 << 28)?;
    let k = lab.within(size, 1 << 24)?;
    let r = lab.room(size)?;
    lab.count(|| kernels::state_read(s, k, r))
}

fn gla_channels(lab: &mut Lab, d_k: usize) -> Option<u32> {
    let z = lab.within(d_k, ACTIVATION)?;
    let (carry, bits) = (lab.room(d_k)?, lab.room(d_k)?);
    let (k, q) = (lab.within(d_k, 1 << 30)?, lab.within(d_k, 1 << 24)?);
    lab.count(|| kernels::gla_channels(z, black_box(u32::MAX), carry, bits, k, q))
}

fn head_norm(lab: &mut Lab, d_v: usize) -> Option<u32> {
    let o = lab.within(d_v, 1 << 24)?;
    lab.count(|| microbench::head_norm(o))
}

fn unit_norm(lab: &mut Lab, len: usize) -> Option<u32> {
    let x = lab.within(len, 1 << 24)?;
    let out = lab.room(len)?;
    lab.count(|| microbench::unit_norm(x, out))
}

fn quantize(lab: &mut Lab, len: usize) -> Option<u32> {
    let x = lab.within(len, 1 << 24)?;
    let out = lab.room(len)?;
    lab.count(|| {
        black_box(microbench::quantize(x, black_box(13), out));
    })
}

fn silu_product(lab: &mut Lab, len: usize) -> Option<u32> {
    let (g, x) = (lab.within(len, ACTIVATION)?, lab.within(len, 1 << 20)?);
    lab.count(|| kernels::silu_product(g, x, black_box(2), black_box(4)))
}

fn sigmoid_product(lab: &mut Lab, len: usize) -> Option<u32> {
    let (g, x) = (lab.within(len, ACTIVATION)?, lab.within(len, 1 << 20)?);
    lab.count(|| kernels::sigmoid_product(g, x))
}

fn head_softmax(lab: &mut Lab, heads: usize) -> Option<u32> {
    let logits = lab.within(heads, ACTIVATION)?;
    lab.count(|| microbench::head_softmax(logits))
}

fn short_conv(lab: &mut Lab, channels: usize, taps: usize) -> Option<u32> {
    let u = lab.within(channels, 1 << 14)?;
    let weights = lab.shorts(taps * channels, 1 << 12)?;
    let history = lab.shorts((taps - 1) * channels, 1 << 14)?;
    let (multiplier, bias) = (
        lab.within(channels, i32::MAX)?,
        lab.within(channels, 1 << 12)?,
    );
    lab.count(|| microbench::short_conv(u, weights, multiplier, bias, history))
}

fn argmax(lab: &mut Lab, len: usize) -> Option<u32> {
    let logits = lab.within(len, ACTIVATION)?;
    lab.count(|| {
        black_box(microbench::argmax(logits));
    })
}

/// The default settings: the 40 best, of these 95 % of the probability, and one drawn.
fn sample(lab: &mut Lab, len: usize) -> Option<u32> {
    lab.has_stack(8 * 1024)?;
    let logits = lab.within(len, ACTIVATION)?;
    let mut sampler = Sampler::new(SamplerConfig::default());
    lab.count(|| {
        black_box(microbench::sample(&mut sampler, logits));
    })
}
