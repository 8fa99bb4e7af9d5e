//! The `frontend` binary: the front end of spoken digits on the signal that the host knows too.

use sla_digits::{FrontEnd, TestSignal};
use sla_runtime::Checksum;

use crate::{Arguments, Console, Counter, Platform};

/// Runs `hops=N` hops (192 by default), prints one `@frontend` line with the CRC-32 of all
/// logarithms (docs/frontend.md M6), and exits with 0.
pub fn frontend<P: Platform>() -> ! {
    let counter = Counter::<P>::start();
    let hops = Arguments::number::<P>("hops=", 192).max(1);
    let (mut front, mut exercise, mut digest) =
        (FrontEnd::new(), TestSignal::default(), Checksum::default());
    let (mut most, mut total) = (0u32, 0u64);
    for _ in 0..hops {
        let samples = exercise.next_hop();
        let mut logs = [0; sla_digits::BANDS];
        let insns = counter.count(&mut || front.hop(&samples).features(27, &mut logs));
        (most, total) = (most.max(insns), total + u64::from(insns));
        logs.iter().for_each(|&log| digest.add(log));
    }
    let console = Console::<P>::new();
    console
        .text("@frontend")
        .key("machine")
        .text(P::NAME)
        .key("hops")
        .number(hops.into());
    console
        .key("digest")
        .hex(digest.finish())
        .key("insns_per_hop")
        .number(total / u64::from(hops));
    console.key("insns_max").number(most.into()).end();
    P::exit(0)
}
