//! The head, computed in tiles: nobody needs a buffer as long as the vocabulary (numerics.md N13).

use crate::matrix::Matrix;
use crate::model::Model;
use crate::workspace::Activation;
use fixed::types::I16F16;
use heapless::Vec;
use sla_format::{LOGIT_TILE, Role};

/// The logits of one step. Nothing is computed until a method asks for it.
pub struct Logits<'s, 'm> {
    pub(crate) model: &'s Model<'m>,
    pub(crate) act: &'s Activation<'s>,
    pub(crate) tile: &'s mut [i32],
}

impl core::fmt::Debug for Logits<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Logits")
            .field("outputs", &self.model.desc().outputs)
            .finish_non_exhaustive()
    }
}

/// The largest logit so far, the first of equals.
pub(crate) struct Best {
    logit: i32,
    pub at: u32,
}

impl Default for Best {
    fn default() -> Self {
        Self {
            logit: i32::MIN,
            at: 0,
        }
    }
}

impl Best {
    /// Takes in the logits from index `first` on.
    #[inline(always)]
    pub fn offer(&mut self, first: u32, tile: &[i32]) {
        for (i, &logit) in (first..).zip(tile) {
            if logit > self.logit {
                *self = Self { logit, at: i };
            }
        }
    }
}

impl Logits<'_, '_> {
    /// Calls `f(first, logits)` for each tile of consecutive logits, in order, as Q16 integers.
    pub fn for_each_tile(&mut self, mut f: impl FnMut(u32, &[i32])) {
        let head = self.model.matrix(0, Role::Head);
        let mut start = 0;
        while let Some(tile) = self.tile_from(&head, start) {
            f(start as u32, tile);
            start += LOGIT_TILE;
        }
    }

    /// Tile `index`, the logits from `index`·[`LOGIT_TILE`] on as Q16 integers; `None` past the
    /// last. This is the head in bounded pieces, for a task that has to yield inside it.
    pub fn tile(&mut self, index: usize) -> Option<&[i32]> {
        let head = self.model.matrix(0, Role::Head);
        self.tile_from(&head, index.saturating_mul(LOGIT_TILE))
    }

    /// The tile from `start` on; `None` past the last.
    #[inline(never)]
    fn tile_from(&mut self, head: &Matrix, start: usize) -> Option<&[i32]> {
        let len = (self.model.desc().outputs as usize)
            .saturating_sub(start)
            .min(LOGIT_TILE);
        if len == 0 {
            return None;
        }
        head.apply_rows(start, len, self.act.values, self.tile);
        self.tile.get(..len)
    }

    /// The index of the largest logit, the first of equals.
    #[must_use]
    pub fn argmax(&mut self) -> u32 {
        let mut best = Best::default();
        self.for_each_tile(|first, tile| best.offer(first, tile));
        best.at
    }

    /// The `K` largest logits, best first; equals in order of their index.
    #[must_use]
    pub fn top_k<const K: usize>(&mut self) -> Vec<(u32, I16F16), K> {
        let mut top: Vec<(u32, I16F16), K> = Vec::new();
        self.for_each_tile(|first, tile| {
            for (i, &logit) in (first..).zip(tile) {
                let logit = I16F16::from_bits(logit);
                let place = top.iter().take_while(|(_, other)| *other >= logit).count();
                let mut fresh = (i, logit);
                top.iter_mut()
                    .skip(place)
                    .for_each(|kept| core::mem::swap(kept, &mut fresh));
                // Of a full list the last one has fallen out.
                let _ = top.push(fresh);
            }
        });
        top
    }

    /// Writes all logits; `out` beyond the number of outputs is left alone, a shorter one is
    /// filled.
    pub fn write(&mut self, out: &mut [I16F16]) {
        self.for_each_tile(|first, tile| {
            for (out, &logit) in out.iter_mut().skip(first as usize).zip(tile) {
                *out = I16F16::from_bits(logit);
            }
        });
    }

    /// Adds every logit to a running checksum (format.md F8.2).
    pub fn digest(&mut self, checksum: &mut sla_format::Checksum) {
        self.for_each_tile(|_, tile| tile.iter().for_each(|&logit| checksum.add(logit)));
    }
}
