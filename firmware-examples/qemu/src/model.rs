//! The model's bytes: part of the image, or put into the MODEL region apart from it. Either way
//! they stay where they are and are used in place.

#[cfg(not(feature = "external-model"))]
use sla_runtime::Aligned;

/// The model of this image, for constant evaluation.
#[cfg(not(feature = "external-model"))]
pub const BYTES: &[u8] = include_bytes!(env!("SLA_MODEL_PATH"));

/// Rows of the ledger: layers, then input and head.
#[cfg(not(feature = "external-model"))]
pub const LEDGER_ROWS: usize = sla_runtime::ModelDesc::of_file(BYTES).layers as usize + 1;
/// Rows of the ledger; what layers beyond these cost is added to the last one.
#[cfg(feature = "external-model")]
pub const LEDGER_ROWS: usize = 17;

// SAFETY: the linker scripts put this section into the MODEL region, which is read-only memory.
#[cfg(not(feature = "external-model"))]
#[unsafe(link_section = ".sla_model")]
static PLACED: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(env!("SLA_MODEL_PATH")));

/// The model of this image.
#[cfg(not(feature = "external-model"))]
#[must_use]
pub fn bytes() -> &'static [u8] {
    &PLACED.0
}

/// RAM for a model that is not known yet: `SLA_ARENA_BYTES` at build time (a machine's
/// `.cargo/config.toml` sets it).
#[cfg(feature = "external-model")]
pub const ARENA_BYTES: usize = match option_env!("SLA_ARENA_BYTES") {
    Some(text) => match usize::from_str_radix(text, 10) {
        Ok(bytes) => bytes,
        Err(_) => panic!("SLA_ARENA_BYTES is not a number"),
    },
    None => 64 * 1024,
};

/// The file in the MODEL region, as long as its header says (the whole region if that makes no
/// sense: then it does not parse).
#[cfg(feature = "external-model")]
#[must_use]
pub fn bytes() -> &'static [u8] {
    unsafe extern "C" {
        static _model_start: u8;
        static _model_end: u8;
    }
    let (start, end) = (&raw const _model_start, &raw const _model_end);
    // SAFETY: the linker script gives the bounds of a region that holds nothing of this image and
    // that nobody writes.
    let region = unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) };
    sla_format::file_bytes(region)
        .and_then(|bytes| region.get(..bytes))
        .unwrap_or(region)
}
