//! The caller's buffers cut into named regions (format.md F7).

use crate::backbone::backbone;
use sla_format::{
    Backbone, GLOBAL_STATE_WORDS, MemoryPlan, ModelDesc, StateKind, States, pad_rows,
};

/// Takes the first `n` elements off `rest`; nothing when there are fewer.
#[inline(never)]
pub(crate) fn take<'a, T>(rest: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    match core::mem::take(rest).split_at_mut_checked(n) {
        Some((first, others)) => {
            *rest = others;
            first
        }
        None => &mut [],
    }
}

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

/// The regions of the scratch buffer: those of one token, and of a second where there is room for
/// it.
pub(crate) struct Workspace<'s> {
    /// Tokens that are being processed, 1 or [`LANES`]. What follows has as many valid elements.
    pub lanes: LaneCount,
    /// The residual stream, padded to whole panels.
    pub x: [&'s mut [i32]; LANES],
    /// cos and sin of the rotary angles of this position (RetNet), d_k/2 each.
    pub rotary: [&'s mut [i32]; LANES],
    /// The int16 input of the next matrix.
    pub act: [&'s mut [i16]; LANES],
    /// What mixer, MLP and head use in turn.
    pub work: [&'s mut [i32]; LANES],
    /// Both tokens' `act`, for matrices; empty without room for a second token.
    pub joined: &'s mut [i16],
}

impl<'s> Workspace<'s> {
    pub fn new(scratch: &'s mut [u32], m: &ModelDesc, plan: &MemoryPlan) -> Self {
        let pair = LANES > 1 && scratch.len() >= plan.prompt_scratch_words;
        let lanes = if pair { LANES } else { 1 };
        let mut rest: &mut [i32] = bytemuck::try_cast_slice_mut(scratch).unwrap_or(&mut []);
        let mut ws = Self {
            lanes: LaneCount::of(1),
            x: Default::default(),
            rotary: Default::default(),
            act: Default::default(),
            work: Default::default(),
            joined: &mut [],
        };
        let rotary = if backbone(m) == Backbone::RetNet {
            m.d_k as usize
        } else {
            0
        };
        let regions =
            ws.x.iter_mut()
                .zip(&mut ws.rotary)
                .zip(&mut ws.act)
                .zip(&mut ws.work);
        for (((x, angles), act), work) in regions.take(lanes) {
            *x = take(&mut rest, pad_rows(m.hidden as usize));
            *angles = take(&mut rest, rotary);
            *act = half_words(take(&mut rest, plan.act_words));
            *work = take(&mut rest, plan.work_words);
        }
        if pair {
            ws.joined = half_words(take(&mut rest, LANES * plan.act_words));
        }
        ws
    }

    /// Whether there is room for two tokens.
    pub fn has_room(&self) -> bool {
        LANES > 1 && !self.joined.is_empty()
    }
}

fn half_words(words: &mut [i32]) -> &mut [i16] {
    bytemuck::try_cast_slice_mut(words).unwrap_or(&mut [])
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
    pub s: &'s mut [i32],
    /// Which of them.
    pub kind: StateKind,
    /// Fractions of the accumulated log2-decay, Q27.
    pub carry: &'s mut [u32],
    /// Fraction bits of each head's state.
    pub frac: &'s mut [i32],
    /// Magnitude mask of each head's state.
    pub mask: &'s mut [u32],
    /// Past inputs of the short convolutions: (W - 1) slots of q, k and v channels.
    pub history: &'s mut [i16],
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

    /// The convolution slots that the inputs of this token and the next go to; `slots` is W - 1.
    pub fn slots(&self, slots: u32) -> [usize; LANES] {
        let mut slot = self.words.get(2).copied().unwrap_or(0);
        core::array::from_fn(|_| {
            let this = slot;
            slot = following(slot, slots);
            this as usize
        })
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
        let mut rest = self
            .words
            .get_mut(from..from + words(layer))
            .unwrap_or(&mut []);
        let (heads, kind) = (m.state_heads as usize, states.of(layer));
        let s = take(&mut rest, heads * kind.head_words(m));
        let carry = take(&mut rest, m.carry_len());
        let frac = take(&mut rest, heads);
        let mask = take(&mut rest, heads);
        LayerState {
            s: bytemuck::try_cast_slice_mut(s).unwrap_or(&mut []),
            kind,
            carry,
            frac: bytemuck::try_cast_slice_mut(frac).unwrap_or(&mut []),
            mask,
            history: bytemuck::try_cast_slice_mut(rest).unwrap_or(&mut []),
        }
    }
}
