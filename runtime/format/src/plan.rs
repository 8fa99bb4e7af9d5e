//! Exact memory of a session, from the description and the state's representation alone (F7).

use crate::backbone::Decay;
use crate::model::{InputKind, KeyGate, ModelDesc, QueryGate};
use crate::state::{StateKind, States};

/// Words of state that a session has once: position (two), convolution slot, reserved (F7.2).
pub const GLOBAL_STATE_WORDS: usize = 4;
/// Logits are produced in tiles of this many (F7.4).
pub const LOGIT_TILE: usize = 32;

/// Rows padded to whole panels of four.
#[must_use]
pub const fn pad_rows(rows: usize) -> usize {
    rows.next_multiple_of(4)
}

/// Columns padded to whole tiles of sixteen.
#[must_use]
pub const fn pad_cols(cols: usize) -> usize {
    cols.next_multiple_of(16)
}

/// Columns of an int4 matrix that share a scale (F6.7).
pub const GROUP: usize = 32;

/// Elements of a matrix's int16 input, padded with zeros to whole groups.
#[must_use]
pub const fn pad_input(cols: usize) -> usize {
    cols.next_multiple_of(GROUP)
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Sizes in 32-bit words of everything a session needs (F7). All are exact, not bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// State: the only thing that lives between tokens.
    pub state_words: usize,
    /// Scratch: free for other use between tokens.
    pub scratch_words: usize,
    /// Scratch with which a prompt is processed two tokens at a time.
    pub prompt_scratch_words: usize,
    /// int16 activations, in words.
    pub act_words: usize,
    /// The region that mixer, MLP and head use in turn.
    pub work_words: usize,
}

impl MemoryPlan {
    /// The plan of a consistent description ([`ModelDesc::is_consistent`]); all dimensions are
    /// bounded, so nothing overflows.
    #[must_use]
    pub const fn of(m: &ModelDesc, states: States) -> MemoryPlan {
        let (hidden, d_k, d_v) = (m.hidden as usize, m.d_k as usize, m.d_v as usize);
        let heads = m.state_heads as usize;

        let mut state_words = GLOBAL_STATE_WORDS;
        let mut layer = 0;
        while layer < m.layers as usize {
            state_words += Self::layer_state_words(m, states.of(layer));
            layer += 1;
        }

        let mut act = max(pad_input(hidden), pad_input(m.y_len()));
        act = max(act, pad_input(m.intermediate as usize));
        act = max(act, pad_input(m.gate_rank as usize));
        if matches!(m.input, InputKind::Features) {
            act = max(act, pad_input(m.inputs as usize));
        }

        let decay = match m.backbone.decay() {
            Decay::Constant => 0,
            Decay::Channel => pad_rows(m.k_len()) + pad_rows(m.gate_rank as usize),
            Decay::Head => pad_rows(heads),
        };
        let beta = m.backbone.has_delta_rule() as usize * pad_rows(heads);
        let head_gates = pad_rows(m.heads as usize)
            * (!matches!(m.query_gate, QueryGate::None) as usize
                + !matches!(m.key_gate, KeyGate::None) as usize);
        let mixer = pad_rows(m.q_len())
            + pad_rows(m.k_len())
            + pad_rows(m.v_len())
            + pad_rows(m.y_len())
            + decay
            + beta
            + head_gates
            + 3 * d_k
            + 2 * d_v;
        let mlp = 2 * pad_rows(m.intermediate as usize);
        let mut work = max(mixer, mlp);
        work = max(work, max(pad_rows(hidden), LOGIT_TILE));
        if matches!(m.input, InputKind::Features) {
            work = max(work, m.inputs as usize);
        }

        let act_words = act / 2;
        let scratch_words = pad_rows(hidden) + m.rotary_len() + act_words + work;
        MemoryPlan {
            state_words,
            scratch_words,
            prompt_scratch_words: 2 * scratch_words + 2 * act_words,
            act_words,
            work_words: work,
        }
    }

    /// State of one layer whose S is of that kind.
    #[must_use]
    pub const fn layer_state_words(m: &ModelDesc, kind: StateKind) -> usize {
        let heads = m.state_heads as usize;
        let taps = (m.conv_width as usize).saturating_sub(1);
        let history = taps * (m.q_len() + m.k_len() + m.v_len());
        heads * kind.head_words(m) + m.carry_len() + 2 * heads + history.div_ceil(2)
    }

    /// The plan of a file, in `const` evaluation: `static mut STATE: [u32;
    /// MemoryPlan::of_file(MODEL).state_words]`.
    ///
    /// # Panics
    /// As [`ModelDesc::of_file`], with a sentence.
    #[must_use]
    pub const fn of_file(file: &[u8]) -> MemoryPlan {
        let desc = ModelDesc::of_file(file);
        Self::of(&desc, States::of_file(file, &desc))
    }

    /// State in bytes.
    #[must_use]
    pub const fn state_bytes(&self) -> usize {
        4 * self.state_words
    }

    /// Scratch in bytes with which a prompt is processed two tokens at a time.
    #[must_use]
    pub const fn prompt_scratch_bytes(&self) -> usize {
        4 * self.prompt_scratch_words
    }

    /// Scratch in bytes.
    #[must_use]
    pub const fn scratch_bytes(&self) -> usize {
        4 * self.scratch_words
    }
}
