//! The `conformance` binary: every kernel of this machine against the scalar oracle.

#![no_std]
#![no_main]

use sla_kernels::conformance::battery;

use qemu::semihost::exit;
use qemu::{Console, Counter, entry, machine};

/// Runs the battery, prints one `@conformance` line, and exits with 0 if every case agrees.
#[entry]
fn main() -> ! {
    let counter = Counter::start();
    let console = Console;
    let outcome = battery();
    let exact = counter.is_exact();
    console
        .text("@conformance")
        .key("machine")
        .text(machine::NAME);
    console.key("backend").text(sla_kernels::backend());
    console.key("cases").number(u64::from(outcome.cases) + 1);
    console
        .key("failures")
        .number(u64::from(outcome.failures) + u64::from(!exact));
    console
        .key("failed")
        .text(outcome.failed.unwrap_or("-"))
        .end();
    exit(u8::from(outcome.failures > 0 || !exact))
}
