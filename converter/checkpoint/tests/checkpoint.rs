//! The float reference on real checkpoints: fla's own logits and those of the trained models.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use sla_checkpoint::load;
use sla_reference::{Model, Session};
use sla_tests::material::{goldens, models, supported};
use sla_tests::needs::{Tried, shared};
use sla_tests::{directories, name};

sla_tests::tests![
    committed_goldens_match_fla,
    shipped_models_match_their_logits,
    goldens_match_fla,
    trained_checkpoints_match_their_logits,
];

fn floats(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let t = file.tensor(name).unwrap();
    assert_eq!(t.dtype(), Dtype::F32, "{name}");
    let values = t
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|b| f64::from(f32::from_le_bytes(*b)))
        .collect();
    (t.shape().to_vec(), values)
}

fn ints(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<u32>) {
    let t = file.tensor(name).unwrap();
    assert_eq!(t.dtype(), Dtype::I32, "{name}");
    (
        t.shape().to_vec(),
        t.data()
            .as_chunks()
            .0
            .iter()
            .map(|b| u32::from_le_bytes(*b))
            .collect(),
    )
}

/// Sums for `sqrt(Σ(a-b)² / Σb²)`.
#[derive(Default)]
struct Relative {
    error: f64,
    signal: f64,
    count: usize,
}

impl Relative {
    fn add(&mut self, have: &[f64], want: &[f64]) {
        assert_eq!(have.len(), want.len());
        for (h, w) in have.iter().zip(want) {
            self.error += (h - w) * (h - w);
            self.signal += w * w;
        }
        self.count += have.len();
    }

    fn rms(&self) -> f64 {
        assert!(self.count > 0 && self.signal > 0.0, "nothing was compared");
        (self.error / self.signal).sqrt()
    }
}

/// Compares all logits in `file`; rows beyond the stored ones are not run.
fn compare(model: &Model, file: &SafeTensors<'_>) -> Relative {
    let mut relative = Relative::default();
    let mut session = Session::new(model);
    let outputs = model.config.outputs;
    if file.names().contains(&"input_ids") {
        let (shape, ids) = ints(file, "input_ids");
        let (_, logits) = floats(file, "logits");
        let row = *shape.last().unwrap();
        for (ids, logits) in ids
            .chunks_exact(row)
            .zip(logits.chunks_exact(row * outputs))
        {
            session.reset();
            for (id, want) in ids.iter().zip(logits.chunks_exact(outputs)) {
                relative.add(session.step_token(*id, &mut ()).unwrap(), want);
            }
        }
    } else {
        let clips = file
            .names()
            .iter()
            .filter(|n| n.starts_with("features."))
            .count();
        for clip in 0..clips {
            let (shape, features) = floats(file, &format!("features.{clip}"));
            let (_, logits) = floats(file, &format!("logits.{clip}"));
            session.reset();
            for (frame, want) in features
                .chunks_exact(shape[1])
                .zip(logits.chunks_exact(outputs))
            {
                relative.add(session.step_features(frame, &mut ()).unwrap(), want);
            }
        }
    }
    relative
}

/// Relative RMS of the checkpoint's logits.
fn error(dir: &Path, logits: &str) -> f64 {
    let checkpoint = load(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    assert!(checkpoint.warnings.len() <= 1, "{:?}", checkpoint.warnings);
    let model = checkpoint.into_model().unwrap();
    let bytes = std::fs::read(dir.join(logits)).unwrap();
    let relative = compare(&model, &SafeTensors::deserialize(&bytes).unwrap());
    println!(
        "{:24} relative RMS {:.3e} over {} logits",
        name(dir),
        relative.rms(),
        relative.count
    );
    relative.rms()
}

fn check(dirs: &[PathBuf], logits: &str, bound: f64) {
    for dir in dirs {
        let error = error(dir, logits);
        assert!(error < bound, "{}: {error} is not below {bound}", name(dir));
    }
}

fn committed_goldens_match_fla() {
    check(&directories(&goldens(), ""), "golden.safetensors", 1e-5);
}

fn goldens_match_fla() -> Tried {
    let cases = supported(&shared()?, "goldens", "");
    assert!(cases.len() >= 8, "{} goldens", cases.len());
    check(&cases, "golden.safetensors", 1e-5);
    Ok(())
}

/// The logits are those of training/sla/model.py in float64 (`training/eval_logits.py`).
fn shipped_models_match_their_logits() {
    for name in [
        "shakespeare-sla-gdn",
        "shakespeare-sla-retnet",
        "shakespeare-sla-gla",
        "digits-sla-gla",
    ] {
        check(&[models().join(name)], "eval.safetensors", 1e-5);
    }
}

fn trained_checkpoints_match_their_logits() -> Tried {
    let cases = supported(&shared()?, "checkpoints", "");
    assert!(cases.len() >= 9, "{} checkpoints", cases.len());
    check(&cases, "eval.safetensors", 1e-4);
    Ok(())
}
