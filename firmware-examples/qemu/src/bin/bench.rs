//! The `bench` binary: counts instructions per token and measures the stack.

#![no_std]
#![no_main]

use sla_runtime::{Model, ParseError};

use qemu::semihost::exit;
use qemu::stop::{no_memory, no_model, stop};
use qemu::workload::Workload;
use qemu::{Arguments, Console, Counter, Memory, entry, info, machine, model, stack};

/// Tokens that the stack is measured over.
const PAINTED_TOKENS: u32 = 4;
/// Tokens that the longest slice is looked for in.
const SLICED_TOKENS: u32 = 16;
/// Positions whose cost is told apart: a stream's cost must not grow.
const EARLY: u32 = 16;
const LATE: u32 = 4000;

/// Runs `tokens=N` tokens (256 by default), prints one `@bench` line of `key=value` words, and
/// exits with 0.
#[entry]
fn main() -> ! {
    let counter = Counter::start();
    let console = Console;
    let token_count = Arguments::number("tokens=", 256).max(1);
    if !counter.is_exact() {
        stop("the instruction counter is off");
    }
    let mut parsed = Err(ParseError::NotSla);
    let parse = counter.count(&mut || parsed = Model::parse(model::bytes()));
    let model = parsed.unwrap_or_else(|error| no_model(error));
    let workload = Memory::take(&model).and_then(|memory| Workload::new(&model, memory));
    let mut workload = workload.unwrap_or_else(|| no_memory());
    info!(
        "{} tokens, {} multiply-accumulates per token",
        token_count,
        model.macs()
    );

    // The stack is painted around the first tokens of a stream of its own: painting is no part of
    // any count.
    let mut stack_bytes = 0;
    for _ in 0..PAINTED_TOKENS {
        workload.prepare();
        stack_bytes = stack_bytes.max(stack::peak_bytes(&mut || workload.step()));
        workload.take_result();
    }
    workload.reset();

    let (mut least, mut most, mut total) = (u32::MAX, 0u32, 0u64);
    let (mut early, mut late) = (0, 0);
    for position in 0..token_count {
        workload.prepare();
        let count = counter.count(&mut || workload.step());
        (least, most, total) = (least.min(count), most.max(count), total + u64::from(count));
        match position {
            EARLY => early = count,
            LATE => late = count,
            _ => {}
        }
        workload.take_result();
    }
    info!(
        "digest {=u32:08x}, {} instructions in all",
        workload.digest(),
        total
    );
    let digest = workload.digest();
    let slice = workload.worst_slice(&counter, token_count.min(SLICED_TOKENS));

    let plan = model.plan();
    console.text("@bench").key("machine").text(machine::NAME);
    console.key("backend").text(sla_kernels::backend());
    console.key("digest").hex(digest);
    console.key("tokens").number(token_count.into());
    console.key("insns_per_token_min").number(least.into());
    console.key("insns_per_token_max").number(most.into());
    console.key("insns_total").number(total);
    console.key("insns_at_16").number(early.into());
    console.key("insns_at_4000").number(late.into());
    console.key("insns_slice_max").number(slice.into());
    console.key("macs_per_token").number(model.macs());
    console.key("parse_insns").number(parse.into());
    console.key("state_bytes").number(plan.state_bytes() as u64);
    console
        .key("scratch_bytes")
        .number(plan.scratch_bytes() as u64);
    console.key("stack_bytes").number(stack_bytes as u64);
    console.end();
    exit(0)
}
