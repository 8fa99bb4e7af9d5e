//! What is evaluated: rows of tokens or of feature frames, each from a fresh state.

use sla_reference::{Config, Input};

/// Tokens in a row of text; RetNet is out of its depth, in float too, some way beyond.
pub const ROW_TOKENS: usize = 1024;

/// Rows of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// For models that read tokens.
    Tokens(Vec<TokenRow>),
    /// For models that read feature vectors.
    Features(Vec<FeatureRow>),
}

/// A row of tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRow {
    /// Token ids.
    pub ids: Vec<u32>,
    /// The output wanted at each position, negative for none. `None`: the next token, none at the
    /// last position.
    pub targets: Option<Vec<i32>>,
}

/// A row of raw feature vectors: one clip.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRow {
    /// Frames in time order.
    pub frames: Vec<Vec<f64>>,
    /// The output wanted at the last frame.
    pub label: Option<usize>,
}

/// Why nothing was evaluated; every display is one line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// Nothing to run.
    #[error("the input holds no {what}")]
    Empty {
        /// Rows, tokens or frames.
        what: &'static str,
    },
    /// Tokens for a feature model or the reverse.
    #[error("the model reads {need}, the input holds {have}")]
    Kind {
        /// What the model reads.
        need: &'static str,
        /// What the rows are.
        have: &'static str,
    },
    /// An id outside the vocabulary.
    #[error("row {row}, position {position}: token {id} is outside the vocabulary of {vocab}")]
    Token {
        /// Row index.
        row: usize,
        /// Position in the row.
        position: usize,
        /// The id.
        id: u32,
        /// Ids are below this.
        vocab: usize,
    },
    /// A target or label outside the outputs.
    #[error(
        "row {row}, position {position}: target {target} is outside the model's {outputs} outputs"
    )]
    Target {
        /// Row index.
        row: usize,
        /// Position in the row.
        position: usize,
        /// The target.
        target: usize,
        /// Targets are below this.
        outputs: usize,
    },
    /// Not one target a token.
    #[error("row {row}: {have} targets for {need} tokens")]
    Targets {
        /// Row index.
        row: usize,
        /// Number of targets.
        have: usize,
        /// Number of tokens.
        need: usize,
    },
    /// A frame of the wrong length.
    #[error("row {row}, frame {frame}: {have} features where the model reads {need}")]
    Width {
        /// Row index.
        row: usize,
        /// Frame in the row.
        frame: usize,
        /// Features given.
        have: usize,
        /// Features needed.
        need: usize,
    },
    /// A feature that is NaN or infinite.
    #[error("row {row}, frame {frame}: feature {index} is not finite")]
    NotFinite {
        /// Row index.
        row: usize,
        /// Frame in the row.
        frame: usize,
        /// Feature in the frame.
        index: usize,
    },
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

impl Rows {
    /// Bytes as ids, cut into rows of [`ROW_TOKENS`] (the last may be shorter).
    pub fn text(bytes: &[u8]) -> Self {
        Self::ids(&bytes.iter().map(|&b| b.into()).collect::<Vec<u32>>())
    }

    /// Ids, cut into rows of [`ROW_TOKENS`] (the last may be shorter).
    pub fn ids(ids: &[u32]) -> Self {
        let row = |chunk: &[u32]| TokenRow {
            ids: chunk.to_vec(),
            targets: None,
        };
        Self::Tokens(ids.chunks(ROW_TOKENS).map(row).collect())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(rows) => rows.len(),
            Self::Features(rows) => rows.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions of all rows together.
    pub fn positions(&self) -> usize {
        (0..self.len()).map(|i| self.row(i).len()).sum()
    }

    /// Whether the rows say what is wanted, beyond the next token.
    pub(super) fn has_targets(&self) -> bool {
        match self {
            Self::Tokens(rows) => rows.iter().any(|r| r.targets.is_some()),
            Self::Features(rows) => rows.iter().any(|r| r.label.is_some()),
        }
    }

    /// Row `index`.
    pub(crate) fn row(&self, index: usize) -> Row<'_> {
        match self {
            Self::Tokens(rows) => Row::Tokens(&rows[index]),
            Self::Features(rows) => Row::Features(&rows[index]),
        }
    }

    /// Checks every element against a model's sizes.
    ///
    /// # Errors
    /// The first element that does not fit.
    pub fn check(&self, config: &Config) -> Result<(), EvalError> {
        match (self, &config.input) {
            (Self::Tokens(_), Input::Features { .. }) => {
                return Err(EvalError::Kind {
                    need: "feature vectors",
                    have: "tokens",
                });
            }
            (Self::Features(_), Input::Tokens { .. }) => {
                return Err(EvalError::Kind {
                    need: "tokens",
                    have: "feature vectors",
                });
            }
            (Self::Tokens(rows), Input::Tokens { vocab }) => {
                for (i, row) in rows.iter().enumerate() {
                    row.check(i, *vocab, config.outputs)?;
                }
            }
            (Self::Features(rows), Input::Features { size, .. }) => {
                for (i, row) in rows.iter().enumerate() {
                    row.check(i, *size, config.outputs)?;
                }
            }
        }
        if self.is_empty() {
            Err(EvalError::Empty { what: "rows" })
        } else {
            Ok(())
        }
    }
}

impl TokenRow {
    fn check(&self, row: usize, vocab: usize, outputs: usize) -> Result<(), EvalError> {
        if self.ids.is_empty() {
            return Err(EvalError::Empty { what: "tokens" });
        }
        if let Some(position) = self.ids.iter().position(|&id| id as usize >= vocab) {
            return Err(EvalError::Token {
                row,
                position,
                id: self.ids[position],
                vocab,
            });
        }
        let targets = self.targets.as_deref().unwrap_or(&[]);
        if self.targets.is_some() && targets.len() != self.ids.len() {
            return Err(EvalError::Targets {
                row,
                have: targets.len(),
                need: self.ids.len(),
            });
        }
        for (position, &target) in targets.iter().enumerate() {
            if let Some(target) = usize::try_from(target).ok().filter(|&t| t >= outputs) {
                return Err(EvalError::Target {
                    row,
                    position,
                    target,
                    outputs,
                });
            }
        }
        Ok(())
    }
}

impl FeatureRow {
    fn check(&self, row: usize, size: usize, outputs: usize) -> Result<(), EvalError> {
        if self.frames.is_empty() {
            return Err(EvalError::Empty { what: "frames" });
        }
        for (frame, values) in self.frames.iter().enumerate() {
            if values.len() != size {
                return Err(EvalError::Width {
                    row,
                    frame,
                    have: values.len(),
                    need: size,
                });
            }
            if let Some(index) = values.iter().position(|v| !v.is_finite()) {
                return Err(EvalError::NotFinite { row, frame, index });
            }
        }
        match self.label {
            Some(target) if target >= outputs => Err(EvalError::Target {
                row,
                position: self.frames.len() - 1,
                target,
                outputs,
            }),
            _ => Ok(()),
        }
    }
}

/// One row, of either kind.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    Tokens(&'r TokenRow),
    Features(&'r FeatureRow),
}

impl Row<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Tokens(row) => row.ids.len(),
            Self::Features(row) => row.frames.len(),
        }
    }

    /// The output wanted at `position`.
    pub(super) fn target(&self, position: usize) -> Option<usize> {
        match self {
            Self::Tokens(row) => match &row.targets {
                Some(targets) => usize::try_from(targets[position]).ok(),
                None => row.ids.get(position + 1).map(|&id| id as usize),
            },
            Self::Features(row) => row.label.filter(|_| position + 1 == row.frames.len()),
        }
    }
}

/// A raw frame as the runtime takes it: `round(raw · 2^frac)`, halves away from zero, saturated.
/// Overwrites `out`.
pub fn fixed_features(frame: &[f64], frac: i32, out: &mut Vec<i32>) {
    let unit = 2f64.powi(frac);
    out.clear();
    out.extend(frame.iter().map(|raw| (raw * unit).round() as i32));
}
