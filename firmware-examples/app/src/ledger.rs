//! The `ledger` binary: where the instructions of a token go, per layer and operation, as a table and as log frames.

use sla_runtime::{Ledger, Model, weight_bytes};

use crate::workload::Workload;
use crate::{Arguments, Console, Counter, Platform, info, memory, model};

/// Rows of the ledger: up to 15 layers, then input and head.
const ROWS: usize = 16;

/// Runs `tokens=N` tokens (16 by default), prints a line for each layer and operation, and exits with 0.
pub fn ledger<P: Platform>() -> ! {
    let _ = Counter::<P>::start();
    let console = Console::<P>::new();
    let arguments = Arguments::read::<P>();
    let Ok(model) = Model::parse(model::bytes()) else {
        console.text("@error the model cannot be parsed").end();
        P::exit(1);
    };
    let Some(mut workload) = memory::take().and_then(|memory| Workload::new(&model, memory)) else {
        console.text("@error the model needs more RAM than its firmware has").end();
        P::exit(1);
    };
    let tokens = arguments.number("tokens=", 16).max(1);
    let mut ledger = Ledger::<ROWS>::new(P::now);
    for _ in 0..tokens {
        workload.prepare();
        workload.step_probed(&mut ledger);
        workload.take_result();
    }
    let mut total = 0;
    for (layer, op, entry) in ledger.entries() {
        let instructions = P::RATE.instructions_of(entry.ticks) / u64::from(tokens);
        total += instructions;
        let bytes = weight_bytes(&model, layer, op);
        console.text("layer ").number(layer as u64).text("  ").text(op.name()).text("  instructions ");
        console.number(instructions).text("  weight bytes ").number(bytes);
        console.text("  saturated ").number(u64::from(entry.saturated)).end();
        info!("layer {} {}: {} instructions, {} weight bytes, {} saturated", layer, op.name(), instructions, bytes, entry.saturated);
    }
    console.text("total instructions ").number(total).end();
    P::exit(0)
}
