//! Text from a model file: `cargo run --release -p sla-runtime --example generate -- FILE.sla`
//!
//! Starts at the beginning of a text and prints 200 tokens, as a firmware would.

use std::error::Error;
use std::io::{Write, stdout};

use sla_runtime::{Decoder, Model, Sampler, SamplerConfig, Session, SpecialTokens};

const TOKENS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: generate FILE.sla")?;
    let bytes = std::fs::read(path)?;
    // A model has to begin at a multiple of 16; `Aligned` does that in a firmware.
    let mut words = vec![0u128; bytes.len().div_ceil(16)];
    let file = &mut bytemuck::cast_slice_mut(&mut words)[..bytes.len()];
    file.copy_from_slice(&bytes);

    let model = Model::parse(file)?;
    let plan = model.plan();
    let mut state = vec![0; plan.state_words];
    let mut scratch = vec![0; plan.scratch_words];
    let mut session = Session::new(&model, &mut state, &mut scratch)?;
    let mut sampler = Sampler::new(SamplerConfig::default());
    let mut decoder = model
        .tokenizer()
        .map(|tokenizer| Decoder::new(tokenizer, SpecialTokens::Skip));

    let mut token = match model.desc().bos {
        sla_format::NONE => u32::from(b'\n'),
        bos => bos,
    };
    for _ in 0..TOKENS {
        token = sampler.sample(&mut session.step(token)?);
        match &mut decoder {
            Some(decoder) => decoder.push(token, &mut |text| print!("{text}")),
            None => stdout().write_all(&[token as u8])?, // a model of bytes
        }
    }
    println!();
    Ok(())
}
