//! Which tokens end a text (F12).

use crate::model::{ModelDesc, NONE};

/// The largest number of tokens that end a text (F12.1).
pub const MAX_ENDS: usize = 64;

/// The section's ids; none where `eos` of the description is the only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends<'f>(&'f [[u8; 4]]);

impl<'f> Ends<'f> {
    /// The section of a file whose description is `m`; empty bytes stand for an absent section.
    /// `None` when it is not as F12.1 has it.
    #[must_use]
    pub fn read(bytes: &'f [u8], m: &ModelDesc) -> Option<Ends<'f>> {
        let (ids, rest) = bytes.as_chunks();
        let is_token = |id: &[u8; 4]| u32::from_le_bytes(*id) < m.inputs;
        (rest.is_empty() && ids.len() <= MAX_ENDS && ids.iter().all(is_token)).then_some(Ends(ids))
    }

    /// The tokens that end a text of the model `m`, `eos` first, each once if the section has each
    /// once (F12.2).
    pub fn ids(self, m: &ModelDesc) -> impl Iterator<Item = u32> + 'f {
        let eos = m.eos;
        let others = self
            .0
            .iter()
            .map(|id| u32::from_le_bytes(*id))
            .filter(move |&id| id != eos);
        (eos != NONE).then_some(eos).into_iter().chain(others)
    }
}
