//! The `ledger` binary: where the instructions of a token go, per layer and operation, as a table
//! and as log frames.

#![no_std]
#![no_main]

use sla_runtime::{Ledger, Model, weight_bytes};

use qemu::semihost::exit;
use qemu::stop::{no_memory, no_model};
use qemu::workload::Workload;
use qemu::{Arguments, Console, Counter, Memory, entry, info, machine, model};

/// Width of a name in the table.
const NAME: usize = 10;
/// Width of a number in the table.
const NUMBER: usize = 13;

/// Runs `tokens=N` tokens (16 by default), prints a line for each layer and operation, then a
/// `@ledger` line, and exits with 0. Instructions are means per token, and so are the weight bytes;
/// saturations are sums.
#[entry]
fn main() -> ! {
    let _ = Counter::start();
    let console = Console;
    let tokens = Arguments::number("tokens=", 16).max(1);
    let model = Model::parse(model::bytes()).unwrap_or_else(|error| no_model(error));
    let workload = Memory::take(&model).and_then(|memory| Workload::new(&model, memory));
    let mut workload = workload.unwrap_or_else(|| no_memory());
    let mut ledger = Ledger::<{ model::LEDGER_ROWS }>::new(machine::now);
    for _ in 0..tokens {
        workload.prepare();
        workload.step_probed(&mut ledger);
        workload.take_result();
    }

    console.left("layer", NAME).left("op", NAME);
    console
        .right("instructions", NUMBER)
        .right("weight bytes", NUMBER)
        .right("saturated", NUMBER)
        .end();
    let layers = model.desc().layers as usize;
    let mut total = 0;
    for (layer, op, entry) in ledger.entries() {
        let instructions = machine::RATE.instructions_of(entry.ticks) / u64::from(tokens);
        total += instructions;
        let bytes = weight_bytes(&model, layer, op);
        match layer < layers {
            true => console.left_number(layer as u64, NAME),
            false => console.left("-", NAME),
        };
        console
            .left(op.name(), NAME)
            .right_number(instructions, NUMBER);
        console
            .right_number(bytes, NUMBER)
            .right_number(entry.saturated.into(), NUMBER)
            .end();
        info!(
            "layer {=usize} {=str}: {=u64} instructions, {=u64} weight bytes, {=u32} saturated",
            layer,
            op.name(),
            instructions,
            bytes,
            entry.saturated
        );
    }
    console.text("@ledger").key("machine").text(machine::NAME);
    console
        .key("tokens")
        .number(tokens.into())
        .key("insns_per_token")
        .number(total)
        .end();
    exit(0)
}
