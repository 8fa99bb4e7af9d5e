//! The `kernels` binary: counts the instructions of single kernels and parts of a step.

mod cases;
mod lab;

use crate::stop::stop;
use crate::{Console, Counter, Memory, Platform};
use cases::CASES;
use lab::Lab;

/// Runs every case that this machine has the memory for, prints a `@case` line of `key=value` words
/// for each, then a `@kernels` line, and exits with 0.
pub fn kernels<P: Platform>() -> ! {
    let counter = Counter::<P>::start();
    let console = Console::<P>::new();
    if !counter.is_exact() {
        stop::<P>("the instruction counter is off");
    }
    let Some(words) = Memory::take_words() else {
        stop::<P>("the buffer is in use")
    };
    let count = |work: &mut dyn FnMut()| counter.count(work);
    let mut done = 0;
    for case in CASES {
        let Some(insns) = (case.run)(&mut Lab::new(words, &count)) else {
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
        .text(P::NAME)
        .key("backend")
        .text(sla_kernels::backend());
    console.key("cases").number(done).end();
    P::exit(0)
}
