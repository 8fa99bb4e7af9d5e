//! The float reference on real checkpoints: fla's own logits and those of the trained models.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use sla_converter::checkpoint::load;
use sla_reference::{Model, Session};

/// `../shared/NAME` beside the workspace, or `None` with a printed line.
fn shared(name: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: no ../shared ({})", dir.display());
    None
}

/// Directories in `dir`, sorted.
fn cases(dir: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    cases.retain(|p| p.is_dir());
    cases.sort();
    assert!(!cases.is_empty(), "{} is empty", dir.display());
    cases
}

fn floats(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let t = file.tensor(name).unwrap();
    assert_eq!(t.dtype(), Dtype::F32, "{name}");
    let values = t.data().as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect();
    (t.shape().to_vec(), values)
}

fn ints(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<u32>) {
    let t = file.tensor(name).unwrap();
    assert_eq!(t.dtype(), Dtype::I32, "{name}");
    (t.shape().to_vec(), t.data().as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
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
        for (ids, logits) in ids.chunks_exact(row).zip(logits.chunks_exact(row * outputs)) {
            session.reset();
            for (id, want) in ids.iter().zip(logits.chunks_exact(outputs)) {
                relative.add(session.step_token(*id, &mut ()).unwrap(), want);
            }
        }
    } else {
        let clips = file.names().iter().filter(|n| n.starts_with("features.")).count();
        for clip in 0..clips {
            let (shape, features) = floats(file, &format!("features.{clip}"));
            let (_, logits) = floats(file, &format!("logits.{clip}"));
            session.reset();
            for (frame, want) in features.chunks_exact(shape[1]).zip(logits.chunks_exact(outputs)) {
                relative.add(session.step_features(frame, &mut ()).unwrap(), want);
            }
        }
    }
    relative
}

fn check_folder(name: &str, logits: &str, count: usize, bound: f64) {
    let Some(dir) = shared(name) else { return };
    let cases = cases(&dir);
    assert!(cases.len() >= count, "{} of {count} cases in {}", cases.len(), dir.display());
    for case in cases {
        let checkpoint = load(&case).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        assert!(checkpoint.warnings.len() <= 1, "{:?}", checkpoint.warnings);
        let (name, warnings) = (checkpoint.meta.name.clone(), checkpoint.warnings.clone());
        let model = checkpoint.into_model().unwrap();
        let bytes = std::fs::read(case.join(logits)).unwrap();
        let relative = compare(&model, &SafeTensors::deserialize(&bytes).unwrap());
        println!("{name:24} relative RMS {:.3e} over {} logits {warnings:?}", relative.rms(), relative.count);
        assert!(relative.rms() < bound, "{name}: {} is not below {bound}", relative.rms());
    }
}

#[test]
fn goldens_match_fla() {
    check_folder("goldens", "golden.safetensors", 8, 1e-5);
}

#[test]
fn trained_checkpoints_match_their_logits() {
    check_folder("checkpoints", "eval.safetensors", 9, 1e-4);
}
