//! models/zoo: every model converts, which runs its self-test, to the sizes on its card, and has a
//! line in the table.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sla_checkpoint::data::eval_rows;
use sla_checkpoint::load;
use sla_checkpoint::tokenizer;
use sla_convert::{Calibration, ConvertOptions, convert};
use sla_eval::owned_model::OwnedModel;
use sla_eval::{ROW_TOKENS, Report, Rows, compare};
use sla_runtime::{ControlTokens, Template, encode_words};
use sla_tests::material::{models, zoo_held_out};
use sla_tests::{Case, directories, name, parallel};
use sla_tokenizer::Tokenizer;

/// Most that all checkpoints of models/ may take.
const ALL_BYTES: u64 = 40_000_000;
/// Sizes may differ by this: the file names its calibration data.
const PROVENANCE: u64 = 64;
const TEXT: &str = "In the beginning was the word, and the word was \"42\".\n";

#[test]
fn every_model_is_of_the_size_on_its_card() {
    let table = fs::read_to_string(models().join("zoo/README.md")).expect("the table");
    for dir in directories(&models().join("zoo"), "") {
        let name = name(&dir);
        let card = fs::read_to_string(dir.join("card.json"))
            .unwrap_or_else(|e| panic!("{name}: card.json: {e}"));
        let card: Value =
            serde_json::from_str(&card).unwrap_or_else(|e| panic!("{name}: card.json: {e}"));
        let written = fs::read_to_string(dir.join("README.md"))
            .unwrap_or_else(|e| panic!("{name}: README.md: {e}"));
        assert!(
            written.starts_with(&format!("# {name}\n")),
            "{name}: the card of another model"
        );
        assert!(
            table.contains(&format!("[{name}]({name})")),
            "{name}: not in the table"
        );

        let checkpoint = load(&dir).unwrap_or_else(|e| panic!("{name}: {e}"));
        let vocab = card["vocab"].as_u64();
        let tokenizer = tokenizer::load(&dir, vocab.unwrap_or(0) as usize)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            tokenizer.is_some(),
            vocab.is_some_and(|n| n > 256),
            "{name}: tokenizer.json"
        );
        // Little data will do: sizes do not depend on it otherwise.
        let calibration = match vocab {
            Some(_) => Calibration::Tokens(vec![[10, 73, 32, 65].repeat(8)]),
            None => Calibration::Own,
        };
        let options = ConvertOptions {
            calibration,
            tokenizer,
            ..ConvertOptions::default()
        };
        let converted =
            convert(checkpoint, &options, &mut |_, _| {}).unwrap_or_else(|e| panic!("{name}: {e}"));
        let file = OwnedModel::from_bytes(&converted.file).expect("a fresh file parses");
        let model = file.model();
        let int8 = &card["files"][0];
        assert_eq!(int8["weights"], "int8", "{name}");
        let flash = int8["flash_bytes"].as_u64().unwrap_or(0);
        assert!(
            flash.abs_diff(converted.file.len() as u64) <= PROVENANCE,
            "{name}: flash {}",
            converted.file.len()
        );
        assert_eq!(
            int8["state_bytes"].as_u64(),
            Some(model.plan().state_bytes() as u64),
            "{name}: state"
        );
        if let Some(tokenizer) = model.tokenizer() {
            let mut ids = vec![0; encode_words(TEXT.len())];
            let count = tokenizer
                .encode(TEXT, Template::Add, ControlTokens::AsText, &mut ids)
                .expect("room");
            assert!(
                count < TEXT.len() / 2,
                "{name}: {count} tokens for {} bytes",
                TEXT.len()
            );
        }
    }
}

#[test]
fn the_repository_stays_small() {
    let size =
        |dir: &PathBuf| fs::metadata(dir.join("model.safetensors")).map_or(0, |data| data.len());
    let all = directories(&models(), "")
        .iter()
        .chain(&directories(&models().join("zoo"), ""))
        .map(size)
        .sum::<u64>();
    assert!(
        (20_000_000..=ALL_BYTES).contains(&all),
        "{all} bytes of checkpoints"
    );
}

/// Most that perplexity may grow by, from float to int8.
const PERPLEXITY: f64 = 1.0025;

fn card(dir: &Path) -> Value {
    let card = fs::read_to_string(dir.join("card.json")).expect("a card");
    serde_json::from_str(&card).expect("JSON")
}

fn figures(case: &Case, rows: &Rows) -> Report {
    compare(&case.float, &case.file.model(), rows, &mut |_| {}).expect("rows of the model's kind")
}

/// The committed held-out text begins as the rows do that the cards were measured on; one card has
/// more rows.
#[test]
fn language_models_have_the_perplexity_on_their_cards() {
    let text = String::from_utf8(zoo_held_out()).expect("ASCII");
    let dirs = directories(&models().join("zoo"), "classics-");
    let exact = parallel(dirs.len(), |i| {
        let (dir, name, card) = (&dirs[i], name(&dirs[i]), card(&dirs[i]));
        let case = Case::load(dir);
        let ids =
            match tokenizer::load(dir, case.float.config.outputs).expect("a shipped tokenizer") {
                None => text.bytes().map(u32::from).collect(),
                Some(compiled) => {
                    let tokenizer = Tokenizer::read(compiled.section()).expect("a fresh section");
                    tokenizer::encode(
                        &tokenizer,
                        &text[..text.len() / 2],
                        Template::Add,
                        ControlTokens::Parse,
                    )
                }
            };
        let on_card = card["held_out_tokens"]
            .as_u64()
            .expect("a number of tokens") as usize;
        let here = on_card.min(ids.len() / ROW_TOKENS * ROW_TOKENS);
        let r = figures(&case, &Rows::ids(&ids[..here]));
        let (float, fixed) = (
            r.nll_float.expect("text").exp(),
            r.nll_fixed.expect("text").exp(),
        );
        let wanted = card["float"]["perplexity"].as_f64().expect("a perplexity");
        eprintln!(
            "{name:30} perplexity {float:.5}, on the card {wanted:.5}, x {:.5}",
            fixed / float
        );
        assert!(fixed / float <= PERPLEXITY, "{name}: x {}", fixed / float);
        assert_eq!(r.saturated, 0, "{name}");
        let has_the_rows = here == on_card;
        assert!(
            (float / wanted - 1.0).abs() < if has_the_rows { 1e-6 } else { 0.15 },
            "{name}: {float}, on the card {wanted}"
        );
        has_the_rows
    });
    assert_eq!(exact.iter().filter(|exact| **exact).count(), 14, "of 15");
}

/// The recordings are of the test split of the same data set.
#[test]
fn digits_keep_their_labels() {
    for dir in directories(&models().join("zoo"), "digits-") {
        let case = Case::load(&dir);
        let rows = eval_rows(
            &models().join("digits-sla-gla/eval.safetensors"),
            &case.float.config,
        )
        .expect("clips");
        let r = figures(&case, &rows);
        let clips = r.clips.expect("a feature model");
        eprintln!("{}: {clips:?}, accuracy {:?}", name(&dir), r.accuracy_fixed);
        assert!(
            clips.clips >= 20 && clips.same_label == clips.clips,
            "{}",
            name(&dir)
        );
        assert_eq!(r.saturated, 0, "{}", name(&dir));
    }
}
