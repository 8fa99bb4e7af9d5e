//! Ids to text as they come (F11.7): a character appears when its last byte is there.

use crate::tables::{Text, Tokenizer};
use sla_format::{Strip, Symbols};

/// Stands for bytes that are no character.
const REPLACEMENT: &str = "\u{fffd}";

/// Decodes a stream of ids; holds back at most three bytes.
#[derive(Clone, Debug)]
pub struct Decoder<'s> {
    tokenizer: Tokenizer<'s>,
    skip_special: bool,
    /// Bytes of a character that is not complete.
    pending: [u8; 4],
    pending_len: usize,
    /// What is still to be left out at the start.
    strip: Strip,
}

impl<'s> Decoder<'s> {
    /// At the start of a text. Special tokens are left out, or decoded as what they are called.
    #[must_use]
    pub fn new(tokenizer: Tokenizer<'s>, skip_special: bool) -> Self {
        let strip = tokenizer.desc.strip;
        Self {
            tokenizer,
            skip_special,
            pending: [0; 4],
            pending_len: 0,
            strip,
        }
    }

    /// In the middle of a text: nothing is left out at the start.
    #[must_use]
    pub fn within(tokenizer: Tokenizer<'s>, skip_special: bool) -> Self {
        Self {
            strip: Strip::Nothing,
            ..Self::new(tokenizer, skip_special)
        }
    }

    /// Gives `sink` the text that `id` completes, perhaps in several parts, perhaps none. An id
    /// without a token is no text.
    pub fn push(&mut self, id: u32, sink: &mut dyn FnMut(&str)) {
        if self.skip_special && self.tokenizer.is_special(id) {
            return;
        }
        match self.tokenizer.text(id) {
            None => {}
            Some(Text::Byte(byte)) => {
                let byte = [byte];
                let bytes = self.stripped(&byte);
                self.feed(bytes, sink);
                self.end_strip_of_first_token();
            }
            Some(Text::Bytes(bytes)) => {
                if self.tokenizer.desc.symbols == Symbols::Characters {
                    self.replace_pending(sink);
                }
                let bytes = self.stripped(bytes);
                self.bytes(bytes, sink);
                self.end_strip_of_first_token();
            }
        }
    }

    /// The end of the text: gives `sink` a replacement for a character that is not complete, and
    /// starts anew.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&str)) {
        self.replace_pending(sink);
        self.strip = self.tokenizer.desc.strip;
    }

    fn end_strip_of_first_token(&mut self) {
        if self.strip == Strip::FirstToken {
            self.strip = Strip::Nothing;
        }
    }

    /// The bytes without the one space that is left out at the start of a text.
    fn stripped<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.strip != Strip::One || bytes.is_empty() {
            return bytes;
        }
        self.strip = Strip::Nothing;
        bytes.strip_prefix(b" ").unwrap_or(bytes)
    }

    /// Feeds the bytes of a token, without any of its spaces where it is the first token of
    /// [`Strip::FirstToken`].
    fn bytes(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&str)) {
        if self.strip == Strip::FirstToken {
            bytes
                .split(|&byte| byte == b' ')
                .for_each(|part| self.feed(part, sink));
        } else {
            self.feed(bytes, sink);
        }
    }

    fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&str)) {
        let mut rest = bytes;
        while self.pending_len > 0
            && let Some((&byte, behind)) = rest.split_first()
        {
            rest = behind;
            if let Some(place) = self.pending.get_mut(self.pending_len) {
                *place = byte;
            }
            self.pending_len += 1;
            self.settle(sink);
        }
        let tail = self.emit(rest, sink);
        if let Some(place) = self.pending.get_mut(..tail.len())
            && self.pending_len == 0
        {
            place.copy_from_slice(tail);
            self.pending_len = tail.len();
        }
    }

    /// Gives out what the pending bytes have become, up to an incomplete character.
    fn settle(&mut self, sink: &mut dyn FnMut(&str)) {
        let all = self.pending;
        let bytes = all.get(..self.pending_len).unwrap_or(&[]);
        let tail = self.emit(bytes, sink);
        self.pending = [0; 4];
        if let Some(place) = self.pending.get_mut(..tail.len()) {
            place.copy_from_slice(tail);
        }
        self.pending_len = tail.len();
    }

    /// Gives out everything but an incomplete character at the end, which it returns.
    fn emit<'b>(&self, bytes: &'b [u8], sink: &mut dyn FnMut(&str)) -> &'b [u8] {
        let mut rest = bytes;
        loop {
            let (valid, wrong) = match core::str::from_utf8(rest) {
                Ok(text) => {
                    if !text.is_empty() {
                        sink(text);
                    }
                    return &[];
                }
                Err(e) => (e.valid_up_to(), e.error_len()),
            };
            let (text, tail) = rest.split_at_checked(valid).unwrap_or((rest, &[]));
            if let Ok(text) = core::str::from_utf8(text)
                && !text.is_empty()
            {
                sink(text);
            }
            let Some(wrong) = wrong else { return tail };
            self.replace(wrong, sink);
            rest = tail.get(wrong..).unwrap_or(&[]);
        }
    }

    /// Models of bytes replace an incomplete character once, those of characters each of its bytes
    /// (F11.7).
    fn replace(&self, bytes: usize, sink: &mut dyn FnMut(&str)) {
        let times = if self.tokenizer.desc.symbols == Symbols::Characters {
            bytes
        } else {
            1
        };
        (0..times).for_each(|_| sink(REPLACEMENT));
    }

    fn replace_pending(&mut self, sink: &mut dyn FnMut(&str)) {
        if self.pending_len > 0 {
            self.replace(self.pending_len, sink);
            self.pending_len = 0;
        }
    }
}
