//! Taking a session from a snapshot (docs/snapshot.md S2): everything is checked before anything is
//! changed, so that no bytes, whoever wrote them, can bring the session into a state that a step
//! could not have left.

use crate::error::SnapshotError;
use crate::head_state::FRAC_LIMIT;
use crate::model::Model;
use crate::session::Session;
use crate::snapshot::header;
use sla_format::{Checksum, GLOBAL_STATE_WORDS, MemoryPlan, ModelDesc, SnapshotHeader, StateKind};
use sla_kernels::{fixed, nonlinear::DECAY_FRAC};

/// Words that are read at a time.
const BLOCK_WORDS: usize = 16;
/// Bits of |S| in int32 (numerics.md N6, *Why it fits*).
const INT32_BITS: i32 = 30;
/// Largest |S| in int16.
const INT16_MOST: u32 = (1 << 14) + (1 << 13) + 1;

impl<'s, 'm> Session<'s, 'm> {
    /// Goes on from a snapshot of a session of the same model, here or on another machine: the next
    /// step, and [`Session::logits`] at once, give what they would have given there. What this
    /// session was doing is dropped.
    ///
    /// # Errors
    /// [`SnapshotError`]; the session is then as it was.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let have = snapshot.len();
        let found = SnapshotHeader::read(snapshot);
        let found = found.ok_or(SnapshotError::Truncated {
            need: SnapshotHeader::BYTES,
            have,
        })?;
        check_header(&self.model, &found)?;
        let need = found.bytes as usize;
        if have != need {
            return Err(SnapshotError::Truncated { need, have });
        }
        self.restore_with(|at, out| {
            let bytes = at
                .checked_add(out.len())
                .and_then(|end| snapshot.get(at..end))
                .ok_or(())?;
            out.iter_mut()
                .zip(bytes)
                .for_each(|(out, byte)| *out = *byte);
            Ok::<_, ()>(())
        })
    }

    /// [`Session::restore`] from where the bytes are not in memory: `read(at, out)` fills `out`
    /// with the bytes from `at` on. It is called with at most 64 bytes at offsets that are
    /// multiples of 4, up to three times for each byte, and need not be trusted to give the
    /// same ones each time: what the session then holds is checked where it lies.
    ///
    /// # Errors
    /// As [`Session::restore`], and [`SnapshotError::Read`] where `read` fails. The session is then
    /// as it was, but for one case: bytes that were right when they were checked, and could not
    /// be read or were others when they were copied, leave it at the start of a stream.
    pub fn restore_with<E>(
        &mut self,
        mut read: impl FnMut(usize, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), SnapshotError> {
        let mut source = Source {
            read: &mut |at, out| read(at, out).is_ok(),
        };
        let stored = source.check(&self.model)?;
        let copied = source.copy(self).and_then(|()| self.check_copy(stored));
        if copied.is_err() {
            self.reset();
        }
        copied
    }

    /// That the session is now what was checked: its own snapshot has that checksum, and holds a
    /// state that a step could have left.
    fn check_copy(&mut self, stored: u32) -> Result<(), SnapshotError> {
        self.forget_step();
        let copy = self.view();
        let computed = copy.crc();
        if stored != computed {
            return Err(SnapshotError::Checksum { stored, computed });
        }
        // Equal checksums prove nothing where somebody chose the bytes.
        Source {
            read: &mut |at, out| copy.read(at, out) == out.len(),
        }
        .check_state(&self.model)
    }
}

/// Magic, version, model and length.
fn check_header(model: &Model, found: &SnapshotHeader) -> Result<(), SnapshotError> {
    let own = header(model);
    if found.magic != own.magic {
        return Err(SnapshotError::NotASnapshot);
    }
    if found.version != own.version {
        return Err(SnapshotError::Version {
            found: found.version,
        });
    }
    if (found.model_crc, found.model_digest) != (own.model_crc, own.model_digest) {
        return Err(SnapshotError::Model {
            found: found.model_crc,
            expected: own.model_crc,
        });
    }
    if found.bytes != own.bytes {
        return Err(SnapshotError::Truncated {
            need: own.bytes as usize,
            have: found.bytes as usize,
        });
    }
    Ok(())
}

/// The snapshot's bytes: fills the slice with those from an offset on, if it can.
struct Source<'r> {
    read: &'r mut dyn FnMut(usize, &mut [u8]) -> bool,
}

impl Source<'_> {
    /// Calls `f` for the bytes of `count` words from word `at` on, a block at a time, and returns
    /// the word after them.
    #[inline(never)]
    fn blocks(
        &mut self,
        mut at: usize,
        count: usize,
        f: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, SnapshotError> {
        let mut block = [0; 4 * BLOCK_WORDS];
        let mut left = count;
        while left > 0 {
            let len = left.min(BLOCK_WORDS);
            let bytes = block.get_mut(..4 * len).unwrap_or_default();
            if !(self.read)(4 * at, bytes) {
                return Err(SnapshotError::Read { at: 4 * at });
            }
            f(bytes);
            at += len;
            left -= len;
        }
        Ok(at)
    }

    /// Calls `f` for each of them.
    fn words(
        &mut self,
        at: usize,
        count: usize,
        mut f: impl FnMut(u32),
    ) -> Result<usize, SnapshotError> {
        self.blocks(at, count, &mut |bytes| each_word(bytes).for_each(&mut f))
    }

    /// `N` words from word `at` on.
    fn array<const N: usize>(&mut self, at: usize) -> Result<[u32; N], SnapshotError> {
        let mut array = [0; N];
        let mut places = array.iter_mut();
        self.words(at, N, |word| {
            if let Some(place) = places.next() {
                *place = word;
            }
        })?;
        Ok(array)
    }

    /// Everything that S2 asks for; the checksum that was right.
    fn check(&mut self, model: &Model) -> Result<u32, SnapshotError> {
        let [magic, version, bytes, model_crc, model_digest] =
            self.array::<{ SnapshotHeader::WORDS }>(0)?;
        let found = SnapshotHeader {
            magic: magic.to_le_bytes(),
            version,
            bytes,
            model_crc,
            model_digest,
        };
        check_header(model, &found)?;
        let words = bytes as usize / 4;
        let mut crc = Checksum::default();
        let end = self.blocks(0, words.saturating_sub(1), &mut |bytes| {
            crc.add_bytes(bytes)
        })?;
        let ([stored], computed) = (self.array(end)?, crc.finish());
        if stored != computed {
            return Err(SnapshotError::Checksum { stored, computed });
        }
        self.check_state(model)?;
        Ok(stored)
    }

    /// That a step could have left this (S2.3).
    fn check_state(&mut self, model: &Model) -> Result<(), SnapshotError> {
        let (desc, layers) = (model.desc(), model.desc().layers as usize);
        let [low, high, slot, reserved] =
            self.array::<GLOBAL_STATE_WORDS>(SnapshotHeader::WORDS)?;
        if slot >= desc.conv_width.saturating_sub(1).max(1) || reserved != 0 {
            return Err(SnapshotError::State { layer: layers });
        }
        let mut at = SnapshotHeader::WORDS + GLOBAL_STATE_WORDS;
        for layer in 0..layers {
            let kind = model.states().of(layer);
            if !self.layer_fits(desc, kind, at)? {
                return Err(SnapshotError::State { layer });
            }
            at += MemoryPlan::layer_state_words(desc, kind);
        }
        // A unit vector, rounded: once by the norm, and perhaps once more by the weights of a tied
        // head (numerics.md N13.1).
        let mut square = 0u64;
        self.words(at, MemoryPlan::snapshot_act_words(desc), |word| {
            let [low, high] = halves(word).map(|half| u64::from(half.unsigned_abs()));
            square += low * low + high * high;
        })?;
        let most = (1u64 << desc.unit_frac.clamp(0, 15)) + u64::from(desc.hidden.isqrt()) + 1;
        let most = if low | high == 0 { 0 } else { most * most };
        if square > most {
            Err(SnapshotError::State { layer: layers })
        } else {
            Ok(())
        }
    }

    /// The same of one layer, whose state begins at word `at`.
    fn layer_fits(
        &mut self,
        desc: &ModelDesc,
        kind: StateKind,
        at: usize,
    ) -> Result<bool, SnapshotError> {
        let (heads, head_words) = (desc.state_heads as usize, kind.head_words(desc));
        let carry = at + heads * head_words;
        let frac = carry + desc.carry_len();
        let mask = frac + heads;
        let mut fits = true;
        for head in 0..heads {
            let mut magnitude = Magnitude::default();
            self.words(at + head * head_words, head_words, |word| {
                magnitude.add(word, kind)
            })?;
            let [stored] = self.array(mask + head)?;
            fits &= magnitude.mask(kind) == Some(stored);
        }
        self.words(carry, desc.carry_len(), |word| {
            fits &= word < 1 << DECAY_FRAC
        })?;
        self.words(frac, heads, |word| {
            fits &= (word as i32).unsigned_abs() <= FRAC_LIMIT.unsigned_abs()
        })?;
        Ok(fits)
    }

    /// Copies state and activations.
    fn copy(&mut self, session: &mut Session) -> Result<(), SnapshotError> {
        let act_words = MemoryPlan::snapshot_act_words(session.model.desc());
        let state = session.state.words_mut();
        let state_words = state.len();
        let act = session.scratch.first().act.values.as_chunks_mut::<2>().0;
        let (mut state, mut act) = (state.iter_mut(), act.iter_mut());
        self.words(SnapshotHeader::WORDS, state_words + act_words, |word| {
            if let Some(place) = state.next() {
                *place = word;
            } else if let Some(place) = act.next() {
                *place = halves(word);
            }
        })?;
        Ok(())
    }
}

fn each_word(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word))
}

fn halves(word: u32) -> [i16; 2] {
    [word as i16, (word >> 16) as i16]
}

/// The magnitude mask of a head's state as a write leaves it (numerics.md N6.4, N6.9).
#[derive(Default)]
struct Magnitude {
    bits: u32,
    is_too_large: bool,
}

impl Magnitude {
    fn add(&mut self, word: u32, kind: StateKind) {
        let x = word as i32;
        match kind {
            StateKind::Int32 => self.bits |= (x ^ (x >> 31)) as u32,
            StateKind::Int16 => {
                self.bits |= (x ^ (x >> 1)) as u32;
                self.is_too_large |= halves(word)
                    .iter()
                    .any(|half| u32::from(half.unsigned_abs()) > INT16_MOST);
            }
        }
    }

    /// `None` if no write leaves a state as large as this (numerics.md N6, *Why it fits*).
    fn mask(&self, kind: StateKind) -> Option<u32> {
        let (mask, fits) = match kind {
            StateKind::Int32 => (
                fixed::ones(self.bits),
                fixed::bit_len(self.bits) <= INT32_BITS,
            ),
            StateKind::Int16 => ((self.bits | self.bits >> 16) & 0x7fff, !self.is_too_large),
        };
        fits.then_some(mask)
    }
}
