//! Host throughput: a whole token, and the matrix kernel by size, beside the scalar kernel and
//! beside what the compiler makes of the plain loop. All in one process and interleaved, the best
//! of many repetitions: a busy machine slows all of them, and the shortest times are those that
//! nobody disturbed.
//!
//! `host_bench FILE.sla` prints one JSON object. `share` is the speed of a whole token as a part of
//! the bare loop's over as many weight bytes in matrices of the same shapes; the ratios under
//! `matvec` are above 1 where the kernel is faster. The bare loop is the faster of two: the plain
//! dot product, and one that is written in lanes to suit the compiler.

use sla_converter::owned_model::OwnedModel;
use sla_format::Role;
use sla_kernels::{I8Matrix, backend, fixed::mulhr, matvec_i8, scalar};
use sla_runtime::{Model, TestStream};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Sizes of `matvec`, columns and rows.
const SIZES: [(usize, usize); 4] = [(64, 64), (128, 128), (256, 256), (512, 128)];
/// Calls that are timed at once.
const BATCH: u32 = 8;
/// Repetitions of the whole token.
const TOKEN_ROUNDS: u32 = 600;
/// Repetitions of each matrix.
const MATRIX_ROUNDS: u32 = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path] = arguments.as_slice() else {
        fail("usage: host_bench FILE.sla")
    };
    let file = OwnedModel::read(path.as_ref()).unwrap_or_else(|error| fail(error));
    let [token, plain, lanes] = whole_token(&file);
    let bare = plain.min(lanes);
    let sizes: Vec<String> = SIZES
        .iter()
        .map(|&(cols, rows)| matrix(cols, rows))
        .collect();
    println!(
        "{{\"backend\": \"{}\", \"tokens_per_s_whole_token\": {:.0}, \"bare_loop_tokens_per_s\": {:.0}, \
         \"share\": {:.3}, \"plain_loop_tokens_per_s\": {:.0}, \"share_of_plain_loop\": {:.3}, \"matvec\": [{}]}}",
        backend(),
        1.0 / token,
        1.0 / bare,
        bare / token,
        1.0 / plain,
        plain / token,
        sizes.join(", ")
    );
}

fn fail(why: impl std::fmt::Display) -> ! {
    eprintln!("error: {why}");
    std::process::exit(1)
}

/// Least seconds of a call of each of `work`, run in turn.
fn least<const N: usize>(rounds: u32, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..rounds {
        for (best, work) in best.iter_mut().zip(&mut work) {
            let start = Instant::now();
            (0..BATCH).for_each(|_| work());
            *best = start.elapsed().min(*best);
        }
    }
    best.map(|time| time.as_secs_f64() / f64::from(BATCH))
}

/// Seconds of a token, from its embedding to the choice of the next one, and of both bare loops
/// over as many weights.
fn whole_token(file: &OwnedModel) -> [f64; 3] {
    let (model, mut memory) = (&file.model(), file.memory());
    let mut session = memory.session(model).unwrap_or_else(|error| fail(error));
    let mut frame = vec![0; TestStream::frame_len(model.desc())];
    let mut exercise = TestStream::new(model.desc(), &mut frame);
    let mut token = || {
        exercise.prepare(&session);
        let mut logits = exercise
            .step(&mut session)
            .unwrap_or_else(|error| fail(error));
        let next = logits.argmax();
        exercise.choose(next);
    };

    let shapes = shapes(model);
    let bytes: usize = shapes.iter().map(|(rows, cols)| rows * cols).sum();
    assert_eq!(bytes as u64, model.macs(), "every weight once");
    let (weights, x) = (
        random::<i8>(bytes),
        random::<i16>(shapes.iter().map(|s| s.1).max().unwrap_or(0)),
    );
    let mut out = vec![0; shapes.iter().map(|s| s.0).max().unwrap_or(0)];
    let mut pass = |bare: Bare| {
        let mut rest = weights.as_slice();
        for &(rows, cols) in &shapes {
            let (matrix, others) = rest.split_at(rows * cols);
            bare.matrix(matrix, black_box(&x[..cols]), &mut out);
            rest = others;
        }
        black_box(&mut out);
    };
    let pass = std::cell::RefCell::new(&mut pass);
    least(
        TOKEN_ROUNDS,
        [
            &mut token,
            &mut || pass.borrow_mut()(Bare::Plain),
            &mut || pass.borrow_mut()(Bare::Lanes),
        ],
    )
}

/// Rows and columns of the matrices that a token multiplies by.
fn shapes(model: &Model) -> Vec<(usize, usize)> {
    let desc = model.desc();
    let mut shapes = Vec::new();
    for role in Role::ALL {
        let global = role as usize >= sla_format::LAYER_ROLES;
        for layer in 0..if global { 1 } else { desc.layers as usize } {
            let t = model.tensor(layer, role);
            let embedding = role == Role::Input && TestStream::frame_len(desc) == 0;
            if t.kind.is_matrix() && !embedding {
                shapes.push((t.rows as usize, t.cols as usize));
            }
        }
    }
    shapes
}

/// One size of the matrix kernel as JSON: its speed over the scalar kernel's and over both bare
/// loops', each with requantisation.
fn matrix(cols: usize, rows: usize) -> String {
    let packed: Vec<i16> = random(rows / 2 * cols);
    let (weights, multiplier) = (random::<i8>(rows * cols), vec![1 << 24; rows]);
    let x: Vec<i16> = random::<i16>(cols).iter().map(|x| x >> 6).collect();
    let matrix = I8Matrix::new(&packed, cols, 0);
    let [mut ours, mut oracle, mut plain, mut lanes] = [(); 4].map(|()| vec![0; rows]);
    let bare = |bare: Bare, out: &mut [i32]| {
        bare.matrix(&weights, black_box(&x), out);
        out.iter_mut()
            .zip(&multiplier)
            .for_each(|(out, m)| *out = mulhr(*out, *m));
        black_box(out);
    };
    let [ours, oracle, plain, lanes] = least(
        MATRIX_ROUNDS,
        [
            &mut || matvec_i8(&matrix, black_box(&x), &multiplier, black_box(&mut ours)),
            &mut || {
                scalar::matrix::matvec_i8(
                    &matrix,
                    black_box(&x),
                    &multiplier,
                    black_box(&mut oracle),
                )
            },
            &mut || bare(Bare::Plain, &mut plain),
            &mut || bare(Bare::Lanes, &mut lanes),
        ],
    );
    format!(
        "{{\"cols\": {cols}, \"rows\": {rows}, \"gmac_per_s\": {:.1}, \"to_scalar\": {:.2}, \"to_bare\": {:.2}, \
         \"to_plain\": {:.2}}}",
        (rows * cols) as f64 / ours / 1e9,
        oracle / ours,
        plain.min(lanes) / ours,
        plain / ours
    )
}

/// Numbers of the whole range of `T`, always the same.
fn random<T: TryFrom<i64>>(len: usize) -> Vec<T> {
    let mut bits = 1u64;
    let mut next = || {
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        T::try_from((bits as i64) >> (64 - 8 * size_of::<T>()))
            .unwrap_or_else(|_| unreachable!("as many bits as T has"))
    };
    (0..len).map(|_| next()).collect()
}

/// A loop over row-major weights that is left to the compiler.
#[derive(Clone, Copy)]
enum Bare {
    /// The dot product as one writes it.
    Plain,
    /// In 32 lanes.
    Lanes,
}

impl Bare {
    /// `out = weights·x` with the instructions that the processor has.
    fn matrix(self, weights: &[i8], x: &[i16], out: &mut [i32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            #[target_feature(enable = "avx2")]
            fn avx2(bare: Bare, weights: &[i8], x: &[i16], out: &mut [i32]) {
                bare.rows(weights, x, out);
            }
            // SAFETY: the processor was just found to have AVX2.
            return unsafe { avx2(self, weights, x, out) };
        }
        self.rows(weights, x, out);
    }

    #[inline(always)]
    fn rows(self, weights: &[i8], x: &[i16], out: &mut [i32]) {
        match (self, x.len() % LANES) {
            (Self::Lanes, 0) => in_lanes(weights, x, out),
            _ => weights
                .chunks_exact(x.len())
                .zip(out)
                .for_each(|(row, out)| *out = dot(row, x)),
        }
    }
}

/// Lanes of [`Bare::Lanes`].
const LANES: usize = 32;

#[inline(always)]
fn in_lanes(weights: &[i8], x: &[i16], out: &mut [i32]) {
    for (row, out) in weights.chunks_exact(x.len()).zip(out) {
        let mut lanes = [0i32; LANES];
        for (w, x) in row.chunks_exact(LANES).zip(x.chunks_exact(LANES)) {
            for i in 0..LANES {
                lanes[i] += i32::from(w[i]) * i32::from(x[i]);
            }
        }
        *out = lanes.iter().sum();
    }
}

#[inline(always)]
fn dot(w: &[i8], x: &[i16]) -> i32 {
    w.iter()
        .zip(x)
        .map(|(&w, &x)| i32::from(w) * i32::from(x))
        .sum()
}
