//! models/zoo: every model converts, which runs its self-test, to the sizes on its card, and has a line in the table.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sla_converter::checkpoint::load;
use sla_converter::owned_model::OwnedModel;
use sla_converter::{Calibration, ConvertOptions, convert, tokenizer};
use sla_runtime::{ControlTokens, Template, encode_words};
use sla_tests::{directories, name};

/// Most that all checkpoints of models/ may take.
const ALL_BYTES: u64 = 40_000_000;
/// Sizes may differ by this: the file names its calibration data.
const PROVENANCE: u64 = 64;
const TEXT: &str = "In the beginning was the word, and the word was \"42\".\n";

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

#[test]
fn every_model_is_of_the_size_on_its_card() {
    let table = fs::read_to_string(models().join("zoo/README.md")).expect("the table");
    for dir in directories(&models().join("zoo"), "") {
        let name = name(&dir);
        let card = fs::read_to_string(dir.join("card.json")).unwrap_or_else(|e| panic!("{name}: card.json: {e}"));
        let card: Value = serde_json::from_str(&card).unwrap_or_else(|e| panic!("{name}: card.json: {e}"));
        let written = fs::read_to_string(dir.join("README.md")).unwrap_or_else(|e| panic!("{name}: README.md: {e}"));
        assert!(written.starts_with(&format!("# {name}\n")), "{name}: the card of another model");
        assert!(table.contains(&format!("[{name}]({name})")), "{name}: not in the table");

        let checkpoint = load(&dir).unwrap_or_else(|e| panic!("{name}: {e}"));
        let vocab = card["vocab"].as_u64();
        let tokenizer = tokenizer::load(&dir, vocab.unwrap_or(0) as usize).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(tokenizer.is_some(), vocab.is_some_and(|n| n > 256), "{name}: tokenizer.json");
        // Little data will do: sizes do not depend on it otherwise.
        let calibration = match vocab {
            Some(_) => Calibration::Tokens(vec![[10, 73, 32, 65].repeat(8)]),
            None => Calibration::Own,
        };
        let options = ConvertOptions { calibration, tokenizer, ..ConvertOptions::default() };
        let converted = convert(checkpoint, &options, &mut |_, _| {}).unwrap_or_else(|e| panic!("{name}: {e}"));
        let file = OwnedModel::from_bytes(&converted.file).expect("a fresh file parses");
        let model = file.model();
        let int8 = &card["files"][0];
        assert_eq!(int8["weights"], "int8", "{name}");
        let flash = int8["flash_bytes"].as_u64().unwrap_or(0);
        assert!(flash.abs_diff(converted.file.len() as u64) <= PROVENANCE, "{name}: flash {}", converted.file.len());
        assert_eq!(int8["state_bytes"].as_u64(), Some(model.plan().state_bytes() as u64), "{name}: state");
        if let Some(tokenizer) = model.tokenizer() {
            let mut ids = vec![0; encode_words(TEXT.len())];
            let count = tokenizer.encode(TEXT, Template::Add, ControlTokens::AsText, &mut ids).expect("room");
            assert!(count < TEXT.len() / 2, "{name}: {count} tokens for {} bytes", TEXT.len());
        }
    }
}

#[test]
fn the_repository_stays_small() {
    let size = |dir: &PathBuf| fs::metadata(dir.join("model.safetensors")).map_or(0, |data| data.len());
    let all = directories(&models(), "").iter().chain(&directories(&models().join("zoo"), "")).map(size).sum::<u64>();
    assert!((20_000_000..=ALL_BYTES).contains(&all), "{all} bytes of checkpoints");
}
