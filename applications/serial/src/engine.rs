//! The session with its sampler, its text and what they have cost.

use sla_runtime::{Sampler, Session, SnapshotError, StepError};

use crate::codec::Codec;
use crate::counter::Counter;
use crate::settings::Settings;

/// Tokens and what they cost.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub tokens: u64,
    pub units: u64,
}

impl Tally {
    fn add(&mut self, tokens: usize, units: u64) {
        self.tokens += tokens as u64;
        self.units += units;
    }

    /// Of a token, rounded down.
    pub fn mean(self) -> u64 {
        self.units.checked_div(self.tokens).unwrap_or(0)
    }
}

/// What becomes of ids.
pub(crate) struct Engine<'s, 'm, C> {
    pub session: Session<'s, 'm>,
    pub codec: Codec<'m>,
    sampler: Sampler,
    counter: C,
    /// Tokens of lines, since the start of the firmware.
    pub read: Tally,
    /// Tokens of answers.
    pub made: Tally,
}

impl<'s, 'm, C: Counter> Engine<'s, 'm, C> {
    pub fn new(
        session: Session<'s, 'm>,
        codec: Codec<'m>,
        counter: C,
        settings: &Settings,
    ) -> Self {
        let sampler = Sampler::new(settings.sampler());
        let mut engine = Self {
            session,
            codec,
            sampler,
            counter,
            read: Tally::default(),
            made: Tally::default(),
        };
        engine.restart(settings);
        engine
    }

    /// What a text begins with when nothing is typed: that of `sla run`.
    pub fn first(&self) -> Option<u32> {
        let desc = self.session.model().desc();
        match desc.bos {
            bos if bos < desc.inputs => Some(bos),
            _ => self.codec.is_bytes().then_some(b'\n'.into()),
        }
    }

    /// Whether `id` ends a text.
    pub fn is_end(&self, id: u32) -> bool {
        !self.codec.is_bytes() && self.session.model().is_end_of_text(id)
    }

    /// Text and random sequence go on from where the session is, the same way whenever it comes
    /// there.
    pub fn restart(&mut self, settings: &Settings) {
        self.reseed(settings);
        self.codec.restart(self.session.position() == 0);
    }

    /// The random sequence begins anew; a character whose first bytes are there goes on.
    pub fn reseed(&mut self, settings: &Settings) {
        self.sampler = Sampler::new(settings.sampler());
    }

    /// Takes in ids that were typed: no more than [`CHUNK`](crate::codec::CHUNK), as
    /// [`Counter::now`] has it.
    pub fn read(&mut self, ids: &[u32]) -> Result<(), StepError> {
        let start = self.counter.now();
        self.session.prefill(ids)?;
        let ticks = self.counter.now().wrapping_sub(start);
        for &id in ids {
            self.sampler.observe(id);
            self.codec.decode(id, &mut |_| {});
        }
        self.read.add(ids.len(), C::units(ticks));
        Ok(())
    }

    /// The id that the sampler chooses now, and the ticks that this took.
    pub fn choose(&mut self) -> (u32, u32) {
        let start = self.counter.now();
        let id = self.sampler.sample(&mut self.session.logits());
        (id, self.counter.now().wrapping_sub(start))
    }

    /// Goes on by that id.
    pub fn follow(&mut self, (id, chosen): (u32, u32)) -> Result<(), StepError> {
        let start = self.counter.now();
        self.session.step(id)?;
        let ticks = self.counter.now().wrapping_sub(start).wrapping_add(chosen);
        self.made.add(1, C::units(ticks));
        Ok(())
    }

    /// Back to the start of a text.
    pub fn reset(&mut self, settings: &Settings) {
        self.session.reset();
        self.restart(settings);
    }

    /// Becomes what `read` gives (see [`Session::restore_with`]).
    pub fn restore<E>(
        &mut self,
        settings: &Settings,
        read: impl FnMut(usize, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), SnapshotError> {
        let restored = self.session.restore_with(read);
        // An error leaves the session as it was, or at the start of a stream.
        if restored.is_ok() || self.session.position() == 0 {
            self.restart(settings);
        }
        restored
    }
}
