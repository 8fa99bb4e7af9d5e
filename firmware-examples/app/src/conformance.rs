//! The `conformance` binary: every kernel of this machine against the scalar oracle.

use sla_kernels::conformance::battery;

use crate::{Console, Counter, Platform};

/// Runs the battery, prints one `@conformance` line, and exits with 0 if every case agrees.
pub fn conformance<P: Platform>() -> ! {
    let counter = Counter::<P>::start();
    let console = Console::<P>::new();
    let outcome = battery();
    let exact = counter.is_exact();
    console.text("@conformance").key("machine").text(P::NAME);
    console.key("backend").text(sla_kernels::backend());
    console.key("cases").number(u64::from(outcome.cases) + 1);
    console
        .key("failures")
        .number(u64::from(outcome.failures) + u64::from(!exact));
    console
        .key("failed")
        .text(outcome.failed.unwrap_or("-"))
        .end();
    P::exit(u8::from(outcome.failures > 0 || !exact))
}
