//! flash-linear-attention's own logits against the integer runtime, for every golden model: what
//! all of conversion costs.

use std::path::PathBuf;

use sla_checkpoint::data::{TensorFile, tokens};
use sla_checkpoint::load;
use sla_tests::material::{UNSUPPORTED, goldens, supported};
use sla_tests::needs::{Tried, shared};
use sla_tests::{Case, Stream, directories, name, parallel, relative_rms};

sla_tests::tests![
    committed_goldens_are_within_two_per_cent,
    every_golden_is_within_two_per_cent,
    families_that_are_not_read_are_refused_by_name,
];

fn committed_goldens_are_within_two_per_cent() {
    within_two_per_cent(&directories(&goldens(), ""));
}

fn every_golden_is_within_two_per_cent() -> Tried {
    within_two_per_cent(&supported(&shared()?, "goldens", ""));
    Ok(())
}

fn within_two_per_cent(dirs: &[PathBuf]) {
    let errors = parallel(dirs.len(), |i| {
        let golden = TensorFile::read(&dirs[i].join("golden.safetensors")).expect("golden logits");
        let case = Case::load(&dirs[i]);
        let vocab = case.float.config.outputs;
        let ids = tokens(&golden, vocab).expect("token ids").rows.remove(0);
        let (_, logits) = golden.numbers("logits").expect("logits");
        let stream = Stream::Tokens(ids);
        let fixed = case.fixed(&stream);
        let float: Vec<Vec<f64>> = logits.chunks(vocab).map(<[f64]>::to_vec).collect();
        (
            relative_rms(&float, &fixed),
            relative_rms(&stream.float(&case.dequantized), &fixed),
        )
    });
    for (dir, (total, arithmetic)) in dirs.iter().zip(&errors) {
        eprintln!(
            "{:14} relative RMS {total:.4}, arithmetic alone {arithmetic:.5}",
            name(dir)
        );
    }
    assert!(
        errors.iter().all(|(total, _)| *total <= 0.02),
        "the bound is 0.02"
    );
    assert!(
        errors.iter().all(|(_, arithmetic)| *arithmetic <= 0.001),
        "the arithmetic's bound is 0.001"
    );
}

fn families_that_are_not_read_are_refused_by_name() -> Tried {
    let shared = shared()?;
    for (folder, words) in UNSUPPORTED {
        let error = match load(&shared.join(folder)) {
            Ok(_) => panic!("{folder} is read: take it off the list of what is not supported"),
            Err(error) => error.to_string(),
        };
        assert!(
            error.contains(words) && error.lines().count() == 1,
            "{folder}: {error}"
        );
    }
    Ok(())
}
