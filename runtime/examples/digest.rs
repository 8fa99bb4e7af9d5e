//! What a machine computes, in a few numbers that have to be the same everywhere: the kernels'
//! conformance battery and the digest of each model's own stream.
//!
//! `digest TOKENS FILE.sla…` prints `kernels BACKEND CASES FAILURES`, then `FILE.sla DIGEST` for
//! each file.

use sla_runtime::{Checksum, Model, Session, TestStream};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((Ok(tokens), files)) = arguments
        .split_first()
        .map(|(tokens, files)| (tokens.parse(), files))
    else {
        eprintln!("usage: digest TOKENS FILE.sla...");
        return ExitCode::from(2);
    };
    let kernels = sla_kernels::conformance::battery();
    println!(
        "kernels {} {} {}",
        sla_kernels::backend(),
        kernels.cases,
        kernels.failures
    );
    for file in files {
        match digest(file, tokens) {
            Ok(digest) => println!("{file} {digest:08x}"),
            Err(error) => {
                eprintln!("error: {file}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// The checksum of all logits of `tokens` steps of the test stream (format.md F8.2, F8.3).
fn digest(file: &str, tokens: u32) -> Result<u32, Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let mut aligned = vec![0u128; bytes.len().div_ceil(16)];
    let room: &mut [u8] = bytemuck::cast_slice_mut(&mut aligned);
    room[..bytes.len()].copy_from_slice(&bytes);
    let model = Model::parse(&room[..bytes.len()])?;
    let plan = model.plan();
    let (mut state, mut scratch) = (vec![0; plan.state_words], vec![0; plan.scratch_words]);
    let mut session = Session::new(&model, &mut state, &mut scratch)?;
    let mut frame = vec![0; TestStream::frame_len(model.desc())];
    let mut stream = TestStream::new(model.desc(), &mut frame);
    let mut digest = Checksum::default();
    for _ in 0..tokens {
        stream.prepare(&session);
        let mut logits = stream.step(&mut session)?;
        logits.digest(&mut digest);
        let next = logits.argmax();
        stream.choose(next);
    }
    Ok(digest.finish())
}
