//! The `tokenize` binary: the ids of many strings, as a digest that the host compares, and what
//! they cost.

#![no_std]
#![no_main]

mod strings;

use sla_runtime::{Checksum, ControlTokens, Decoder, Model, SpecialTokens, Template, encode_words};

use qemu::semihost::exit;
use qemu::stop::{no_model, stop};
use qemu::{Arguments, Console, Counter, entry, machine, model};
use strings::{STRING_BYTES, Strings};

/// Encodes `strings=N` strings (1,000 by default) of `seed=N`, decodes their ids again, prints one
/// `@tokenize` line of `key=value` words, and exits with 0. The digest is the CRC-32 of all ids,
/// each string's followed by their number, and of the lengths of the decoded texts.
#[entry]
fn main() -> ! {
    let counter = Counter::start();
    let console = Console;
    let strings = Arguments::number("strings=", 1000);
    let seed = Arguments::number("seed=", 0);
    let model = Model::parse(model::bytes()).unwrap_or_else(|error| no_model(error));
    let Some(tokenizer) = model.tokenizer() else {
        stop("the model has no tokenizer")
    };

    let (mut source, mut buffer) = (Strings::new(seed.into()), [0; STRING_BYTES]);
    let mut ids = [0u32; encode_words(STRING_BYTES)];
    let mut digest = Checksum::default();
    let (mut bytes, mut tokens, mut encode_insns, mut decode_insns) = (0u64, 0u64, 0u64, 0u64);
    for _ in 0..strings {
        let text = source.next(&mut buffer);
        let mut encoded = Err(sla_runtime::EncodeError::BufferTooSmall { need: 0, have: 0 });
        encode_insns += u64::from(counter.count(&mut || {
            encoded = tokenizer.encode(text, Template::Add, ControlTokens::Parse, &mut ids)
        }));
        let Some(found) = encoded.ok().and_then(|len| ids.get(..len)) else {
            stop("a text was not encoded")
        };
        found.iter().for_each(|&id| digest.add(id as i32));
        digest.add(found.len() as i32);
        let mut decoded = 0;
        decode_insns += u64::from(counter.count(&mut || {
            let mut decoder = Decoder::new(tokenizer, SpecialTokens::Skip);
            found
                .iter()
                .for_each(|&id| decoder.push(id, &mut |part| decoded += part.len()));
            decoder.finish(&mut |part| decoded += part.len());
        }));
        digest.add(decoded as i32);
        bytes += text.len() as u64;
        tokens += found.len() as u64;
    }

    console
        .text("@tokenize")
        .key("machine")
        .text(machine::NAME)
        .key("strings")
        .number(strings.into());
    console
        .key("bytes")
        .number(bytes)
        .key("ids")
        .number(tokens)
        .key("digest")
        .hex(digest.finish());
    console
        .key("encode_insns_per_byte")
        .number(encode_insns / bytes.max(1));
    console
        .key("decode_insns_per_id")
        .number(decode_insns / tokens.max(1))
        .end();
    exit(0)
}
