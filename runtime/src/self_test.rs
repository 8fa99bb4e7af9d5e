//! The file's own test vector (format.md F8).

use crate::error::SelfTestError;
use crate::model::Model;
use crate::session::Session;
use sla_format::{Checksum, InputKind};

impl Model<'_> {
    /// Runs the file's self-test in the given buffers: the converter's input must give the
    /// converter's logits.
    ///
    /// # Errors
    /// [`SelfTestError`] with both digests when they differ.
    pub fn self_test(&self, state: &mut [u32], scratch: &mut [u32]) -> Result<(), SelfTestError> {
        // [digest][number of steps][input words…] (F8.1)
        let (head, input) = self
            .self_test_section()
            .split_at_checked(8)
            .ok_or(SelfTestError::Absent)?;
        let [expected, steps] = sla_format::words_at::<2>(head, 0).ok_or(SelfTestError::Absent)?;
        let mut session = Session::new(self, state, scratch)?;
        let mut checksum = Checksum::default();
        let width = match self.desc().input {
            InputKind::Tokens => 1,
            InputKind::Features => self.desc().inputs as usize,
        };
        let words: &[i32] = bytemuck::try_cast_slice(input).map_err(|_| SelfTestError::Absent)?;
        if words.len() != width.saturating_mul(steps as usize) || steps == 0 {
            return Err(SelfTestError::Absent);
        }
        for input in words.chunks_exact(width.max(1)) {
            let mut logits = match (self.desc().input, input) {
                (InputKind::Tokens, &[token]) => session.step(token as u32)?,
                _ => session.step_features(input)?,
            };
            logits.digest(&mut checksum);
        }
        let computed = checksum.finish();
        if computed == expected {
            Ok(())
        } else {
            Err(SelfTestError::Digest { expected, computed })
        }
    }
}
