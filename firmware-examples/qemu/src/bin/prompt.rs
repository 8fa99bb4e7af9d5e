//! The `prompt` binary: what a prompt costs per token, and that it gives the logits of as many
//! steps.

#![no_std]
#![no_main]

use sla_runtime::{Checksum, Model, Session};

use qemu::semihost::exit;
use qemu::stop::{no_memory, no_model, stop};
use qemu::{Arguments, Console, Counter, Memory, entry, machine, model};

/// Longest prompt.
const LONGEST: usize = 256;

/// Runs a prompt of `tokens=N` tokens (64 by default), the model's own greedy text, prints one
/// `@prompt` line of `key=value` words, and exits with 0 if the logits are those of single steps.
/// For language models.
#[entry]
fn main() -> ! {
    let counter = Counter::start();
    let console = Console;
    let count = (Arguments::number("tokens=", 64) as usize).clamp(1, LONGEST);
    let model = Model::parse(model::bytes()).unwrap_or_else(|error| no_model(error));
    let memory = Memory::take_for_prompts(&model).unwrap_or_else(|| no_memory());
    let Ok(mut session) = Session::new(&model, memory.state, memory.scratch) else {
        no_memory()
    };

    let (mut tokens, mut token) = (
        [0u32; LONGEST],
        10u32.min(model.desc().inputs.saturating_sub(1)),
    );
    for place in &mut tokens[..count] {
        *place = token;
        token = session.step(token).map_or(0, |mut logits| logits.argmax());
    }
    let stepped = digest(&mut session);
    session.reset();
    let mut chosen = 0;
    let insns = counter.count(&mut || {
        chosen = session
            .prefill(&tokens[..count])
            .map_or(u32::MAX, |mut logits| logits.argmax());
    });
    let filled = digest(&mut session);

    console
        .text("@prompt")
        .key("machine")
        .text(machine::NAME)
        .key("backend")
        .text(sla_kernels::backend());
    console
        .key("tokens")
        .number(count as u64)
        .key("insns")
        .number(insns.into());
    console
        .key("insns_per_token")
        .number(u64::from(insns) / count as u64);
    console
        .key("digest")
        .hex(filled)
        .key("scratch_bytes")
        .number(model.plan().prompt_scratch_bytes() as u64)
        .end();
    if filled != stepped || chosen != token {
        stop("the prompt's logits are not those of single steps");
    }
    exit(0)
}

/// CRC-32 of the last step's logits and of those of four more.
fn digest(session: &mut Session) -> u32 {
    let mut digest = Checksum::default();
    session.logits().digest(&mut digest);
    for token in 0..4 {
        if let Ok(mut logits) = session.step(token) {
            logits.digest(&mut digest);
        }
    }
    digest.finish()
}
