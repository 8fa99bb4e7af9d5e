//! A session as bytes (docs/snapshot.md): what another session of the same model, on any machine,
//! goes on from.
//!
//! A [`Snapshot`] is a view: its bytes are made from the session's own memory where they are asked
//! for, so that no second buffer of the state's size is needed.

use core::fmt;

use crate::error::SnapshotError;
use crate::model::Model;
use crate::probe::NoProbe;
use crate::session::Session;
use sla_format::{
    Checksum, MemoryPlan, SNAPSHOT_MAGIC, SNAPSHOT_VERSION, SnapshotHeader, words_at,
};

/// The header of every snapshot of `model` (S1.2).
pub(crate) fn header(model: &Model) -> SnapshotHeader {
    let [model_digest] = words_at(model.self_test_section(), 0).unwrap_or([0]);
    SnapshotHeader {
        magic: SNAPSHOT_MAGIC,
        version: SNAPSHOT_VERSION,
        bytes: model.plan().snapshot_bytes(model.desc()) as u32,
        model_crc: model.id(),
        model_digest,
    }
}

/// A session's snapshot, readable in pieces of any length ([`Session::snapshot`]).
pub struct Snapshot<'a> {
    header: [u32; SnapshotHeader::WORDS],
    state: &'a [u32],
    /// Of the last step; empty before the first.
    act: &'a [i16],
    words: usize,
    crc: u32,
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("words", &self.words)
            .finish_non_exhaustive()
    }
}

impl<'a> Snapshot<'a> {
    fn new(model: &Model, state: &'a [u32], act: &'a [i16]) -> Self {
        let words = model.plan().snapshot_bytes(model.desc()) / 4;
        let mut snapshot = Self {
            header: header(model).words(),
            state,
            act,
            words,
            crc: 0,
        };
        let mut crc = Checksum::default();
        (0..words.saturating_sub(1)).for_each(|at| crc.add_bytes(&snapshot.word(at).to_le_bytes()));
        snapshot.crc = crc.finish();
        snapshot
    }

    /// Length in bytes: [`MemoryPlan::snapshot_bytes`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * self.words
    }

    /// Copies the bytes from `at` on into `out`, as many as there are, and returns how many.
    pub fn read(&self, at: usize, out: &mut [u8]) -> usize {
        let (first, skip) = (at / 4, at % 4);
        let len = out.len().min(self.bytes().saturating_sub(at));
        let bytes = (first..self.words)
            .flat_map(|at| self.word(at).to_le_bytes())
            .skip(skip);
        out.iter_mut()
            .zip(bytes)
            .for_each(|(out, byte)| *out = byte);
        len
    }

    /// The checksum at the end (S1.5).
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.crc
    }

    fn word(&self, at: usize) -> u32 {
        if at.wrapping_add(1) == self.words {
            return self.crc;
        }
        if let Some(word) = self.header.get(at) {
            return *word;
        }
        let at = at.saturating_sub(SnapshotHeader::WORDS);
        if let Some(word) = self.state.get(at) {
            return *word;
        }
        let pair = 2 * at.saturating_sub(self.state.len());
        let half = |at: usize| self.act.get(at).map_or(0, |&half| u32::from(half as u16));
        half(pair) | half(pair + 1) << 16
    }
}

impl<'s, 'm> Session<'s, 'm> {
    /// The session as bytes. A step in slices that is not finished is finished first.
    pub fn snapshot(&mut self) -> Snapshot<'_> {
        self.finish_step();
        let act = match (self.position(), &self.scratch.act) {
            // Nothing was computed yet: the scratch buffer may hold anything.
            (0, _) => &[][..],
            (_, [act, ..]) => act
                .get(..2 * MemoryPlan::snapshot_act_words(self.model.desc()))
                .unwrap_or(&[]),
        };
        Snapshot::new(self.model, self.state.words(), act)
    }

    /// Writes the session's snapshot to the start of `out` and returns its length,
    /// [`MemoryPlan::snapshot_bytes`].
    ///
    /// # Errors
    /// [`SnapshotError::Truncated`] when `out` is too short.
    pub fn save(&mut self, out: &mut [u8]) -> Result<usize, SnapshotError> {
        let snapshot = self.snapshot();
        let (need, have) = (snapshot.bytes(), out.len());
        if have < need {
            return Err(SnapshotError::Truncated { need, have });
        }
        Ok(snapshot.read(0, out))
    }

    /// Becomes a copy of `other`, whose model must be the same. Nothing is serialised: what a draft
    /// that may be rolled back, or one prompt with several answers, costs is a copy of the
    /// state.
    ///
    /// # Errors
    /// [`SnapshotError::Model`] when `other` runs another model; this session is then as it was.
    pub fn copy_from(&mut self, other: &mut Session) -> Result<(), SnapshotError> {
        let (own, theirs) = (header(self.model), header(other.model));
        if own != theirs {
            return Err(SnapshotError::Model {
                found: theirs.model_crc,
                expected: own.model_crc,
            });
        }
        other.finish_step();
        self.state
            .words_mut()
            .iter_mut()
            .zip(other.state.words())
            .for_each(|(to, from)| *to = *from);
        let ([to, ..], [from, ..]) = (&mut self.scratch.act, &other.scratch.act);
        to.iter_mut()
            .zip(from.iter())
            .for_each(|(to, from)| *to = *from);
        self.forget_step();
        Ok(())
    }

    fn finish_step(&mut self) {
        while self.run_next(true, &mut NoProbe) {}
    }
}
