//! How each layer's recurrent state is represented (F10).

use crate::header::{Section, SectionKind};
use crate::model::ModelDesc;

/// Largest d_k of an int16 state (F10.2): its sums over the rows are proven to fit 32 bits up to
/// here.
pub const MAX_INT16_ROWS: u32 = 1 << 15;

/// Representation of a layer's state S (F10.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum StateKind {
    /// int32, row-major: numerics.md N6.1 to N6.6.
    #[default]
    Int32 = 0,
    /// int16 in pairs of rows, written with dithered rounding: numerics.md N6.7 to N6.11.
    Int16 = 1,
}

impl StateKind {
    /// The kind with this number in the file.
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Int32),
            1 => Some(Self::Int16),
            _ => None,
        }
    }

    /// Name in reports and options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int32 => "int32",
            Self::Int16 => "int16",
        }
    }

    /// 32-bit words of S of one head.
    #[must_use]
    pub const fn head_words(self, m: &ModelDesc) -> usize {
        let (d_k, d_v) = (m.d_k as usize, m.d_v as usize);
        match self {
            Self::Int32 => d_k * d_v,
            Self::Int16 => d_k.div_ceil(2) * d_v,
        }
    }
}

/// The kinds of all layers: the section's bytes, one a layer; none where all are int32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States<'f>(&'f [u8]);

impl<'f> States<'f> {
    /// The section of a file whose description is `m`; empty bytes stand for an absent section.
    ///
    /// # Errors
    /// The first layer that the section does not describe rightly: an unknown number, int16 with
    /// more rows than [`MAX_INT16_ROWS`], no byte for it, or a byte for a layer that the model
    /// does not have.
    pub const fn read(bytes: &'f [u8], m: &ModelDesc) -> Result<States<'f>, usize> {
        if bytes.is_empty() {
            return Ok(States(bytes));
        }
        let layers = m.layers as usize;
        let mut layer = 0;
        while layer < bytes.len() && layer < layers {
            match StateKind::from_u8(bytes[layer]) {
                Some(StateKind::Int32) => {}
                Some(StateKind::Int16) if m.d_k <= MAX_INT16_ROWS => {}
                _ => return Err(layer),
            }
            layer += 1;
        }
        if bytes.len() == layers {
            Ok(States(bytes))
        } else {
            Err(layer)
        }
    }

    /// The section of a file, in `const` evaluation.
    ///
    /// # Panics
    /// When the section is not one of a model that is described by `m` (at compile time, in a
    /// constant).
    #[must_use]
    pub const fn of_file(file: &'f [u8], m: &ModelDesc) -> States<'f> {
        let Some(bytes) = Section::find(file, SectionKind::States) else {
            panic!("a .sla file whose section table is wrong")
        };
        match States::read(bytes, m) {
            Ok(states) => states,
            Err(_) => panic!("a .sla file whose state section does not fit its description"),
        }
    }

    /// The kind of a layer's state.
    #[must_use]
    pub const fn of(&self, layer: usize) -> StateKind {
        if layer < self.0.len() && self.0[layer] == StateKind::Int16 as u8 {
            StateKind::Int16
        } else {
            StateKind::Int32
        }
    }
}
