//! The `generate` binary: a prompt in, text out as it is made.

use sla_runtime::{Model, Sampler, SamplerConfig, Session};

use crate::{Arguments, Console, Platform, memory, model};

/// Generates `tokens=N` bytes (64 by default) after `prompt=...` with `seed=N` (0 by default), and exits with 0. The
/// sampler's settings are those of `sla run`, so the text is too.
pub fn generate<P: Platform>() -> ! {
    P::start();
    let console = Console::<P>::new();
    let arguments = Arguments::read::<P>();
    let Ok(model) = Model::parse(model::bytes()) else {
        console.text("@error the model cannot be parsed").end();
        P::exit(1);
    };
    let Some(memory) = memory::take() else { P::exit(1) };
    let Ok(mut session) = Session::new(&model, &mut memory.state, &mut memory.scratch) else {
        console.text("@error the model needs more RAM than its firmware has").end();
        P::exit(1);
    };
    let seed = u64::from(arguments.number("seed=", 0));
    let mut sampler = Sampler::new(SamplerConfig { seed, ..SamplerConfig::default() });
    let prompt = arguments.get("prompt=").filter(|prompt| !prompt.is_empty());
    let mut next = None;
    for &byte in prompt.unwrap_or(b"\n") {
        let Ok(mut logits) = session.step(byte.into()) else {
            console.text("@error the model is no byte-level language model").end();
            P::exit(1);
        };
        sampler.observe(byte.into());
        next = Some(logits.argmax());
    }
    console.bytes(prompt.unwrap_or(b""));
    if next.is_some() {
        for _ in 0..arguments.number("tokens=", 64) {
            let token = sampler.sample(&mut session.logits());
            console.bytes(&[token as u8]);
            if session.step(token).is_err() {
                break;
            }
        }
    }
    console.end();
    P::exit(0)
}
