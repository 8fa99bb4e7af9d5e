//! Text in and out of a model with a tokenizer.

use std::error::Error;

use sla_checkpoint::tokenizer;
use sla_convert::ConvertOptions;
use sla_convert::convert;
use sla_eval::owned_model::OwnedModel;
use sla_runtime::{ControlTokens, Decoder, Model, Session, SpecialTokens, Template, encode_words};
use sla_tests::material::models;

const MAX_PROMPT_BYTES: usize = 64;
const TOKENS: usize = 32;

struct Uart(String);

impl Uart {
    fn write(&mut self, text: &[u8]) {
        self.0 += std::str::from_utf8(text).expect("whole characters");
    }
}

fn talk(model: &Model, session: &mut Session, uart: &mut Uart) -> Result<(), Box<dyn Error>> {
    // [docs/firmware.md]
    let tokenizer = model.tokenizer().ok_or("a model of bytes")?;
    let mut ids = [0; encode_words(MAX_PROMPT_BYTES)];
    let prompt = "Once upon a time"; // what a user wrote: a control token in it stays text
    let len = tokenizer.encode(prompt, Template::Add, ControlTokens::AsText, &mut ids)?; // the ids of Hugging Face's library
    let mut token = session.prefill(&ids[..len])?.argmax();
    let mut decoder = Decoder::new(tokenizer, SpecialTokens::Skip);
    for _ in 0..TOKENS {
        decoder.push(token, &mut |text| uart.write(text.as_bytes())); // whole characters, as they are complete
        token = session.step(token)?.argmax();
    }
    // [end]
    Ok(())
}

#[test]
fn a_model_with_a_tokenizer_talks() {
    let dir = models().join("zoo/classics-sla-gla-0.25M-bpe");
    let checkpoint = sla_checkpoint::load(&dir).expect("a shipped model");
    let tokenizer = tokenizer::load(&dir, checkpoint.config.outputs).expect("a shipped tokenizer");
    let options = ConvertOptions {
        tokenizer,
        ..ConvertOptions::default()
    };
    let converted = convert(checkpoint, &options, &mut |_, _| {}).expect("a shipped model");
    let file = OwnedModel::from_bytes(&converted.file).expect("a fresh file");
    let (model, mut memory, mut uart) = (file.model(), file.memory(), Uart(String::new()));
    let mut session = memory
        .session(&model)
        .expect("buffers of the planned sizes");
    talk(&model, &mut session, &mut uart).expect("a model with a tokenizer");
    eprintln!("{:?}", uart.0);
    assert!(
        uart.0.len() > TOKENS && uart.0.contains(" the "),
        "{:?}",
        uart.0
    );
}
