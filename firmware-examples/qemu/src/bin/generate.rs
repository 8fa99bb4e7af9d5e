//! The `generate` binary: a prompt in, text out as it is made.

#![no_std]
#![no_main]

use sla_runtime::{Model, Sampler, SamplerConfig, Session};

use qemu::semihost::exit;
use qemu::stop::{no_memory, no_model, stop};
use qemu::{Arguments, Console, Memory, boot, entry, machine, model};

/// Generates `tokens=N` bytes (64 by default) after `prompt=...` with `seed=N` (0 by default), and
/// exits with 0. The sampler's settings are those of `sla run`, so the text is too.
#[entry]
fn main() -> ! {
    machine::start();
    let console = Console;
    let model = Model::parse(model::bytes()).unwrap_or_else(|error| no_model(error));
    let mut memory = Memory::take(&model).unwrap_or_else(|| no_memory());
    boot::self_test(&model, &mut memory);
    let mut session =
        Session::new(&model, memory.state, memory.scratch).unwrap_or_else(|_| no_memory());
    let seed = Arguments::number("seed=", 0).into();
    let token_count = Arguments::number("tokens=", 64);
    let mut sampler = Sampler::new(SamplerConfig {
        seed,
        ..SamplerConfig::default()
    });

    let arguments = Arguments::read();
    let prompt = arguments.get("prompt=").unwrap_or_default();
    console.bytes(prompt);
    for &byte in if prompt.is_empty() { b"\n" } else { prompt } {
        sampler.observe(byte.into());
        if session.step(byte.into()).is_err() {
            stop("the model is no byte-level language model");
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
    exit(0)
}
