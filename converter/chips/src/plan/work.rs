//! What a token does, counted in units whose cost can be measured.

use sla_format::{
    Backbone, FeatureMap, InputKind, KeyGate, LAYER_ROLES, LOGIT_TILE, OutputGate, QueryGate, Role,
    StateKind, TensorDesc, TensorKind, pad_cols, pad_input, pad_rows,
};
use sla_runtime::Model;

macro_rules! units {
    ($($(#[$doc:meta])* $unit:ident = $name:literal),* $(,)?) => {
        /// A piece of work that a token has some number of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Unit { $($(#[$doc])* $unit),* }

        impl Unit {
            /// All units.
            pub const ALL: &'static [Unit] = &[$(Unit::$unit),*];

            /// Name in `costs.toml`.
            pub const fn name(self) -> &'static str {
                match self { $(Unit::$unit => $name),* }
            }
        }
    };
}

units! {
    /// A token: begin, embedding, final norm.
    Token = "token",
    /// A layer.
    Layer = "layer",
    /// A call of a matrix kernel; the head has one for each tile of logits (F7.4).
    Matrix = "matrix",
    /// A product of an int8 matrix whose rows are one block each (F5.3), padding included.
    MacInt8 = "mac int8",
    /// A product of an int8 matrix with rows of several blocks.
    MacInt8Blocks = "mac int8 blocks",
    /// A row of an int8 matrix.
    RowInt8 = "row int8",
    /// A block of a row of several.
    BlockInt8 = "block int8",
    /// A product of an int4 matrix, padding included.
    MacInt4 = "mac int4",
    /// A row of an int4 matrix.
    RowInt4 = "row int4",
    /// An element of an int32 state whose rows decay one by one (GLA), written and read.
    RowsInt32 = "state rows int32",
    /// The same of an int16 state.
    RowsInt16 = "state rows int16",
    /// An element of an int32 state that decays as a whole, written and read.
    StateInt32 = "state int32",
    /// The same of an int16 state.
    StateInt16 = "state int16",
    /// An element of an int32 state that is read before it is written (Gated DeltaNet).
    ReadInt32 = "state read int32",
    /// The same of an int16 state.
    ReadInt16 = "state read int16",
    /// A row of an int32 state, 16 columns of it at a time: each time that a pass goes over it.
    PassInt32 = "state pass int32",
    /// A pair of rows of an int16 state, likewise.
    PassInt16 = "state pass int16",
    /// A head of a RetNet layer.
    HeadRetNet = "head retnet",
    /// A head of a GLA layer.
    HeadGla = "head gla",
    /// A head of a Gated DeltaNet layer.
    HeadDelta = "head gated_deltanet",
    /// A key channel of a RetNet head: rotation and alignment.
    KeyRetNet = "key retnet",
    /// A key channel of a GLA head: decay and alignment.
    KeyGla = "key gla",
    /// A key channel of a Gated DeltaNet head: norms and alignment.
    KeyDelta = "key gated_deltanet",
    /// A key channel of an int16 state: packing in pairs.
    KeyInt16 = "key int16",
    /// The same of RetNet, whose rows have their own scales (numerics.md N6.11).
    KeyRetNetInt16 = "key retnet int16",
    /// A value channel of a head: write, norm, quantisation.
    Value = "value",
    /// A value channel of a Gated DeltaNet head: prediction and activation.
    ValueDelta = "value gated_deltanet",
    /// An element of a SiLU output gate.
    GateSilu = "gate silu",
    /// An element of a sigmoid output gate.
    GateSigmoid = "gate sigmoid",
    /// A tap of a short convolution.
    Tap = "tap",
    /// A channel of a short convolution.
    Conv = "conv",
    /// A channel of a feature map.
    FeatureMap = "feature map",
    /// A head of a softmax over the heads.
    HeadGate = "head gate",
    /// An element of the residual stream, once a layer and once more.
    Hidden = "hidden",
    /// An element within the MLP.
    Mlp = "mlp",
    /// An element of an input feature vector.
    Feature = "feature",
    /// A logit: comparison with the largest so far.
    Logit = "logit",
}

/// How much of each unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Work([f64; Unit::ALL.len()]);

impl Default for Work {
    fn default() -> Self {
        Self([0.0; Unit::ALL.len()])
    }
}

impl Work {
    /// What one token of `model` does at any position, head and argmax included.
    pub fn of_token(model: &Model) -> Self {
        let desc = model.desc();
        let layers = desc.layers as usize;
        let mut work = Self::default();
        for layer in 0..layers {
            for role in Role::ALL.into_iter().take(LAYER_ROLES) {
                work.matrix(&model.tensor(layer, role), 1);
            }
            work.heads(model, layer);
        }
        work.matrix(
            &model.tensor(layers, Role::Head),
            (desc.outputs as usize).div_ceil(LOGIT_TILE),
        );
        if desc.input == InputKind::Features {
            work.matrix(&model.tensor(layers, Role::Input), 1);
            work.add(Unit::Feature, desc.inputs as usize);
        }
        work.add(Unit::Token, 1);
        work.add(Unit::Layer, layers);
        work.add(Unit::Hidden, (layers + 1) * desc.hidden as usize);
        work.add(Unit::Mlp, layers * desc.intermediate as usize);
        work.add(Unit::Logit, desc.outputs as usize);
        work
    }

    /// One call of a matrix kernel alone: `rows` × `cols` in blocks of `block` columns (int8; 0 for
    /// one block), or int4.
    pub fn of_matrix(kind: TensorKind, rows: usize, cols: usize, block: usize) -> Self {
        let mut work = Self::default();
        let (rows, cols) = (rows as u32, cols as u32);
        work.matrix(
            &TensorDesc {
                kind,
                rows,
                cols,
                block_tiles: (block / 16) as u8,
                ..TensorDesc::ABSENT
            },
            1,
        );
        work
    }

    /// The amount of one unit.
    pub fn get(&self, unit: Unit) -> f64 {
        self.0[unit as usize]
    }

    /// Units that there are any of.
    pub fn present(&self) -> impl Iterator<Item = (Unit, f64)> + '_ {
        Unit::ALL
            .iter()
            .map(|&unit| (unit, self.get(unit)))
            .filter(|(_, amount)| *amount > 0.0)
    }

    fn add(&mut self, unit: Unit, amount: usize) {
        self.0[unit as usize] += amount as f64;
    }

    fn matrix(&mut self, t: &TensorDesc, calls: usize) {
        let (rows, cols) = (pad_rows(t.rows as usize), t.cols as usize);
        match t.kind {
            TensorKind::I8 => {
                let block = 16 * usize::from(t.block_tiles);
                let blocks = if block == 0 { 1 } else { cols.div_ceil(block) };
                let several = blocks > 1;
                self.add(
                    if several {
                        Unit::MacInt8Blocks
                    } else {
                        Unit::MacInt8
                    },
                    rows * pad_cols(cols),
                );
                self.add(Unit::BlockInt8, if several { rows * blocks } else { 0 });
                self.add(Unit::RowInt8, rows);
            }
            TensorKind::I4 => {
                self.add(Unit::MacInt4, rows * pad_input(cols));
                self.add(Unit::RowInt4, rows);
            }
            _ => return,
        }
        self.add(Unit::Matrix, calls);
    }

    /// Everything between the projections of a layer and o_proj.
    fn heads(&mut self, model: &Model, layer: usize) {
        let desc = model.desc();
        let (heads, d_k, d_v) = (
            desc.state_heads as usize,
            desc.d_k as usize,
            desc.d_v as usize,
        );
        let elements = heads * d_k * d_v;
        let int16 = model.states().of(layer) == StateKind::Int16;
        let (head, key, state, read) = match (desc.backbone, int16) {
            (Backbone::RetNet, false) => {
                (Unit::HeadRetNet, Unit::KeyRetNet, Unit::StateInt32, None)
            }
            (Backbone::RetNet, true) => (Unit::HeadRetNet, Unit::KeyRetNet, Unit::StateInt16, None),
            (Backbone::Gla, false) => (Unit::HeadGla, Unit::KeyGla, Unit::RowsInt32, None),
            (Backbone::Gla, true) => (Unit::HeadGla, Unit::KeyGla, Unit::RowsInt16, None),
            (Backbone::GatedDeltaNet, false) => (
                Unit::HeadDelta,
                Unit::KeyDelta,
                Unit::StateInt32,
                Some(Unit::ReadInt32),
            ),
            (Backbone::GatedDeltaNet, true) => (
                Unit::HeadDelta,
                Unit::KeyDelta,
                Unit::StateInt16,
                Some(Unit::ReadInt16),
            ),
        };
        self.add(head, heads);
        self.add(key, heads * d_k);
        if int16 {
            let unit = match desc.backbone {
                Backbone::RetNet => Unit::KeyRetNetInt16,
                Backbone::Gla | Backbone::GatedDeltaNet => Unit::KeyInt16,
            };
            self.add(unit, heads * d_k);
        }
        self.add(state, elements);
        let passes = if read.is_some() { 2 } else { 1 } * heads * d_v.div_ceil(16);
        match int16 {
            false => self.add(Unit::PassInt32, passes * d_k),
            true => self.add(Unit::PassInt16, passes * d_k.div_ceil(2)),
        }
        if let Some(read) = read {
            self.add(read, elements);
            self.add(Unit::ValueDelta, heads * d_v);
        }
        self.add(Unit::Value, heads * d_v);
        match desc.output_gate {
            OutputGate::None => {}
            OutputGate::Silu => self.add(Unit::GateSilu, heads * d_v),
            OutputGate::Sigmoid => self.add(Unit::GateSigmoid, heads * d_v),
        }
        let gates = usize::from(desc.query_gate != QueryGate::None)
            + usize::from(desc.key_gate != KeyGate::None);
        self.add(Unit::HeadGate, gates * desc.heads as usize);
        let mapped = desc.q_len() + desc.k_len();
        let channels = mapped + desc.v_len();
        if desc.conv_width > 0 {
            self.add(Unit::Conv, channels);
            self.add(Unit::Tap, channels * desc.conv_width as usize);
        }
        if desc.feature_map != FeatureMap::None {
            self.add(Unit::FeatureMap, mapped);
        }
    }
}

/// Bytes of weights, multipliers and biases that one token reads from flash.
pub fn streamed_bytes(model: &Model) -> u64 {
    let desc = model.desc();
    let layers = desc.layers as usize;
    let bytes = |layer, role: Role| {
        let t = model.tensor(layer, role);
        let constants = t.channels(role) * if t.bias == sla_format::NONE { 4 } else { 8 };
        (t.data_bytes().unwrap_or(0) + constants) as u64
    };
    let layer_roles = || Role::ALL.into_iter().take(LAYER_ROLES);
    let in_layers: u64 = (0..layers)
        .flat_map(|layer| layer_roles().map(move |role| bytes(layer, role)))
        .sum();
    let input = match desc.input {
        InputKind::Tokens => u64::from(desc.hidden),
        InputKind::Features => bytes(layers, Role::Input),
    };
    in_layers + bytes(layers, Role::Head) + input
}
