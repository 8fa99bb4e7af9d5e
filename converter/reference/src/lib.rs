//! Float reference of Softmax Linear Attention (SLA) on RetNet, GLA and Gated DeltaNet.
//!
//! A [`Model`] is a [`Config`] and its [`Weights`]; a [`Session`] advances it one token (or one
//! feature frame) at a time in recurrent form. Weights are `f32`, every intermediate is `f64`, sums
//! run in a fixed order and transcendental functions come from `libm`, so results are the same on
//! every machine. The formulas are those of flash-linear-attention 0.6.0, with the softmax over the
//! heads of arXiv 2602.01744 on top (docs/checkpoints.md, *Softmax Linear Attention*). The crate
//! knows nothing of the integer runtime.
//!
//! ```
//! use sla_reference::{Backbone, Config, FeatureMap, Input, Model, OutputGate, Session, Weights};
//!
//! let config = Config {
//!     backbone: Backbone::RetNet, hidden: 4, layers: 1, heads: 2, kv_heads: 2, value_heads: 2, d_k: 2, d_v: 2,
//!     intermediate: 4, outputs: 3, input: Input::Tokens { vocab: 3 }, norm_eps: 1e-6, output_gate: OutputGate::Silu,
//!     conv: None, feature_map: FeatureMap::None, clamp_min: None, allow_neg_eigval: false, gate_rank: 0, tied: true, sla: None,
//! };
//! let model = Model::new(config.clone(), Weights::zeros(&config)).unwrap();
//! let mut session = Session::new(&model);
//! assert_eq!(session.step_token(2, &mut ()).unwrap(), [0.0; 3]);
//! assert!(session.step_token(3, &mut ()).is_err());
//! ```

mod activation;
mod config;
mod conv;
mod head_gate;
mod layer;
mod linalg;
mod mixer;
mod mlp;
mod model;
mod norm;
mod rotary;
mod scratch;
mod session;
mod state;
mod tap;
mod weights;

pub use config::{Backbone, Config, Decay, FeatureMap, Input, KeyGate, OutputGate, QueryGate, Sla};
pub use layer::LayerSession;
pub use linalg::Matrix;
pub use model::{Model, ModelError};
pub use session::{Session, StepError};
pub use tap::{Op, Tap};
pub use weights::{Conv, Head, InputWeights, LayerWeights, Weights};
