//! The committed corpus and the seeds of every fuzz target, without a fuzzer: what was once found
//! or reached stays covered on every machine.

use sla_tests::fuzz::{TARGETS, corpus};
use sla_tests::parallel;

#[test]
fn every_input_of_the_corpus_keeps_the_promises() {
    for target in &TARGETS {
        let folder = corpus(target.name);
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("a readable entry").path())
            .collect();
        paths.sort();
        assert!(paths.len() > 20, "{}: {} inputs", target.name, paths.len());
        let mut inputs: Vec<_> = paths
            .iter()
            .map(|path| std::fs::read(path).expect("a readable file"))
            .collect();
        inputs.extend((target.seeds)());
        parallel(inputs.len(), |i| {
            let name = paths.get(i).map_or_else(
                || format!("seed {}", i - paths.len()),
                |path| path.display().to_string(),
            );
            let outcome = std::panic::catch_unwind(|| (target.run)(&inputs[i]));
            assert!(
                outcome.is_ok(),
                "{}: {name} panics (see above)",
                target.name
            );
        });
    }
}

/// A target that did nothing would pass.
#[test]
fn the_targets_reach_what_they_are_for() {
    use sla_tests::untrusted::{Aligned16, Outcome, run, small_files};
    for (name, file) in small_files() {
        assert_eq!(
            run(Aligned16::of(&file).bytes(), 1 << 20),
            Outcome::Ran,
            "{name}"
        );
    }
}
