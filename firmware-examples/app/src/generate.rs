//! The `generate` binary: a prompt in, text out as it is made.

use sla_runtime::{Model, Sampler, SamplerConfig, Session};

use crate::stop::{no_memory, no_model, stop};
use crate::{Arguments, Console, Memory, Platform, boot, model};

/// Generates `tokens=N` bytes (64 by default) after `prompt=...` with `seed=N` (0 by default), and
/// exits with 0. The sampler's settings are those of `sla run`, so the text is too.
pub fn generate<P: Platform>() -> ! {
    P::start();
    let console = Console::<P>::new();
    let model = Model::parse(model::bytes()).unwrap_or_else(|error| no_model::<P>(error));
    let mut memory = Memory::take(&model).unwrap_or_else(|| no_memory::<P>());
    boot::self_test::<P>(&model, &mut memory);
    let mut session =
        Session::new(&model, memory.state, memory.scratch).unwrap_or_else(|_| no_memory::<P>());
    let seed = Arguments::number::<P>("seed=", 0).into();
    let token_count = Arguments::number::<P>("tokens=", 64);
    let mut sampler = Sampler::new(SamplerConfig {
        seed,
        ..SamplerConfig::default()
    });

    let arguments = Arguments::read::<P>();
    let prompt = arguments.get("prompt=").unwrap_or_default();
    console.bytes(prompt);
    for &byte in if prompt.is_empty() { b"\n" } else { prompt } {
        sampler.observe(byte.into());
        if session.step(byte.into()).is_err() {
            stop::<P>("the model is no byte-level language model");
        }
    }
    for _ in 0..token_count {
        let token = sampler.sample(&mut session.logits());
        console.bytes(&[token as u8]);
        if session.step(token).is_err() {
            break;
        }
    }
    console.end();
    P::exit(0)
}
