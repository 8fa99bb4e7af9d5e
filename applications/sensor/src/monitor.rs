//! A model behind a source of features.

use core::fmt;

use sla_runtime::{InputKind, Logits, Session};

/// Where feature vectors come from, without a gap from one to the next.
pub trait FeatureSource {
    /// Why there is a gap.
    type Error;

    /// Length of a vector.
    fn features(&self) -> usize;

    /// Fills `out` with the next vector, raw values with `frac` fraction bits; `false` if there is
    /// none yet. Does not wait.
    ///
    /// # Errors
    /// What went wrong. The next vector does not follow on the last one.
    fn next(&mut self, frac: i32, out: &mut [i32]) -> Result<bool, Self::Error>;
}

/// Why a model cannot read a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It reads tokens.
    Tokens,
    /// It reads vectors of another length, or there is no room for one.
    Length {
        /// The model's.
        model: usize,
        /// The source's.
        source: usize,
        /// Room.
        buffer: usize,
    },
    /// Its features have more than 30 fraction bits, or fewer than none.
    Fraction {
        /// The model's.
        have: i32,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens => write!(f, "the model reads tokens, not features"),
            Self::Length {
                model,
                source,
                buffer,
            } => {
                write!(
                    f,
                    "the model reads {model} features, the source makes {source}, the buffer has room for {buffer}"
                )
            }
            Self::Fraction { have } => write!(
                f,
                "the model's features have {have} fraction bits, not 0 to 30"
            ),
        }
    }
}

impl core::error::Error for Unfit {}

/// A session that reads a source.
#[derive(Debug)]
pub struct Monitor<'s, 'm, 'b, F> {
    session: Session<'s, 'm>,
    source: F,
    features: &'b mut [i32],
    frac: i32,
}

impl<'s, 'm, 'b, F: FeatureSource> Monitor<'s, 'm, 'b, F> {
    /// Reads `source` with the model of `session`, whose stream starts anew; `features` needs room
    /// for one vector.
    ///
    /// # Errors
    /// [`Unfit`]
    pub fn new(
        mut session: Session<'s, 'm>,
        source: F,
        features: &'b mut [i32],
    ) -> Result<Self, Unfit> {
        let desc = session.model().desc();
        let (model, have, buffer) = (desc.inputs as usize, source.features(), features.len());
        if desc.input == InputKind::Tokens {
            return Err(Unfit::Tokens);
        }
        let features = features.get_mut(..have).filter(|_| model == have);
        let features = features.ok_or(Unfit::Length {
            model,
            source: have,
            buffer,
        })?;
        let frac = desc.feature_frac;
        if !(0..=30).contains(&frac) {
            return Err(Unfit::Fraction { have: frac });
        }
        session.reset();
        Ok(Self {
            session,
            source,
            features,
            frac,
        })
    }

    /// The logits of the next vector, if there is one: at most one step of the model.
    ///
    /// # Errors
    /// What is wrong with the source. The model's stream starts anew, as no training stream has a
    /// gap.
    pub fn poll(&mut self) -> Result<Option<Logits<'_, 'm>>, F::Error> {
        match self.source.next(self.frac, self.features) {
            // The length is that of the model, so a step does not fail.
            Ok(true) => Ok(self.session.step_features(self.features).ok()),
            Ok(false) => Ok(None),
            Err(e) => {
                self.session.reset();
                Err(e)
            }
        }
    }

    /// Vectors that the model has read since its stream began.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.session.position()
    }

    /// The session and the source, for other work.
    pub fn into_parts(self) -> (Session<'s, 'm>, F) {
        (self.session, self.source)
    }
}
