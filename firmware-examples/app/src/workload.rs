//! What the benchmark runs: the model of this image on the stream that the host knows too.

use sla_format::LOGIT_TILE;
use sla_runtime::{Checksum, Ledger, Model, Op, Probe, Session, TestStream};

use crate::memory::Memory;
use crate::{Counter, Platform};

/// One stream through the model.
pub struct Workload<'a> {
    session: Session<'a, 'static>,
    exercise: TestStream<'static>,
    frame_start: (u32, u32),
    digest: Checksum,
    chosen: u32,
}

impl<'a> Workload<'a> {
    /// Starts a stream; `None` if `memory` was made for a smaller model.
    #[must_use]
    pub fn new(model: &'a Model<'static>, memory: Memory) -> Option<Self> {
        let session = Session::new(model, memory.state, memory.scratch).ok()?;
        let exercise = TestStream::new(model.desc(), memory.frame);
        let frame_start = exercise.position();
        Some(Self {
            session,
            exercise,
            frame_start,
            digest: Checksum::default(),
            chosen: 0,
        })
    }

    /// Starts over: the next step is the first of a fresh stream.
    pub fn reset(&mut self) {
        self.session.reset();
        self.exercise.restore(self.frame_start);
        self.digest = Checksum::default();
    }

    /// Gets the input of the next step ready. Not counted.
    pub fn prepare(&mut self) {
        self.exercise.prepare(&self.session);
    }

    /// Advances by one token, head and choice of the next included. This, and nothing else, is what
    /// is counted.
    #[inline(never)]
    pub fn step(&mut self) {
        if let Ok(mut logits) = self.exercise.step(&mut self.session) {
            self.chosen = logits.argmax();
        }
    }

    /// One step with a probe that sees what is done.
    pub fn step_probed<const ROWS: usize>(&mut self, ledger: &mut Ledger<ROWS>) {
        let layers = self.session.model().desc().layers as usize;
        ledger.begin();
        if let Ok(mut logits) = self.exercise.step_probed(&mut self.session, ledger) {
            self.chosen = logits.argmax();
        }
        ledger.done(layers, Op::Head);
    }

    /// Instructions of the longest piece of `tokens` further steps that are cut where a task may
    /// yield: the beginning of a step, which reads the embedding, each slice, and each tile of
    /// the logits.
    pub fn worst_slice<P: Platform>(&mut self, counter: &Counter<P>, tokens: u32) -> u32 {
        let mut worst = 0;
        for _ in 0..tokens {
            self.prepare();
            let (mut is_left, mut largest, mut index) = (true, (0, i32::MIN), 0);
            // Each piece is an activation of its own, as of a task that keeps nothing but the
            // session.
            worst = worst.max(
                counter.count(&mut || is_left = self.exercise.slices(&mut self.session).is_ok()),
            );
            while is_left {
                worst =
                    worst.max(counter.count(&mut || is_left = self.session.pending().run_next()));
            }
            while {
                worst = worst.max(counter.count(&mut || {
                    let mut logits = self.session.logits();
                    let tile = logits.tile(index).unwrap_or_default();
                    is_left = !tile.is_empty();
                    for (at, &logit) in (LOGIT_TILE * index..).zip(tile) {
                        if logit > largest.1 {
                            largest = (at as u32, logit);
                        }
                    }
                }));
                is_left
            } {
                index += 1;
            }
            self.exercise.choose(largest.0);
        }
        worst
    }

    /// Adds the last step's logits to the digest and takes its choice as the next token.
    pub fn take_result(&mut self) {
        self.session.logits().digest(&mut self.digest);
        self.exercise.choose(self.chosen);
    }

    /// CRC-32 of all logits so far.
    #[must_use]
    pub fn digest(&self) -> u32 {
        self.digest.finish()
    }
}
