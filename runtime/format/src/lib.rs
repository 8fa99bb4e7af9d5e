//! The `.sla` model file: its one definition, written by the converter and read in place by the
//! runtime. `docs/format.md` is normative; each item names the clause (`F…`) it implements.
//!
//! The file is little-endian. A [`Header`] and a table of [`Section`]s come first, then the
//! sections, each 16-byte aligned. The model is described by one [`ModelDesc`] and a dense table of
//! [`TensorDesc`]s, one for each role of each layer; the sizes of state and scratch follow from the
//! description and the layers' [`States`] alone ([`MemoryPlan`]), at compile time for an embedded
//! model.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod checksum;
mod ends;
mod header;
mod model;
mod plan;
mod record;
mod snapshot;
mod state;
mod tensor;
mod tokenizer;

pub use checksum::{Checksum, crc32, seal};
pub use ends::{Ends, MAX_ENDS};
pub use header::{
    HEADER_BYTES, Header, MAGIC, SECTION_ALIGN, Section, SectionKind, VERSION, file_bytes,
};
pub use model::{
    Backbone, FeatureMap, InputKind, KeyGate, MAX_DIM, MAX_HEADS, ModelDesc, NONE, OutputGate,
    QueryGate, RealBits,
};
pub use plan::{GLOBAL_STATE_WORDS, GROUP, LOGIT_TILE, MemoryPlan, pad_cols, pad_input, pad_rows};
pub use record::{word_at, words_at};
pub use snapshot::{SNAPSHOT_MAGIC, SNAPSHOT_VERSION, SnapshotHeader};
pub use state::{MAX_INT16_ROWS, StateKind, States};
pub use tensor::{Expected, GLOBAL_ROLES, LAYER_ROLES, Role, TensorDesc, TensorKind};
pub use tokenizer::{
    ANCHOR_EVERY, AddedToken, BYTE_RECORD, FEW_ADDED, MAX_TOKEN_BYTES, MAX_TOKENS, Prefix, Split,
    Strip, Symbols, TokenizerDesc, TokenizerTable, index_at,
};
