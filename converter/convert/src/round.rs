//! The bits of every matrix, and rounding to them.

use crate::quantize::Bits;
use crate::quantize::choose::{Candidate, candidates, explain, measure, select};
use crate::quantize::model::{Quantized, has_bias};
use crate::quantize::sequential::{Cost, Plan, quantize};
use crate::write::{self, Extras};
use crate::{Budget, ConvertError, ConvertOptions, WeightBits, self_test};
use sla_checkpoint::rows::Rows;
use sla_format::{ModelDesc, Role};
use sla_reference::Model;

/// Bytes of a file for its provenance.
const PROVENANCE_BYTES: usize = 768;

/// All matrices as integers, and what the choice of their bits was based on.
pub(crate) struct Rounded {
    pub(crate) matrices: Quantized,
    /// For the provenance.
    pub(crate) name: String,
    costs: Vec<Cost>,
    candidates: Vec<Candidate>,
    /// Size of the file with int8 matrices, where not all are.
    pub(crate) int8_bytes: Option<usize>,
}

impl Rounded {
    /// Why each matrix has the bits that it has, a table with its heading; empty for int8.
    pub(crate) fn choices(&self, layers: usize) -> Vec<[String; 4]> {
        match self.costs.is_empty() {
            true => Vec::new(),
            false => explain(&self.costs, &self.candidates, layers),
        }
    }
}

/// Every matrix as int8, rounded to the nearest.
pub(crate) fn nearest(model: &Model, desc: &ModelDesc) -> Rounded {
    Rounded {
        matrices: Quantized::nearest(&model.config, &model.weights, desc),
        name: "int8".into(),
        costs: Vec::new(),
        candidates: Vec::new(),
        int8_bytes: None,
    }
}

/// Chooses bits and rounds by the second moments of `rows`. `model` is as before afterwards.
///
/// # Errors
/// [`ConvertError::Budget`], and [`ConvertError::Limit`] for a file beyond 4 GiB.
pub(crate) fn by_moments(
    model: &mut Model,
    desc: &ModelDesc,
    rows: &Rows,
    options: &ConvertOptions,
    extras: &Extras,
    progress: &mut dyn FnMut(&str, f64),
) -> Result<Rounded, ConvertError> {
    let int8_bytes = write::int8_bytes(desc, &has_bias(model, desc), extras)?
        + PROVENANCE_BYTES
        + self_test::bytes(desc);
    let mut candidates = candidates(model, desc, options.head);
    let mut int4 = vec![true; candidates.len()];
    if let WeightBits::Mixed(budget) = options.weights {
        let budget = match budget {
            Budget::Bytes(bytes) => bytes,
            Budget::Ratio(ratio) => (ratio * int8_bytes as f64) as usize,
        };
        let need = int8_bytes.saturating_sub(budget);
        let hint = match options.head {
            Bits::Int8 => "; `--head int4` takes less",
            Bits::Int4 => "",
        };
        let impossible = |saved| ConvertError::Budget {
            budget,
            least: int8_bytes - saved,
            hint,
        };
        select(&candidates, need).map_err(impossible)?;
        measure(model, desc, rows, &mut candidates, &mut |x| {
            progress("sensitivity", x)
        });
        int4 = select(&candidates, need).map_err(impossible)?;
    }
    let chosen: Vec<(usize, Role)> = candidates
        .iter()
        .zip(&int4)
        .filter(|(_, int4)| **int4)
        .map(|(c, _)| (c.layer, c.role))
        .collect();
    let layers = model.config.layers;
    let bits = |layer, role| {
        let layer = if role == Role::Input { layers } else { layer };
        match chosen.contains(&(layer, role)) {
            true => Bits::Int4,
            false => Bits::Int8,
        }
    };
    let plan = Plan {
        desc,
        bits: &bits,
        chained: true,
    };
    let (matrices, costs) = quantize(model, rows, &plan, &mut |x| progress("quantise", x));
    let head = match options.head {
        Bits::Int4 => "int4",
        Bits::Int8 => "int8",
    };
    let name = match options.weights {
        WeightBits::Mixed(_) => {
            let (int4, all) = (chosen.len(), costs.len());
            format!("mixed, {int4} of {all} matrices int4, embedding and head {head}")
        }
        WeightBits::Int4 | WeightBits::Int8 => format!("int4, embedding and head {head}"),
    };
    Ok(Rounded {
        matrices,
        name,
        costs,
        candidates,
        int8_bytes: Some(int8_bytes),
    })
}
