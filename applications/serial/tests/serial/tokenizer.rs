//! A model with a tokenizer that begins a text with a token and a space, as Llama 2's does.

use std::path::Path;

use sla_checkpoint::tokenizer::compile;
use sla_convert::{ConvertOptions, convert};
use sla_reference::{Backbone, Config, Input};
use sla_runtime::{ControlTokens, Decoder, Sampler, SamplerConfig, SpecialTokens, Template};
use sla_test_models as synth;
use sla_tests::{Case, checkpoint};

use crate::line::{IDS, answers, continuation, dialogue, fresh, pictured, typed};

const BOS: u32 = 1;
const EOS: u32 = 2;
const GREEDY: SamplerConfig = SamplerConfig {
    temperature: 0.0,
    top_k: 40,
    top_p: 0.95,
    repetition_penalty: 1.0,
    seed: 0,
};

fn case() -> Case {
    ending(&[EOS])
}

/// A model whose texts end with one of `ends`.
fn ending(ends: &[u32]) -> Case {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tokenizer-llama2.json");
    let json = std::fs::read_to_string(path).expect("a tokenizer");
    let vocab = 420;
    let config = Config {
        outputs: vocab,
        input: Input::Tokens { vocab },
        ..synth::small(Backbone::Gla)
    };
    let mut checkpoint = checkpoint(config.clone(), synth::weights(&config, 3));
    (checkpoint.meta.bos_token_id, checkpoint.meta.eos_token_ids) = (Some(BOS), ends.to_vec());
    let tokenizer = Some(compile(&json, vocab).expect("a tokenizer that is known"));
    let converted = convert(
        checkpoint.clone(),
        &ConvertOptions {
            tokenizer,
            ..ConvertOptions::default()
        },
        &mut |_, _| {},
    );
    let file = sla_eval::owned_model::OwnedModel::from_bytes(&converted.expect("a model").file)
        .expect("a model");
    Case {
        file,
        ..Case::new(&checkpoint, &ConvertOptions::default())
    }
}

fn encode(case: &Case, text: &str, begins: bool) -> Vec<u32> {
    let tokenizer = case.file.model().tokenizer().expect("a tokenizer");
    let template = if begins {
        Template::Add
    } else {
        Template::Omit
    };
    // Control tokens that are typed are text.
    sla_checkpoint::tokenizer::encode(&tokenizer, text, template, ControlTokens::AsText)
}

/// How the last ids are written that follow on the others.
fn shown(case: &Case, before: &[u32], ids: &[u32]) -> String {
    let model = case.file.model();
    let mut decoder = Decoder::new(model.tokenizer().expect("a tokenizer"), SpecialTokens::Skip);
    before.iter().for_each(|&id| decoder.push(id, &mut |_| {}));
    let mut text = String::new();
    ids.iter()
        .for_each(|&id| decoder.push(id, &mut |part| text.push_str(part)));
    pictured(&text)
}

#[test]
fn a_text_goes_on_token_by_token() {
    let case = case();
    let text = dialogue(
        &case,
        [typed(
            "/temperature 0\n/length 20\nOnce</s> upon\n\na time\n",
        )],
    );
    let all = answers(&text);
    let (model, mut memory) = (case.file.model(), case.file.memory());
    let (mut session, mut sampler) = (memory.session(&model).unwrap(), Sampler::new(GREEDY));
    // The first line begins a text, the others are in the middle of it.
    let mut stream = encode(&case, "Once</s> upon", true);
    assert!(
        stream.first() == Some(&BOS) && !stream.contains(&EOS),
        "{stream:?}"
    );
    let mut prompt = stream.clone();
    for answer in &all[2..] {
        let made = continuation(&mut session, &mut sampler, &prompt, 20);
        assert_eq!(*answer, shown(&case, &stream, &made));
        stream.extend(made);
        prompt = if answer == &all[3] {
            encode(&case, "a time", false)
        } else {
            Vec::new()
        };
        stream.extend(&prompt);
    }
    // Without a text: the token that begins one, and no space before the first word.
    let text = dialogue(&case, [typed("/length 20\n\n")]);
    let made = fresh(&case, SamplerConfig::default(), &[BOS], 20);
    assert_eq!(answers(&text)[1], shown(&case, &[], &made));
}

#[test]
fn a_restored_text_keeps_its_spaces() {
    let case = case();
    // Where the next token begins with a space, a text that began there would lose it.
    let mut spaces = 0;
    for length in 1..24 {
        let text = dialogue(
            &case,
            [typed(format!(
                "/length {length}\nOnce\n/save\n\n/reset\n/restore\n\n"
            ))],
        );
        let all = answers(&text);
        assert_eq!(all[3], all[6], "{length}");
        spaces += usize::from(all[3].starts_with(' '));
    }
    assert!(spaces > 0);
}

#[test]
fn the_end_of_a_text_ends_an_answer() {
    let case = case();
    let config = SamplerConfig {
        temperature: 9.0,
        top_k: 0,
        top_p: 1.0,
        repetition_penalty: 1.0,
        seed: 0,
    };
    let prompt = encode(&case, "Once", true);
    let whole = fresh(&case, config, &prompt, 4000);
    let end = whole
        .iter()
        .position(|&id| id == EOS)
        .expect("an end in 4,000 random tokens");
    let script = "/temperature 9\n/top-k 0\n/top-p 1\n/length 4000\nOnce\n/ledger\n";
    let text = dialogue(&case, [typed(script)]);
    let all = answers(&text);
    assert_eq!(all[4], shown(&case, &prompt, &whole[..end]));
    let position = prompt.len() + end + 1;
    assert!(
        all[5].contains(&format!("position: {position}\r\n")),
        "{}",
        all[5]
    );
}

#[test]
fn each_of_several_ends_ends_an_answer() {
    let config = SamplerConfig {
        temperature: 9.0,
        top_k: 0,
        top_p: 1.0,
        repetition_penalty: 1.0,
        seed: 0,
    };
    let one = case();
    let prompt = encode(&one, "Once", true);
    let whole = fresh(&one, config, &prompt, 4000);
    for place in [3, 20] {
        let other = whole[place];
        let ends = [EOS, other];
        let case = ending(&ends);
        assert_eq!(case.file.model().ends_of_text().collect::<Vec<_>>(), ends);
        let end = whole
            .iter()
            .position(|id| ends.contains(id))
            .expect("one of them at least");
        let text = dialogue(
            &case,
            [typed(
                "/temperature 9\n/top-k 0\n/top-p 1\n/length 4000\nOnce\n",
            )],
        );
        assert_eq!(answers(&text)[4], shown(&case, &prompt, &whole[..end]));
    }
}

#[test]
fn a_line_without_room_for_its_ids_is_refused() {
    let case = case();
    let text = dialogue(
        &case,
        [typed(format!(
            "/length 0\n{}\nab\n/ledger\n",
            "ab".repeat(30)
        ))],
    );
    let all = answers(&text);
    assert!(
        all[1].starts_with("error: the line does not fit: a buffer of ")
            && all[1].contains(&IDS.to_string()),
        "{}",
        all[1]
    );
    let position = encode(&case, "ab", true).len();
    assert!(
        all[3].contains(&format!("position: {position}\r\n")),
        "{}",
        all[3]
    );
}
