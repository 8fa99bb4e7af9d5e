//! The cases: one line each. `cargo xtask bench` runs them on every machine.

use core::hint::black_box;

use sla_kernels::scalar::matrix_i4::{GROUP, GROUP_WORDS, I4Matrix};
use sla_kernels::{self as kernels, I8Matrix, PANEL};
use sla_runtime::{Sampler, SamplerConfig, microbench};

use super::fixture::Fixture;

/// A measured piece of work.
pub(crate) struct Case {
    /// Its kernel and shape.
    pub name: &'static str,
    /// What its cost is told per.
    pub unit: &'static str,
    /// How many of these it does.
    pub units: u32,
    /// Prepares and counts it; `None` where the memory does not suffice.
    pub run: fn(&mut Fixture) -> Option<u32>,
}

const fn case(
    name: &'static str,
    unit: &'static str,
    units: u32,
    run: fn(&mut Fixture) -> Option<u32>,
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
    case("matvec_i8:64x64/64", "MAC", 64 * 64, |fixture| {
        matvec_i8(fixture, 64, 64, 64)
    }),
    case("matvec_i8:128x128/128", "MAC", 128 * 128, |fixture| {
        matvec_i8(fixture, 128, 128, 128)
    }),
    case("matvec_i8:256x256/160", "MAC", 256 * 256, |fixture| {
        matvec_i8(fixture, 256, 256, 160)
    }),
    case("matvec_i8:512x128/128", "MAC", 512 * 128, |fixture| {
        matvec_i8(fixture, 512, 128, 128)
    }),
    case("matvec_i8_pair:64x64/64", "MAC", 2 * 64 * 64, |fixture| {
        matvec_i8_pair(fixture, 64, 64, 64)
    }),
    case(
        "matvec_i8_pair:128x128/128",
        "MAC",
        2 * 128 * 128,
        |fixture| matvec_i8_pair(fixture, 128, 128, 128),
    ),
    case(
        "matvec_i8_pair:256x256/160",
        "MAC",
        2 * 256 * 256,
        |fixture| matvec_i8_pair(fixture, 256, 256, 160),
    ),
    case(
        "matvec_i8_pair:512x128/128",
        "MAC",
        2 * 512 * 128,
        |fixture| matvec_i8_pair(fixture, 512, 128, 128),
    ),
    case("matvec_i4:64x64", "MAC", 64 * 64, |fixture| {
        matvec_i4(fixture, 64, 64)
    }),
    case("matvec_i4:128x128", "MAC", 128 * 128, |fixture| {
        matvec_i4(fixture, 128, 128)
    }),
    case("matvec_i4:256x256", "MAC", 256 * 256, |fixture| {
        matvec_i4(fixture, 256, 256)
    }),
    case("matvec_i4:512x128", "MAC", 512 * 128, |fixture| {
        matvec_i4(fixture, 512, 128)
    }),
    case("state_write_read:32x32", "element", 32 * 32, |fixture| {
        state_write_read(fixture, 32, 0)
    }),
    case("state_write_read:64x64", "element", 64 * 64, |fixture| {
        state_write_read(fixture, 64, 0)
    }),
    case(
        "state_write_read:32x32,rows-shifted",
        "element",
        32 * 32,
        |fixture| state_write_read(fixture, 32, 1),
    ),
    case("state_read:32x32", "element", 32 * 32, |fixture| {
        state_read(fixture, 32)
    }),
    case("state_read:64x64", "element", 64 * 64, |fixture| {
        state_read(fixture, 64)
    }),
    case("gla_channels:32", "channel", 32, |fixture| {
        gla_channels(fixture, 32)
    }),
    case("head_norm:32", "element", 32, |fixture| {
        head_norm(fixture, 32)
    }),
    case("unit_norm:128", "element", 128, |fixture| {
        unit_norm(fixture, 128)
    }),
    case("quantize:256", "element", 256, |fixture| {
        quantize(fixture, 256)
    }),
    case("silu_product:256", "element", 256, |fixture| {
        silu_product(fixture, 256)
    }),
    case("sigmoid_product:256", "element", 256, |fixture| {
        sigmoid_product(fixture, 256)
    }),
    case("head_softmax:8", "head", 8, |fixture| {
        head_softmax(fixture, 8)
    }),
    case("short_conv:96x4", "tap", 96 * 4, |fixture| {
        short_conv(fixture, 96, 4)
    }),
    case("argmax:256", "logit", 256, |fixture| argmax(fixture, 256)),
    case("sample:256,top-40", "logit", 256, |fixture| {
        sample(fixture, 256)
    }),
];

/// ±8 in Q16: where the tables of the activations are used.
const ACTIVATION: i32 = 8 << 16;

fn matvec_i8(fixture: &mut Fixture, rows: usize, cols: usize, block: usize) -> Option<u32> {
    let matrix = matrix_i8(fixture, rows, cols, block)?;
    let x = fixture.shorts(cols, 512)?;
    let (multiplier, out) = (fixture.within(rows, i32::MAX)?, fixture.room(rows)?);
    fixture.count(|| kernels::matvec_i8(black_box(&matrix), x, multiplier, out))
}

fn matvec_i8_pair(fixture: &mut Fixture, rows: usize, cols: usize, block: usize) -> Option<u32> {
    let matrix = matrix_i8(fixture, rows, cols, block)?;
    let pair = fixture.shorts(2 * cols, 512)?;
    let (multiplier, first, second) = (
        fixture.within(rows, i32::MAX)?,
        fixture.room(rows)?,
        fixture.room(rows)?,
    );
    fixture.count(|| {
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
    fixture: &mut Fixture<'a>,
    rows: usize,
    cols: usize,
    block: usize,
) -> Option<I8Matrix<'a>> {
    Some(I8Matrix::new(
        fixture.fill(rows / 2 * cols, |draw| draw.weights(false))?,
        cols,
        block,
    ))
}

/// A scale for every 32 columns included.
fn matvec_i4(fixture: &mut Fixture, rows: usize, cols: usize) -> Option<u32> {
    let words = fixture.fill(rows / PANEL * (cols / GROUP) * GROUP_WORDS, |draw| {
        draw.bits() ^ draw.bits() << 16
    })?;
    let matrix = I4Matrix::new(words, cols);
    let x = fixture.shorts(cols, 512)?;
    let (multiplier, out) = (fixture.within(rows, i32::MAX)?, fixture.room(rows)?);
    fixture.count(|| kernels::matvec_i4(black_box(&matrix), x, multiplier, out))
}

/// A square state; `shift` is each row's, and 0 stands for none at all.
fn state_write_read(fixture: &mut Fixture, size: usize, shift: u32) -> Option<u32> {
    let s = fixture.within(size * size, 1 << 28)?;
    let (k, q) = (
        fixture.within(size, 1 << 24)?,
        fixture.within(size, 1 << 24)?,
    );
    let v = fixture.within(size, 1 << 28)?;
    let shifts: &[u32] = fixture.fill(if shift > 0 { size } else { 0 }, |_| shift)?;
    let o = fixture.room(size)?;
    fixture.count(|| {
        black_box(kernels::state_write_read(s, shifts, k, v, q, o));
    })
}

fn state_read(fixture: &mut Fixture, size: usize) -> Option<u32> {
    let s = fixture.within(size * size, 1 << 28)?;
    let k = fixture.within(size, 1 << 24)?;
    let r = fixture.room(size)?;
    fixture.count(|| kernels::state_read(s, k, r))
}

fn gla_channels(fixture: &mut Fixture, d_k: usize) -> Option<u32> {
    let z = fixture.within(d_k, ACTIVATION)?;
    let (carry, bits) = (fixture.room(d_k)?, fixture.room(d_k)?);
    let (k, q) = (fixture.within(d_k, 1 << 30)?, fixture.within(d_k, 1 << 24)?);
    fixture.count(|| kernels::gla_channels(z, black_box(u32::MAX), carry, bits, k, q))
}

fn head_norm(fixture: &mut Fixture, d_v: usize) -> Option<u32> {
    let o = fixture.within(d_v, 1 << 24)?;
    fixture.count(|| microbench::head_norm(o))
}

fn unit_norm(fixture: &mut Fixture, len: usize) -> Option<u32> {
    let x = fixture.within(len, 1 << 24)?;
    let out = fixture.room(len)?;
    fixture.count(|| microbench::unit_norm(x, out))
}

fn quantize(fixture: &mut Fixture, len: usize) -> Option<u32> {
    let x = fixture.within(len, 1 << 24)?;
    let out = fixture.room(len)?;
    fixture.count(|| {
        black_box(microbench::quantize(x, black_box(13), out));
    })
}

fn silu_product(fixture: &mut Fixture, len: usize) -> Option<u32> {
    let (g, x) = (
        fixture.within(len, ACTIVATION)?,
        fixture.within(len, 1 << 20)?,
    );
    fixture.count(|| kernels::silu_product(g, x, black_box(2), black_box(4)))
}

fn sigmoid_product(fixture: &mut Fixture, len: usize) -> Option<u32> {
    let (g, x) = (
        fixture.within(len, ACTIVATION)?,
        fixture.within(len, 1 << 20)?,
    );
    fixture.count(|| kernels::sigmoid_product(g, x))
}

fn head_softmax(fixture: &mut Fixture, heads: usize) -> Option<u32> {
    let logits = fixture.within(heads, ACTIVATION)?;
    fixture.count(|| microbench::head_softmax(logits))
}

fn short_conv(fixture: &mut Fixture, channels: usize, taps: usize) -> Option<u32> {
    let u = fixture.within(channels, 1 << 14)?;
    let weights = fixture.shorts(taps * channels, 1 << 12)?;
    let history = fixture.shorts((taps - 1) * channels, 1 << 14)?;
    let (multiplier, bias) = (
        fixture.within(channels, i32::MAX)?,
        fixture.within(channels, 1 << 12)?,
    );
    fixture.count(|| microbench::short_conv(u, weights, multiplier, bias, history))
}

fn argmax(fixture: &mut Fixture, len: usize) -> Option<u32> {
    let logits = fixture.within(len, ACTIVATION)?;
    fixture.count(|| {
        black_box(microbench::argmax(logits));
    })
}

/// The default settings: the 40 best, of these 95 % of the probability, and one drawn.
fn sample(fixture: &mut Fixture, len: usize) -> Option<u32> {
    fixture.has_stack(8 * 1024)?;
    let logits = fixture.within(len, ACTIVATION)?;
    let mut sampler = Sampler::new(SamplerConfig::default());
    fixture.count(|| {
        black_box(microbench::sample(&mut sampler, logits));
    })
}
