//! Bits for every matrix: a rule for int4, and a choice by measured sensitivity within a budget.

use super::Bits;
use super::model::{dequantized, folding, matrices};
use super::sequential::{Cost, Plan, quantize};
use sla_checkpoint::rows::Rows;
use sla_eval::parallel::parallel;
use sla_eval::step;
use sla_format::{ModelDesc, Role, SECTION_ALIGN, TensorDesc, TensorKind};
use sla_mapping::slot;
use sla_reference::{Matrix, Model, Session};

/// Multiplications that measuring sensitivities may cost.
const BUDGET: usize = 100_000_000_000;
/// Steps that a sensitivity is measured on.
const STEPS: std::ops::RangeInclusive<usize> = 32..=512;

/// Whether a role steers what the state keeps and who reads it: the gates over heads, β, and the
/// decays with every half of a low rank. It is a fraction of a per cent of the file, and its error
/// meets everything else.
pub const fn steers(role: Role) -> bool {
    match role {
        Role::DecayDown
        | Role::DecayUp
        | Role::DeltaDecay
        | Role::DeltaBeta
        | Role::QueryHeadGate
        | Role::KeyHeadGate
        | Role::DecayScale => true,
        Role::Query
        | Role::Key
        | Role::Value
        | Role::OutputGate
        | Role::Output
        | Role::MlpGate
        | Role::MlpUp
        | Role::MlpDown
        | Role::QueryConv
        | Role::KeyConv
        | Role::ValueConv
        | Role::Input
        | Role::Head
        | Role::FinalNorm
        | Role::FeatureMean
        | Role::Rotary => false,
    }
}

/// The rule for matrices: what steers stays at int8 whatever its size, and so does what is narrower
/// or lower than a group.
pub fn can_be_int4(role: Role, rows: usize, cols: usize) -> bool {
    !steers(role) && rows >= sla_format::GROUP && cols >= 2 * sla_format::GROUP
}

/// What int4 saves of a matrix's int8 bytes in the file.
pub fn saving(rows: usize, cols: usize) -> usize {
    let bytes = |kind| {
        let entry = TensorDesc {
            kind,
            rows: rows as u32,
            cols: cols as u32,
            ..TensorDesc::ABSENT
        };
        entry
            .data_bytes()
            .unwrap_or(0)
            .next_multiple_of(SECTION_ALIGN)
    };
    bytes(TensorKind::I8).saturating_sub(bytes(TensorKind::I4))
}

/// A matrix that may be int4 or int8.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Layer; the number of layers for roles that the model has once.
    pub layer: usize,
    /// Role.
    pub role: Role,
    /// Bytes that int4 saves.
    pub saving: usize,
    /// Mean KL in nats on calibration data when this matrix alone is int4; 0 where it was not
    /// measured.
    pub sensitivity: f64,
}

/// The matrices within layers that can be int4, and input and head if those shall.
pub fn candidates(model: &Model, desc: &ModelDesc, head: Bits) -> Vec<Candidate> {
    let (config, weights) = (&model.config, &model.weights);
    let features = desc.input == sla_format::InputKind::Features;
    let all = matrices(config, weights, desc)
        .into_iter()
        .filter_map(|(layer, role)| {
            let matrix = folding(config, weights, desc, layer, role)?.matrix;
            let (rows, cols) = (matrix.rows, matrix.cols);
            let allowed = match role {
                // Raw features have any range.
                Role::Input if features => false,
                Role::Input | Role::Head => head == Bits::Int4,
                _ => true,
            };
            let candidate = Candidate {
                layer,
                role,
                saving: saving(rows, cols),
                sensitivity: 0.0,
            };
            (allowed && can_be_int4(role, rows, cols) && candidate.saving > 0).then_some(candidate)
        });
    all.collect()
}

/// Sets every candidate's sensitivity: rounds it as if it were the only matrix, and compares
/// outputs on the first rows.
pub fn measure(
    model: &mut Model,
    desc: &ModelDesc,
    rows: &Rows,
    candidates: &mut [Candidate],
    done: &mut dyn FnMut(f64),
) {
    let is_candidate = |layer, role| {
        candidates
            .iter()
            .any(|c| (c.layer, c.role) == (layer, role))
    };
    let bits = |layer, role| {
        if is_candidate(layer, role) {
            Bits::Int4
        } else {
            Bits::Int8
        }
    };
    let (alone, _) = quantize(
        model,
        rows,
        &Plan {
            desc,
            bits: &bits,
            chained: false,
        },
        &mut |x| done(0.5 * x),
    );
    let size: usize = matrices(&model.config, &model.weights, desc)
        .iter()
        .filter_map(|&(layer, role)| folding(&model.config, &model.weights, desc, layer, role))
        .map(|recipe| recipe.matrix.data.len())
        .sum();
    let steps =
        (BUDGET / size.max(1) / candidates.len().max(1)).clamp(*STEPS.start(), *STEPS.end());
    let float = log_probs(model, rows, steps);
    let count = candidates.len();
    for (i, candidate) in candidates.iter_mut().enumerate() {
        let Candidate { layer, role, .. } = *candidate;
        let recipe = folding(&model.config, &model.weights, desc, layer, role)
            .expect("a candidate is a matrix");
        let columns = recipe.columns.clone();
        let mut matrix = dequantized(alone.matrix(layer, role), columns.as_deref());
        swap(model, layer, role, &mut matrix);
        let fixed = log_probs(model, rows, steps);
        swap(model, layer, role, &mut matrix);
        let kl = float
            .iter()
            .zip(&fixed)
            .map(|(&p, &q)| f64::from(p).exp() * f64::from(p - q))
            .sum::<f64>();
        candidate.sensitivity = (kl / (float.len() / model.config.outputs).max(1) as f64).max(0.0);
        done(0.5 + 0.5 * (i + 1) as f64 / count as f64);
    }
}

fn swap(model: &mut Model, layer: usize, role: Role, matrix: &mut Matrix) {
    if let Some(slot) = slot(&mut model.weights, layer, role) {
        std::mem::swap(slot, matrix);
    }
}

/// ln softmax of all outputs, over `steps` steps spread over at most four rows.
fn log_probs(model: &Model, rows: &Rows, steps: usize) -> Vec<f32> {
    let count = rows.len().min(4);
    let each = steps.div_ceil(count.max(1));
    let parts = parallel(count, |r| {
        let mut session = Session::new(model);
        let mut out = Vec::new();
        for t in 0..each.min(rows.row(r).len()) {
            let logits = step(&mut session, rows.row(r), t, &mut ());
            let top = logits.iter().fold(f64::NEG_INFINITY, |m, &l| m.max(l));
            let sum = libm::log(logits.iter().map(|l| libm::exp(l - top)).sum::<f64>());
            out.extend(logits.iter().map(|l| (l - top - sum) as f32));
        }
        out
    });
    parts.concat()
}

/// The candidates that are int4 so that at least `need` bytes are saved: all, less those that buy
/// the most nats a byte as int8. `Err` has what can be saved.
///
/// # Errors
/// All candidates together save less.
pub fn select(candidates: &[Candidate], need: usize) -> Result<Vec<bool>, usize> {
    let mut saved: usize = candidates.iter().map(|c| c.saving).sum();
    if saved < need {
        return Err(saved);
    }
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    let benefit = |c: &Candidate| c.sensitivity / c.saving as f64;
    order.sort_by(|&a, &b| benefit(&candidates[b]).total_cmp(&benefit(&candidates[a])));
    let mut int4 = vec![true; candidates.len()];
    for i in order {
        if saved - candidates[i].saving >= need {
            saved -= candidates[i].saving;
            int4[i] = false;
        }
    }
    Ok(int4)
}

/// The table that tells what was chosen and why: tensor, bits, relative error, sensitivity.
pub fn explain(costs: &[Cost], candidates: &[Candidate], layers: usize) -> Vec<[String; 4]> {
    let head = ["tensor", "bits", "output error", "KL if int4 alone"].map(String::from);
    let rows = costs.iter().map(|cost| {
        let name = cost.role.name();
        let measured = candidates
            .iter()
            .find(|c| (c.layer, c.role) == (cost.layer, cost.role) && c.sensitivity > 0.0);
        [
            if cost.layer < layers {
                format!("layers.{}.{name}", cost.layer)
            } else {
                name.to_string()
            },
            if cost.bits == Bits::Int4 { "4" } else { "8" }.to_string(),
            format!("{:.4} %", 100.0 * cost.error.sqrt()),
            measured.map_or_else(|| "-".into(), |c| format!("{:.2e}", c.sensitivity)),
        ]
    });
    std::iter::once(head).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(saving: usize, sensitivity: f64) -> Candidate {
        Candidate {
            layer: 0,
            role: Role::Query,
            saving,
            sensitivity,
        }
    }

    #[test]
    fn the_dearest_bytes_go_first() {
        let all = [
            candidate(100, 1.0),
            candidate(50, 1.0),
            candidate(10, 0.01),
            candidate(100, 9.0),
        ];
        assert_eq!(select(&all, 260), Ok(vec![true; 4]));
        assert_eq!(select(&all, 160), Ok(vec![true, true, true, false]));
        // 50 bytes are left after the best: the second best fits, the third does not.
        assert_eq!(select(&all, 110), Ok(vec![true, false, true, false]));
        assert_eq!(select(&all, 0), Ok(vec![false; 4]));
        assert_eq!(select(&all, 261), Err(260));
    }
}
