//! Why nothing was measured.

use sla_checkpoint::rows::RowsError;

/// Why nothing was evaluated; every display is one line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The rows do not fit the model.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// The float model and the file differ in something that conversion keeps.
    #[error(
        "the checkpoint's {what} is {float}, the .sla file's is {fixed}: it was converted from another checkpoint, give that one"
    )]
    Mismatch {
        /// The quantity.
        what: &'static str,
        /// In the float model.
        float: String,
        /// In the file.
        fixed: String,
    },
    /// The system gives no thread to run on.
    #[error("the system gives this process no thread; raise its limits (ulimit -u, ulimit -v)")]
    Thread,
    /// The runtime refused a step.
    #[error("the runtime refused a step: {0}")]
    Step(#[from] sla_runtime::StepError),
    /// The float model refused a step.
    #[error("the float model refused a step: {0}")]
    FloatStep(#[from] sla_reference::StepError),
}
