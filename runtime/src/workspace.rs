//! The caller's buffers cut into named regions (format.md F7).

use crate::bounds::{cast_mut, part_mut, take};
use crate::head_state::{HeadState, dither};
use sla_format::{
    GLOBAL_STATE_WORDS, MemoryPlan, ModelDesc, StateKind, States, pad_cols, pad_rows,
};
use sla_kernels::join;

/// Tokens that can be processed at once.
pub(crate) const LANES: usize = if cfg!(feature = "prompt-pairs") { 2 } else { 1 };

/// How many tokens are being processed. Where it can only be one, the compiler sees that.
#[derive(Clone, Copy)]
pub(crate) struct LaneCount(usize);

impl LaneCount {
    pub fn of(count: usize) -> Self {
        Self(count)
    }

    #[inline(always)]
    pub fn get(self) -> usize {
        if LANES == 1 { 1 } else { self.0 }
    }
}

/// The int16 vector that the next matrix reads, padded with zeros: `values·2^exponent`.
pub(crate) struct Activation<'s> {
    pub values: &'s mut [i16],
    pub exponent: i32,
}

/// What follows from a token's position.
pub(crate) struct Place<'s> {
    /// cos and sin of the rotary angles (RetNet), d_k/2 each.
    pub rotary: &'s mut [i32],
    /// Convolution slot that the token's inputs go to.
    pub slot: usize,
    /// Dither of the states' first words (N6.9).
    pub dither: u32,
}

/// The regions of one token.
pub(crate) struct Lane<'s> {
    pub place: Place<'s>,
    /// The residual stream, padded to whole panels.
    pub x: &'s mut [i32],
    /// The input of the next matrix.
    pub act: Activation<'s>,
    /// What mixer, MLP and head use in turn.
    pub temporary: &'s mut [i32],
}

impl Default for Lane<'_> {
    fn default() -> Self {
        Self {
            place: Place {
                rotary: &mut [],
                slot: 0,
                dither: 0,
            },
            x: &mut [],
            act: Activation {
                values: &mut [],
                exponent: 0,
            },
            temporary: &mut [],
        }
    }
}

/// The scratch buffer: a lane for a token, and one for a second where there is room for it.
pub(crate) struct Workspace<'s> {
    /// Tokens that are being processed, 1 or [`LANES`].
    pub count: LaneCount,
    pub lanes: [Lane<'s>; LANES],
    /// Both tokens' activations, for matrices; empty without room for a second token.
    pub joined: &'s mut [i16],
}

impl<'s> Workspace<'s> {
    pub fn new(scratch: &'s mut [u32], m: &ModelDesc, plan: &MemoryPlan) -> Self {
        let pair = LANES > 1 && scratch.len() >= plan.prompt_scratch_words;
        let mut rest: &mut [i32] = cast_mut(scratch);
        let mut ws = Self {
            count: LaneCount::of(if pair { LANES } else { 1 }),
            lanes: Default::default(),
            joined: &mut [],
        };
        for lane in ws.active() {
            lane.x = take(&mut rest, pad_rows(m.hidden as usize));
            lane.place.rotary = take(&mut rest, m.rotary_len());
            lane.act.values = cast_mut(take(&mut rest, plan.act_words));
            lane.temporary = take(&mut rest, plan.work_words);
        }
        if pair {
            ws.joined = cast_mut(take(&mut rest, LANES * plan.act_words));
        }
        ws.count = LaneCount::of(1);
        ws
    }

    /// Whether there is room for two tokens.
    pub fn has_room(&self) -> bool {
        LANES > 1 && !self.joined.is_empty()
    }

    /// The first token's regions.
    pub fn first(&mut self) -> &mut Lane<'s> {
        let [lane, ..] = &mut self.lanes;
        lane
    }

    /// Those of the tokens that are being processed.
    pub fn active(&mut self) -> impl Iterator<Item = &mut Lane<'s>> {
        self.lanes.iter_mut().take(self.count.get())
    }

    /// Makes the activations, of `len` elements, ready for the matrices that read them.
    pub fn join(&mut self, len: usize) {
        let inputs = self.lanes.each_ref().map(|lane| &lane.act);
        join_lanes(self.count, inputs, len, self.joined);
    }
}

/// Puts the activations of two lanes next to each other, since a weight is loaded once for both.
pub(crate) fn join_lanes(
    count: LaneCount,
    inputs: [&Activation; LANES],
    len: usize,
    joined: &mut [i16],
) {
    if count.get() > 1 {
        let cols = pad_cols(len);
        let joined = part_mut(joined, ..LANES * cols);
        for (lane, input) in inputs.into_iter().enumerate() {
            join(
                input.values.get(..cols).unwrap_or(input.values),
                lane,
                joined,
            );
        }
    }
}

/// The slot after `slot`, of `slots`.
fn following(slot: u32, slots: u32) -> u32 {
    if slot.wrapping_add(1) < slots {
        slot + 1
    } else {
        0
    }
}

/// The state of one layer.
pub(crate) struct LayerState<'s> {
    /// All heads' states, `[heads][d_k][d_v]`, or pairs of rows, `[heads][⌈d_k/2⌉][d_v]`.
    s: &'s mut [i32],
    /// Which of them.
    kind: StateKind,
    /// Fractions of the accumulated log2-decay, Q27.
    carry: &'s mut [u32],
    /// Fraction bits of each head's state.
    frac: &'s mut [i32],
    /// Magnitude mask of each head's state.
    mask: &'s mut [u32],
    /// Past inputs of the short convolutions: (W - 1) slots of q, k and v channels.
    pub history: &'s mut [i16],
}

impl LayerState<'_> {
    /// Each head's state, for the token with this dither.
    #[inline(always)]
    pub fn heads(&mut self, m: &ModelDesc, dither: u32) -> impl Iterator<Item = HeadState<'_>> {
        let kind = self.kind;
        let s = self.s.chunks_exact_mut(kind.head_words(m).max(1));
        let carry = self.carry.chunks_exact_mut(m.carries_per_head().max(1));
        let ranges = self.frac.iter_mut().zip(self.mask.iter_mut());
        s.zip(carry)
            .zip(ranges)
            .map(move |((s, carry), (frac, mask))| HeadState {
                s,
                kind,
                dither,
                carry,
                frac,
                mask,
            })
    }
}

/// The caller's state buffer: `[global][layer 0][layer 1]…`.
pub(crate) struct State<'s> {
    words: &'s mut [u32],
}

impl<'s> State<'s> {
    pub fn new(words: &'s mut [u32]) -> Self {
        Self { words }
    }

    /// All of it.
    pub fn words(&self) -> &[u32] {
        self.words
    }

    /// All of it, to be replaced.
    pub fn words_mut(&mut self) -> &mut [u32] {
        self.words
    }

    /// Back to the state before the first token: all zero.
    pub fn reset(&mut self) {
        self.words.fill(0);
    }

    /// Tokens consumed.
    pub fn position(&self) -> u64 {
        match *self.words {
            [low, high, ..] => u64::from(low) | u64::from(high) << 32,
            _ => 0,
        }
    }

    /// Tells each lane its convolution slot and its dither; `slots` is W - 1.
    pub fn place(&self, lanes: &mut [Lane; LANES], slots: u32) {
        let mut slot = self.words.get(2).copied().unwrap_or(0);
        let mut position = self.position();
        for lane in lanes {
            (lane.place.slot, lane.place.dither) = (slot as usize, dither(position));
            slot = following(slot, slots);
            position = position.wrapping_add(1);
        }
    }

    /// Counts a token; `slots` is W - 1.
    pub fn advance(&mut self, slots: u32) {
        let position = self.position().wrapping_add(1);
        if let [low, high, slot, ..] = self.words {
            *low = position as u32;
            *high = (position >> 32) as u32;
            *slot = following(*slot, slots);
        }
    }

    pub fn layer(&mut self, layer: usize, m: &ModelDesc, states: States) -> LayerState<'_> {
        let words = |layer| MemoryPlan::layer_state_words(m, states.of(layer));
        let from = GLOBAL_STATE_WORDS + (0..layer).map(words).sum::<usize>();
        let mut rest = part_mut(self.words, from..from + words(layer));
        let (heads, kind) = (m.state_heads as usize, states.of(layer));
        let s = take(&mut rest, heads * kind.head_words(m));
        let carry = take(&mut rest, m.carry_len());
        let frac = take(&mut rest, heads);
        let mask = take(&mut rest, heads);
        LayerState {
            s: cast_mut(s),
            kind,
            carry,
            frac: cast_mut(frac),
            mask,
            history: cast_mut(rest),
        }
    }
}
