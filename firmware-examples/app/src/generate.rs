//! The `generate` binary: a prompt in, text out as it is made.

use crate::workload::Workload;
use crate::{Arguments, Console, Platform, model};

/// Generates `tokens=N` bytes (64 by default) after `prompt=...`, and exits with 0.
pub fn generate<P: Platform>() -> ! {
    P::start();
    let console = Console::<P>::new();
    let arguments = Arguments::read::<P>();
    let Some(mut workload) = Workload::new(model::bytes()) else {
        console.text("@error the model cannot be parsed").end();
        P::exit(1);
    };
    let prompt = arguments.get("prompt=").unwrap_or(b"\n");
    console.bytes(prompt);
    let mut token = 10;
    for &byte in prompt {
        workload.step(byte.into());
        token = workload.take_result();
    }
    for _ in 0..arguments.number("tokens=", 64) {
        console.bytes(&[b' ' + (token % 95) as u8]);
        workload.step(token);
        token = workload.take_result();
    }
    console.end();
    P::exit(0)
}
