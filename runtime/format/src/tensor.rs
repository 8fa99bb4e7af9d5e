//! The tensor table: what each tensor is and where it lies (F5, F6).

use crate::model::{Backbone, InputKind, KeyGate, ModelDesc, OutputGate, QueryGate};
use crate::plan::{GROUP, pad_rows};

/// How a tensor's elements are stored (F6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum TensorKind {
    /// The role is not used by this model.
    Absent = 0,
    /// int8 matrix in panel layout, with a multiplier (and perhaps a bias) a row.
    I8 = 1,
    /// int16, row-major.
    I16 = 2,
    /// int32, row-major.
    I32 = 3,
    /// Pairs (mantissa, exponent), see [`crate::RealBits`].
    Real = 4,
    /// uint64, row-major.
    U64 = 5,
    /// int4 matrix in panel layout with a scale for every 32 columns, and with a multiplier (and
    /// perhaps a bias) a row.
    I4 = 6,
}

impl TensorKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_u32(value: u32) -> Option<Self> {
        Some(match value {
            0 => Self::Absent,
            1 => Self::I8,
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::Real,
            5 => Self::U64,
            6 => Self::I4,
            _ => return None,
        })
    }

    /// Whether this is one of the kinds that a matrix can have.
    #[must_use]
    pub const fn is_matrix(self) -> bool {
        matches!(self, Self::I8 | Self::I4)
    }
}

/// What a tensor is for. The layer roles come first; the table holds, for each layer, one entry for
/// each layer role in this order, then one for each global role (F5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the field's own")]
pub enum Role {
    Query = 0,
    Key,
    Value,
    OutputGate,
    DecayDown,
    DecayUp,
    DeltaDecay,
    DeltaBeta,
    QueryHeadGate,
    KeyHeadGate,
    Output,
    MlpGate,
    MlpUp,
    MlpDown,
    QueryConv,
    KeyConv,
    ValueConv,
    DecayScale,
    // Global roles.
    Input,
    Head,
    FinalNorm,
    FeatureMean,
    Rotary,
}

/// Number of roles that every layer has an entry for.
pub const LAYER_ROLES: usize = Role::Input as usize;
/// Number of roles that the model has once.
pub const GLOBAL_ROLES: usize = Role::Rotary as usize + 1 - LAYER_ROLES;

/// What the description asks of a role (F5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Element type, [`TensorKind::Absent`] where the model has no such tensor; [`TensorKind::I8`]
    /// stands for any matrix.
    pub kind: TensorKind,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
}

impl Expected {
    /// Whether a table entry is what is asked for.
    #[must_use]
    pub fn fits(&self, t: &TensorDesc) -> bool {
        (t.kind == self.kind || t.kind.is_matrix() && self.kind.is_matrix())
            && t.rows as usize == self.rows
            && t.cols as usize == self.cols
    }
}

impl Role {
    /// All roles in table order.
    pub const ALL: [Role; LAYER_ROLES + GLOBAL_ROLES] = [
        Role::Query,
        Role::Key,
        Role::Value,
        Role::OutputGate,
        Role::DecayDown,
        Role::DecayUp,
        Role::DeltaDecay,
        Role::DeltaBeta,
        Role::QueryHeadGate,
        Role::KeyHeadGate,
        Role::Output,
        Role::MlpGate,
        Role::MlpUp,
        Role::MlpDown,
        Role::QueryConv,
        Role::KeyConv,
        Role::ValueConv,
        Role::DecayScale,
        Role::Input,
        Role::Head,
        Role::FinalNorm,
        Role::FeatureMean,
        Role::Rotary,
    ];

    /// Index into the table of a model with `layers` layers.
    #[must_use]
    pub const fn index(self, layer: usize, layers: usize) -> usize {
        let role = self as usize;
        if role < LAYER_ROLES {
            layer * LAYER_ROLES + role
        } else {
            layers * LAYER_ROLES + role - LAYER_ROLES
        }
    }

    /// The field's name of the tensor, as checkpoints call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Query => "attn.q_proj",
            Role::Key => "attn.k_proj",
            Role::Value => "attn.v_proj",
            Role::OutputGate => "attn.g_proj",
            Role::DecayDown => "attn.gk_proj.0",
            Role::DecayUp => "attn.gk_proj.1",
            Role::DeltaDecay => "attn.a_proj",
            Role::DeltaBeta => "attn.b_proj",
            Role::QueryHeadGate => "attn.query_gate_proj",
            Role::KeyHeadGate => "attn.key_gate_proj",
            Role::Output => "attn.o_proj",
            Role::MlpGate => "mlp.gate_proj",
            Role::MlpUp => "mlp.up_proj",
            Role::MlpDown => "mlp.down_proj",
            Role::QueryConv => "attn.q_conv1d",
            Role::KeyConv => "attn.k_conv1d",
            Role::ValueConv => "attn.v_conv1d",
            Role::DecayScale => "attn.decay",
            Role::Input => "input",
            Role::Head => "head",
            Role::FinalNorm => "norm",
            Role::FeatureMean => "feature_mean",
            Role::Rotary => "rotary",
        }
    }

    /// Shape and kind that model `m` requires of this role (F5.2).
    #[must_use]
    pub const fn expected(self, m: &ModelDesc) -> Expected {
        let hidden = m.hidden as usize;
        let heads = m.heads as usize;
        let state_heads = m.state_heads as usize;
        let conv = m.conv_width as usize;
        let rotates = match m.backbone {
            Backbone::RetNet => true,
            Backbone::Gla | Backbone::GatedDeltaNet => false,
        };
        let low_rank_decay = match m.backbone {
            Backbone::Gla => true,
            Backbone::RetNet | Backbone::GatedDeltaNet => false,
        };
        let features = matches!(m.input, InputKind::Features);
        let (present, kind, rows, cols) = match self {
            Role::Query => (true, TensorKind::I8, m.q_len(), hidden),
            Role::Key => (true, TensorKind::I8, m.k_len(), hidden),
            Role::Value => (true, TensorKind::I8, m.v_len(), hidden),
            Role::OutputGate => (
                !matches!(m.output_gate, OutputGate::None),
                TensorKind::I8,
                m.y_len(),
                hidden,
            ),
            Role::DecayDown => (low_rank_decay, TensorKind::I8, m.gate_rank as usize, hidden),
            Role::DecayUp => (
                low_rank_decay,
                TensorKind::I8,
                m.k_len(),
                m.gate_rank as usize,
            ),
            Role::DeltaDecay | Role::DeltaBeta => {
                (m.delta_rule(), TensorKind::I8, state_heads, hidden)
            }
            Role::QueryHeadGate => (
                !matches!(m.query_gate, QueryGate::None),
                TensorKind::I8,
                heads,
                hidden,
            ),
            Role::KeyHeadGate => (
                !matches!(m.key_gate, KeyGate::None),
                TensorKind::I8,
                heads,
                hidden,
            ),
            Role::Output => (true, TensorKind::I8, hidden, m.y_len()),
            Role::MlpGate | Role::MlpUp => (true, TensorKind::I8, m.intermediate as usize, hidden),
            Role::MlpDown => (true, TensorKind::I8, hidden, m.intermediate as usize),
            Role::QueryConv => (conv > 0, TensorKind::I16, conv, m.q_len()),
            Role::KeyConv => (conv > 0, TensorKind::I16, conv, m.k_len()),
            Role::ValueConv => (conv > 0, TensorKind::I16, conv, m.v_len()),
            Role::DecayScale => match m.backbone {
                Backbone::RetNet => (true, TensorKind::I32, 1, heads),
                Backbone::Gla => (false, TensorKind::Absent, 0, 0),
                Backbone::GatedDeltaNet => (true, TensorKind::Real, 1, state_heads),
            },
            Role::Input if features => (true, TensorKind::I8, hidden, m.inputs as usize),
            Role::Input => (true, TensorKind::I8, m.inputs as usize, hidden),
            Role::Head => (true, TensorKind::I8, m.outputs as usize, hidden),
            Role::FinalNorm => (m.tied(), TensorKind::I16, 1, hidden),
            Role::FeatureMean => (features, TensorKind::I32, 1, m.inputs as usize),
            Role::Rotary => (rotates, TensorKind::U64, 1, m.d_k as usize / 2),
        };
        if present {
            Expected { kind, rows, cols }
        } else {
            Expected {
                kind: TensorKind::Absent,
                rows: 0,
                cols: 0,
            }
        }
    }
}

/// One entry of the tensor table (F5.4). Offsets count bytes from the start of the weights section
/// and are multiples of 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorDesc {
    /// A [`TensorKind`].
    pub kind: TensorKind,
    /// Columns, in tiles of 16, over which |Σ w·x| < 2^23 is proven; 0 for all (matrices).
    pub block_tiles: u8,
    /// Left shift of a result after its multiplier, saturating; may be negative (matrices, conv).
    pub shift: i8,
    /// Left shift that aligns a result for the product it enters (output gate, MLP gate and up).
    pub pre_shift: i8,
    /// Fraction bits of a result: its real value is `integer · 2^-out_frac`.
    pub out_frac: i32,
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub cols: u32,
    /// The elements.
    pub data: u32,
    /// One i32 multiplier a (padded) row, or a channel for convolutions and features.
    pub multiplier: u32,
    /// One i32 bias a (padded) row or channel, in units of the result; [`crate::NONE`] without.
    pub bias: u32,
    /// Bits of the length of the int16 input: ‖x‖ ≤ 2^in_bits (matrices with an input that has its
    /// own exponent).
    pub in_bits: u8,
    /// Proven bound of |accumulator| over all inputs the runtime can form (matrices, conv).
    pub acc_bound: u32,
}

impl TensorDesc {
    /// Size in the file.
    pub const BYTES: usize = 36;
    /// An entry for a role that the model does not use.
    pub const ABSENT: TensorDesc = TensorDesc {
        kind: TensorKind::Absent,
        block_tiles: 0,
        shift: 0,
        pre_shift: 0,
        out_frac: 0,
        rows: 0,
        cols: 0,
        data: 0,
        multiplier: 0,
        bias: crate::NONE,
        in_bits: 0,
        acc_bound: 0,
    };

    /// Reads the entry at byte `at`.
    #[inline]
    #[must_use]
    pub const fn read(bytes: &[u8], at: usize) -> Option<TensorDesc> {
        let Some((_, rest)) = bytes.split_at_checked(at) else {
            return None;
        };
        let Some(b) = rest.first_chunk::<{ Self::BYTES }>() else {
            return None;
        };
        // One bounds check for the whole entry: this is read for every matrix of every token.
        const fn word(b: &[u8; TensorDesc::BYTES], i: usize) -> u32 {
            u32::from_le_bytes([b[4 * i], b[4 * i + 1], b[4 * i + 2], b[4 * i + 3]])
        }
        let (first, out_frac, rows, cols) = (word(b, 0), word(b, 1), word(b, 2), word(b, 3));
        let (data, multiplier, bias, acc_bound) = (word(b, 4), word(b, 5), word(b, 6), word(b, 7));
        let in_bits = b[32];
        let [kind, block_tiles, shift, pre_shift] = first.to_le_bytes();
        let Some(kind) = TensorKind::from_u32(kind as u32) else {
            return None;
        };
        Some(TensorDesc {
            kind,
            block_tiles,
            shift: shift as i8,
            pre_shift: pre_shift as i8,
            out_frac: out_frac as i32,
            rows,
            cols,
            data,
            multiplier,
            bias,
            in_bits,
            acc_bound,
        })
    }

    /// The entry's bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let first = [
            self.kind as u32 as u8,
            self.block_tiles,
            self.shift as u8,
            self.pre_shift as u8,
        ];
        let words = [
            u32::from_le_bytes(first),
            self.out_frac as u32,
            self.rows,
            self.cols,
            self.data,
            self.multiplier,
            self.bias,
            self.acc_bound,
            u32::from(self.in_bits),
        ];
        let mut out = [0; Self::BYTES];
        for (field, word) in out.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    /// Bytes of the elements, padding included (F6); `None` on overflow.
    #[must_use]
    pub const fn data_bytes(&self) -> Option<usize> {
        let (rows, cols) = (self.rows as usize, self.cols as usize);
        match self.kind {
            TensorKind::Absent => Some(0),
            TensorKind::I8 => match rows.div_ceil(4).checked_mul(cols.div_ceil(16)) {
                Some(tiles) => tiles.checked_mul(4 * 16),
                None => None,
            },
            // Four rows' nibbles and scales.
            TensorKind::I4 => match rows.div_ceil(4).checked_mul(4 * GROUP / 2 + 4) {
                Some(bytes) => bytes.checked_mul(cols.div_ceil(GROUP)),
                None => None,
            },
            kind => {
                let element = match kind {
                    TensorKind::I16 => 2,
                    TensorKind::I32 => 4,
                    _ => 8,
                };
                match rows.checked_mul(cols) {
                    Some(len) => len.checked_mul(element),
                    None => None,
                }
            }
        }
    }

    /// Number of multipliers (and of biases where there are any).
    #[must_use]
    pub const fn channels(&self, role: Role) -> usize {
        match (self.kind, role) {
            (TensorKind::I8 | TensorKind::I4, _) => pad_rows(self.rows as usize),
            (TensorKind::I16, Role::QueryConv | Role::KeyConv | Role::ValueConv)
            | (TensorKind::I32, Role::FeatureMean) => self.cols as usize,
            _ => 0,
        }
    }
}
