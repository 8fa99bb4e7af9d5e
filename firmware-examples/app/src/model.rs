//! The model's bytes: part of the image, or put into the MODEL region apart from it. Either way they stay where they are and are used in place.

/// Alignment that the file format's sections count on.
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// The model of this image, for constant evaluation.
#[cfg(not(feature = "external-model"))]
pub const BYTES: &[u8] = include_bytes!(env!("SLA_MODEL_PATH"));

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

/// The MODEL region. It may be longer than the file in it.
#[cfg(feature = "external-model")]
#[must_use]
pub fn bytes() -> &'static [u8] {
    unsafe extern "C" {
        static _model_start: u8;
        static _model_end: u8;
    }
    let (start, end) = (&raw const _model_start, &raw const _model_end);
    // SAFETY: the linker script gives the bounds of a region that holds nothing of this image and that nobody writes.
    unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) }
}
