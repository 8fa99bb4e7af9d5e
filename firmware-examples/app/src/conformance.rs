//! The `conformance` binary: every kernel of this machine against the scalar oracle.

use crate::{Console, Counter, Platform};

/// Runs the battery, prints one `@conformance` line, and exits with 0 if every case agrees.
pub fn conformance<P: Platform>() -> ! {
    let counter = Counter::<P>::start();
    let console = Console::<P>::new();
    // STAND-IN: the counter's own check, twice. The kernel battery goes here.
    let failures = (0..2).filter(|_| !counter.is_exact()).count();
    console.text("@conformance").key("machine").text(P::NAME);
    console.key("cases").number(2).key("failures").number(failures as u64).end();
    P::exit(u8::from(failures > 0))
}
