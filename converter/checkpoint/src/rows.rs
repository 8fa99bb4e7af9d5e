//! What a model is run on: rows of tokens or of feature frames, each from a fresh state.

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

/// Rows that do not fit the model; every display is one line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
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
    pub fn has_targets(&self) -> bool {
        match self {
            Self::Tokens(rows) => rows.iter().any(|r| r.targets.is_some()),
            Self::Features(rows) => rows.iter().any(|r| r.label.is_some()),
        }
    }

    /// Row `index`.
    ///
    /// # Panics
    /// If there is none.
    pub fn row(&self, index: usize) -> Row<'_> {
        match self {
            Self::Tokens(rows) => Row::Tokens(&rows[index]),
            Self::Features(rows) => Row::Features(&rows[index]),
        }
    }

    /// Checks every element against a model's sizes.
    ///
    /// # Errors
    /// The first element that does not fit.
    pub fn check(&self, config: &Config) -> Result<(), RowsError> {
        match (self, &config.input) {
            (Self::Tokens(_), Input::Features { .. }) => {
                return Err(RowsError::Kind {
                    need: "feature vectors",
                    have: "tokens",
                });
            }
            (Self::Features(_), Input::Tokens { .. }) => {
                return Err(RowsError::Kind {
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
            Err(RowsError::Empty { what: "rows" })
        } else {
            Ok(())
        }
    }
}

impl TokenRow {
    fn check(&self, row: usize, vocab: usize, outputs: usize) -> Result<(), RowsError> {
        if self.ids.is_empty() {
            return Err(RowsError::Empty { what: "tokens" });
        }
        if let Some(position) = self.ids.iter().position(|&id| id as usize >= vocab) {
            return Err(RowsError::Token {
                row,
                position,
                id: self.ids[position],
                vocab,
            });
        }
        let targets = self.targets.as_deref().unwrap_or(&[]);
        if self.targets.is_some() && targets.len() != self.ids.len() {
            return Err(RowsError::Targets {
                row,
                have: targets.len(),
                need: self.ids.len(),
            });
        }
        for (position, &target) in targets.iter().enumerate() {
            if let Some(target) = usize::try_from(target).ok().filter(|&t| t >= outputs) {
                return Err(RowsError::Target {
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
    fn check(&self, row: usize, size: usize, outputs: usize) -> Result<(), RowsError> {
        if self.frames.is_empty() {
            return Err(RowsError::Empty { what: "frames" });
        }
        for (frame, values) in self.frames.iter().enumerate() {
            if values.len() != size {
                return Err(RowsError::Width {
                    row,
                    frame,
                    have: values.len(),
                    need: size,
                });
            }
            if let Some(index) = values.iter().position(|v| !v.is_finite()) {
                return Err(RowsError::NotFinite { row, frame, index });
            }
        }
        match self.label {
            Some(target) if target >= outputs => Err(RowsError::Target {
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
pub enum Row<'r> {
    /// Of tokens.
    Tokens(&'r TokenRow),
    /// Of feature frames.
    Features(&'r FeatureRow),
}

impl Row<'_> {
    /// Positions.
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(row) => row.ids.len(),
            Self::Features(row) => row.frames.len(),
        }
    }

    /// Whether there is no position.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The output wanted at `position`.
    ///
    /// # Panics
    /// If a row with targets of its own has none there.
    pub fn target(&self, position: usize) -> Option<usize> {
        match self {
            Self::Tokens(row) => match &row.targets {
                Some(targets) => usize::try_from(targets[position]).ok(),
                None => row.ids.get(position + 1).map(|&id| id as usize),
            },
            Self::Features(row) => row.label.filter(|_| position + 1 == row.frames.len()),
        }
    }
}
