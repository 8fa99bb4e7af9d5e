//! The tokenizer on an emulated Cortex-M4: the ids of 100,000 strings, and the text of those ids,
//! are those of the `tokenizers` library.

#[path = "../../firmware-examples/qemu/src/bin/tokenize/strings.rs"]
mod strings;
#[path = "tokenizer/trained.rs"]
#[allow(dead_code, reason = "each test file uses a part")]
mod trained;

use std::path::Path;
use std::process::Command;

use sla_checkpoint::tokenizer;
use sla_convert::{ConvertOptions, convert};
use sla_reference::{Backbone, Config, Input};
use sla_runtime::Checksum;
use sla_test_models as synth;
use sla_tests::checkpoint;
use sla_tests::needs::{Tried, emulator};
use strings::{STRING_BYTES, Strings};
use trained::all;

sla_tests::tests![the_m4_has_the_librarys_ids];

/// Strings a tokenizer: 100,000 together; `SLA_STRINGS` overrides it.
const STRINGS: usize = 33_334;
/// Ids of the tokenizers that are tried.
const VOCABULARY: usize = 1300;

/// The library's ids and text lengths, digested as the firmware does.
fn digest(json: &str, strings: usize, seed: u64) -> u32 {
    let library: tokenizers::Tokenizer = json.parse().expect("a tokenizer.json");
    let (mut source, mut buffer, mut digest) =
        (Strings::new(seed), [0; STRING_BYTES], Checksum::default());
    for _ in 0..strings {
        let encoding = library
            .encode_fast(source.next(&mut buffer), true)
            .expect("the library encodes");
        let ids = encoding.get_ids();
        ids.iter().for_each(|&id| digest.add(id as i32));
        digest.add(ids.len() as i32);
        digest.add(
            library
                .decode(ids, true)
                .expect("the library decodes")
                .len() as i32,
        );
    }
    digest.finish()
}

fn the_m4_has_the_librarys_ids() -> Tried {
    emulator("thumbv7em-none-eabihf", "qemu-system-arm")?;
    let strings = std::env::var("SLA_STRINGS")
        .map_or(STRINGS, |n| n.parse().expect("SLA_STRINGS is a number"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, json) in all()
        .into_iter()
        .filter(|(name, _)| ["gpt2", "llama3", "llama2"].contains(name))
    {
        let json = json.to_string();
        let small = Config {
            layers: 1,
            hidden: 8,
            d_k: 4,
            d_v: 3,
            intermediate: 8,
            ..synth::small(Backbone::Gla)
        };
        let config = Config {
            input: Input::Tokens { vocab: VOCABULARY },
            outputs: VOCABULARY,
            ..small
        };
        let weights = synth::weights(&config, 1);
        let options = ConvertOptions {
            tokenizer: Some(
                tokenizer::compile(&json, VOCABULARY).expect("a tokenizer of the library"),
            ),
            ..ConvertOptions::default()
        };
        let file = convert(checkpoint(config, weights), &options, &mut |_, _| {})
            .expect("a small model")
            .file;
        let path = folder.join(format!("tokenizer-{name}.sla"));
        std::fs::write(&path, file).expect("a writable target folder");
        let run = Command::new("cargo")
            .current_dir(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../firmware-examples/qemu/m4"
            ))
            .env("SLA_MODEL", &path)
            .env("CARGO_TARGET_DIR", folder.join("firmware"))
            .args([
                "run",
                "--release",
                "--quiet",
                "--locked",
                "--features",
                "tokenizer",
                "--bin",
                "tokenize",
                "--",
            ])
            .args(["-append", &format!("strings={strings} seed=7")])
            .output()
            .expect("cargo");
        let text = String::from_utf8_lossy(&run.stdout);
        let line = text.lines().find(|line| line.starts_with("@tokenize"));
        let line = line
            .unwrap_or_else(|| panic!("{name}: {text}{}", String::from_utf8_lossy(&run.stderr)));
        eprintln!("{name}: {line}");
        assert!(
            run.status.success() && line.contains(&format!(" strings={strings} ")),
            "{line}"
        );
        let wanted = format!(" digest={:08x} ", digest(&json, strings, 7));
        assert!(
            line.contains(&wanted),
            "{name}: {line}, the library has{wanted}"
        );
    }
    Ok(())
}
