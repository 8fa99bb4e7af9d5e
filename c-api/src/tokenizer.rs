//! Text and token ids, for models with a tokenizer.

use core::ffi::{c_char, c_void};

use sla_runtime::{ControlTokens, Decoder, SpecialTokens, Template, encode_words};

use crate::model::sla_model;
use crate::pointers::{Span, apart, check, put, slice, slice_mut};
use crate::status::{sla_status, status};
use crate::storage::Storage;

/// What becomes of control tokens, such as `<|im_end|>`, that are written out in a text.
#[derive(Debug)]
#[repr(C)]
pub enum sla_control_tokens {
    /// They are text like any other: for what a user wrote.
    SLA_CONTROL_AS_TEXT = 0,
    /// They become their ids: for a text that its author has put them into.
    SLA_CONTROL_PARSE = 1,
}

/// Storage of a decoder.
#[repr(C)]
pub struct sla_decoder {
    /// Not for use.
    opaque: [u64; 64],
}

// SAFETY: plain memory.
unsafe impl Storage for sla_decoder {
    type Value = Decoder<'static>;
}

/// Takes `bytes` bytes of UTF-8, whole characters, without a final zero. `context` is what the
/// caller gave.
pub type sla_text =
    Option<unsafe extern "C" fn(context: *mut c_void, text: *const c_char, bytes: usize)>;

/// Words of a buffer in which every text of so many bytes can be encoded.
#[unsafe(no_mangle)]
pub extern "C" fn sla_encode_words(text_bytes: usize) -> usize {
    encode_words(text_bytes)
}

/// Encodes `bytes` bytes of UTF-8 with the model's tokenizer, and with what its template puts
/// around them if `with_template`. `control_tokens` is a `sla_control_tokens`; every number but
/// `SLA_CONTROL_PARSE` is `SLA_CONTROL_AS_TEXT`. The first `*count` words of `ids` are the tokens;
/// the rest is used for the work.
///
/// # Safety
/// The pointers are null or point to as much as announced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_encode(
    model: *const sla_model,
    text: *const c_char,
    bytes: usize,
    with_template: bool,
    control_tokens: u32,
    ids: *mut u32,
    words: usize,
    count: *mut usize,
) -> sla_status {
    let encode = || {
        check(count)?;
        apart(&[Span::of(text, bytes)?, Span::of(ids, words)?])?;
        // SAFETY: the caller's promises.
        let (model, text) = unsafe { (sla_model::get(model)?, slice(text.cast::<u8>(), bytes)?) };
        let text = core::str::from_utf8(text).map_err(|_| sla_status::SLA_UTF8)?;
        let tokenizer = model.tokenizer().ok_or(sla_status::SLA_NO_TOKENIZER)?;
        // SAFETY: the caller's promise.
        let ids = unsafe { slice_mut(ids, words) }?;
        let template = if with_template {
            Template::Add
        } else {
            Template::Omit
        };
        let parse = control_tokens == sla_control_tokens::SLA_CONTROL_PARSE as u32;
        let control = if parse {
            ControlTokens::Parse
        } else {
            ControlTokens::AsText
        };
        let encoded = tokenizer
            .encode(text, template, control, ids)
            .map_err(|_| sla_status::SLA_ROOM)?;
        // SAFETY: the caller's promise.
        unsafe { put(count, encoded) }
    };
    status(encode())
}

/// Opens a decoder at the start of a text. Special tokens are left out, or written as what they are
/// called.
///
/// # Safety
/// The pointers are null or point to their types; the model's file stays while the decoder is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_decoder_open(
    decoder: *mut sla_decoder,
    model: *const sla_model,
    skip_special: bool,
) -> sla_status {
    let open = || {
        // SAFETY: the caller's promise.
        let tokenizer = unsafe { sla_model::get(model) }?
            .tokenizer()
            .ok_or(sla_status::SLA_NO_TOKENIZER)?;
        let special = if skip_special {
            SpecialTokens::Skip
        } else {
            SpecialTokens::Show
        };
        // SAFETY: the caller's promise.
        unsafe { sla_decoder::open(decoder, Decoder::new(tokenizer, special)) }
    };
    status(open())
}

/// Gives `text` what a token completes, perhaps in several parts, perhaps nothing yet.
///
/// # Safety
/// `decoder` is null or points to an open or zeroed decoder; `text` may be called with `context`,
/// and does not use the decoder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_decode(
    decoder: *mut sla_decoder,
    id: u32,
    text: sla_text,
    context: *mut c_void,
) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe {
        decode(decoder, text, context, |decoder, sink| {
            decoder.push(id, sink)
        })
    }
}

/// The end of the text: a replacement for a character that is not complete.
///
/// # Safety
/// As `sla_decode`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sla_decode_end(
    decoder: *mut sla_decoder,
    text: sla_text,
    context: *mut c_void,
) -> sla_status {
    // SAFETY: the caller's promises.
    unsafe { decode(decoder, text, context, |decoder, sink| decoder.finish(sink)) }
}

/// # Safety
/// As `sla_decode`.
unsafe fn decode(
    decoder: *mut sla_decoder,
    text: sla_text,
    context: *mut c_void,
    work: impl FnOnce(&mut Decoder, &mut dyn FnMut(&str)),
) -> sla_status {
    let decode = || {
        let text = text.ok_or(sla_status::SLA_NULL)?;
        let mut sink = |part: &str| {
            // SAFETY: the caller's promise.
            unsafe { text(context, part.as_ptr().cast(), part.len()) }
        };
        // SAFETY: the caller's promise.
        unsafe { sla_decoder::lend(decoder, |decoder| work(decoder, &mut sink)) }
    };
    status(decode())
}
