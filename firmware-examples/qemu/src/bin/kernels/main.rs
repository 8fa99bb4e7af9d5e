//! The `kernels` binary: counts the instructions of single kernels and parts of a step.

#![no_std]
#![no_main]

mod cases;
mod fixture;

use cases::CASES;
use fixture::Fixture;
use qemu::semihost::exit;
use qemu::stop::stop;
use qemu::{Console, Counter, Memory, entry, machine};

/// Runs every case that this machine has the memory for, prints a `@case` line of `key=value` words
/// for each, then a `@kernels` line, and exits with 0.
#[entry]
fn main() -> ! {
    let counter = Counter::start();
    let console = Console;
    if !counter.is_exact() {
        stop("the instruction counter is off");
    }
    let Some(words) = Memory::take_words() else {
        stop("the buffer is in use")
    };
    let count = |work: &mut dyn FnMut()| counter.count(work);
    let mut done = 0;
    for case in CASES {
        let Some(insns) = (case.run)(&mut Fixture::new(words, &count)) else {
            continue;
        };
        console
            .text("@case")
            .key("name")
            .text(case.name)
            .key("unit")
            .text(case.unit);
        console
            .key("units")
            .number(case.units.into())
            .key("insns")
            .number(insns.into())
            .end();
        done += 1;
    }
    console
        .text("@kernels")
        .key("machine")
        .text(machine::NAME)
        .key("backend")
        .text(sla_kernels::backend());
    console.key("cases").number(done).end();
    exit(0)
}
