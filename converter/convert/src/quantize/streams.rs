//! The residual streams of the float model and of the quantised one.

use super::QuantizedMatrix;
use super::model::dequantized;
use sla_checkpoint::rows::Rows;
use sla_reference::{InputWeights, Matrix, Model};

/// The residual stream of every row: float and quantised, token by token.
pub(super) struct Streams {
    pub(super) float: Vec<Vec<f64>>,
    pub(super) fixed: Vec<Vec<f64>>,
}

/// Both streams as they enter the first layer.
pub(super) fn streams(model: &Model, rows: &Rows, input: Option<&QuantizedMatrix>) -> Streams {
    let hidden = model.config.hidden;
    let mut streams = Streams {
        float: Vec::new(),
        fixed: Vec::new(),
    };
    let mut x = vec![0.0; hidden];
    match rows {
        Rows::Tokens(rows) => {
            for row in rows {
                let (mut float, mut fixed) = (Vec::new(), Vec::new());
                for &id in &row.ids {
                    model.embed(id, &mut x).expect("rows were checked");
                    float.extend_from_slice(&x);
                    if let Some(q) = input {
                        let unit = q.unit()[id as usize];
                        q.for_each_in_row(id as usize, |_, w| fixed.push(f64::from(w) * unit));
                    }
                }
                streams.fixed.push(if input.is_some() {
                    fixed
                } else {
                    float.clone()
                });
                streams.float.push(float);
            }
        }
        Rows::Features(rows) => {
            let InputWeights::Projection { weight, bias } = &model.weights.input else {
                return streams;
            };
            let quantized = input.map_or_else(|| weight.clone(), |q| dequantized(q, None));
            let mut standard = vec![0.0; weight.cols];
            for row in rows {
                let (mut float, mut fixed) = (Vec::new(), Vec::new());
                for frame in &row.frames {
                    model
                        .project(frame, &mut standard, &mut x)
                        .expect("rows were checked");
                    float.extend_from_slice(&x);
                    quantized.times(&standard, &mut x);
                    fixed.extend(x.iter().zip(bias).map(|(x, b)| x + f64::from(*b)));
                }
                streams.float.push(float);
                streams.fixed.push(fixed);
            }
        }
    }
    streams
}

/// `x += M·input`, token by token.
pub(super) fn advance(m: &Matrix, inputs: &[f64], x: &mut [f64]) {
    let mut out = vec![0.0; m.rows];
    for (x, input) in x.chunks_exact_mut(m.rows).zip(inputs.chunks_exact(m.cols)) {
        m.times(input, &mut out);
        x.iter_mut().zip(&out).for_each(|(x, o)| *x += o);
    }
}
