//! Text to and from a model's ids.

use sla_runtime::Model;
#[cfg(feature = "tokenizer")]
use sla_runtime::{ControlTokens, Decoder, EncodeError, SpecialTokens, Template, Tokenizer};

use crate::error::Unfit;

/// What is read in one go, between two looks for an interrupt.
pub(crate) const CHUNK: usize = 16;

/// A text as ids.
pub(crate) enum Prompt<'a> {
    /// Ids that are the bytes of the text.
    Bytes(&'a [u8]),
    Ids(&'a [u32]),
}

impl Prompt<'_> {
    /// Moves the next ids to the start of `chunk`; 0 at the end.
    pub fn next(&mut self, chunk: &mut [u32; CHUNK]) -> usize {
        match self {
            Self::Bytes(rest) => {
                let (now, behind) = rest.split_at_checked(CHUNK).unwrap_or((*rest, &[]));
                chunk
                    .iter_mut()
                    .zip(now)
                    .for_each(|(id, byte)| *id = (*byte).into());
                *rest = behind;
                now.len()
            }
            Self::Ids(rest) => {
                let (now, behind) = rest.split_at_checked(CHUNK).unwrap_or((*rest, &[]));
                chunk.iter_mut().zip(now).for_each(|(id, now)| *id = *now);
                *rest = behind;
                now.len()
            }
        }
    }
}

/// Why a text has no ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoIds {
    #[cfg(feature = "tokenizer")]
    Encode(EncodeError),
    /// The tokenizer has no token for any of it.
    #[cfg(feature = "tokenizer")]
    Empty,
    /// There is no text, and the model has no token to begin with.
    Start,
}

impl core::fmt::Display for NoIds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            #[cfg(feature = "tokenizer")]
            Self::Encode(e) => write!(f, "the line does not fit: {e}"),
            #[cfg(feature = "tokenizer")]
            Self::Empty => write!(f, "the tokenizer has no token for this text"),
            Self::Start => write!(f, "the model has no token to begin with: type a text"),
        }
    }
}

/// Both directions for one model.
pub(crate) struct Codec<'m> {
    utf8: Utf8,
    #[cfg(feature = "tokenizer")]
    tokens: Option<(Tokenizer<'m>, Decoder<'m>)>,
    #[cfg(not(feature = "tokenizer"))]
    _model: core::marker::PhantomData<&'m ()>,
}

impl<'m> Codec<'m> {
    /// That of `model`, which reads ids.
    pub fn new(model: &Model<'m>) -> Result<Self, Unfit> {
        let vocabulary = model.desc().inputs;
        let has_tokenizer = !model.tokenizer_section().is_empty();
        if !has_tokenizer && vocabulary != 256 {
            return Err(Unfit::NoText { vocabulary });
        }
        if has_tokenizer && cfg!(not(feature = "tokenizer")) {
            return Err(Unfit::Tokenizer);
        }
        Ok(Self {
            utf8: Utf8::default(),
            #[cfg(feature = "tokenizer")]
            tokens: model
                .tokenizer()
                .map(|tokenizer| (tokenizer, Decoder::new(tokenizer, SpecialTokens::Skip))),
            #[cfg(not(feature = "tokenizer"))]
            _model: core::marker::PhantomData,
        })
    }

    /// Whether ids are bytes.
    pub fn is_bytes(&self) -> bool {
        #[cfg(feature = "tokenizer")]
        return self.tokens.is_none();
        #[cfg(not(feature = "tokenizer"))]
        true
    }

    /// The ids of a text that is not empty, perhaps in `ids`; with those that begin a text, where
    /// it begins one. Control tokens that are typed are text.
    #[cfg_attr(
        not(feature = "tokenizer"),
        expect(clippy::unnecessary_wraps, unused_variables, reason = "bytes are ids")
    )]
    pub fn encode<'a>(
        &self,
        text: &'a str,
        begins: bool,
        ids: &'a mut [u32],
    ) -> Result<Prompt<'a>, NoIds> {
        #[cfg(feature = "tokenizer")]
        if let Some((tokenizer, _)) = &self.tokens {
            let template = if begins {
                Template::Add
            } else {
                Template::Omit
            };
            let len = tokenizer
                .encode(text, template, ControlTokens::AsText, ids)
                .map_err(NoIds::Encode)?;
            return match ids.get(..len) {
                Some([]) | None => Err(NoIds::Empty),
                Some(ids) => Ok(Prompt::Ids(ids)),
            };
        }
        Ok(Prompt::Bytes(text.as_bytes()))
    }

    /// Gives `sink` the text that `id` completes.
    pub fn decode(&mut self, id: u32, sink: &mut dyn FnMut(&str)) {
        #[cfg(feature = "tokenizer")]
        if let Some((_, decoder)) = &mut self.tokens {
            return decoder.push(id, sink);
        }
        let [byte, ..] = id.to_le_bytes();
        self.utf8.push(byte, sink);
    }

    /// The text that `decode` gives next begins a text, or is in the middle of one.
    pub fn restart(&mut self, begins: bool) {
        self.utf8 = Utf8::default();
        #[cfg(feature = "tokenizer")]
        if let Some((tokenizer, decoder)) = &mut self.tokens {
            *decoder = if begins {
                Decoder::new(*tokenizer, SpecialTokens::Skip)
            } else {
                Decoder::within(*tokenizer, SpecialTokens::Skip)
            };
        }
        #[cfg(not(feature = "tokenizer"))]
        let _ = begins;
    }
}

/// Bytes to characters as they come; what is not UTF-8 becomes U+FFFD, as in
/// `String::from_utf8_lossy`.
#[derive(Default)]
struct Utf8 {
    /// The beginning of a character.
    pending: [u8; 4],
    len: usize,
}

impl Utf8 {
    fn push(&mut self, byte: u8, sink: &mut dyn FnMut(&str)) {
        if let Some(place) = self.pending.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
        while let Some(bytes) = self
            .pending
            .get(..self.len)
            .filter(|bytes| !bytes.is_empty())
        {
            match core::str::from_utf8(bytes) {
                Ok(text) => {
                    sink(text);
                    self.len = 0;
                }
                Err(e) => {
                    // One character at most is pending, so nothing valid stands before what is
                    // wrong.
                    let Some(wrong) = e.error_len() else { return };
                    sink("\u{fffd}");
                    // Never more than all; said again, so that no panic is left in.
                    let wrong = wrong.min(self.len).min(4);
                    self.pending.rotate_left(wrong);
                    self.len -= wrong;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;

    #[test]
    fn bytes_decode_as_the_whole_does() {
        for pair in 0..=u16::MAX {
            let [a, b] = pair.to_be_bytes();
            let bytes = [b'x', a, b, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xa6, 0x80, b'!'];
            let (mut utf8, mut text) = (Utf8::default(), String::new());
            for byte in bytes {
                utf8.push(byte, &mut |part| text.push_str(part));
            }
            assert_eq!(text, String::from_utf8_lossy(&bytes), "{bytes:02x?}");
        }
    }

    #[test]
    fn prompts_come_in_chunks() {
        let bytes: [u8; 37] = core::array::from_fn(|i| i as u8);
        let ids: [u32; 37] = core::array::from_fn(|i| i as u32);
        for mut prompt in [Prompt::Bytes(&bytes), Prompt::Ids(&ids)] {
            let mut all = std::vec::Vec::new();
            let mut chunk = [0; CHUNK];
            loop {
                let len = prompt.next(&mut chunk);
                if len == 0 {
                    break;
                }
                all.extend_from_slice(&chunk[..len]);
            }
            assert_eq!(all, ids);
        }
    }
}
