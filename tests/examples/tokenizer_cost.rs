//! What encoding costs: `cargo run -p sla-tests --example tokenizer_cost [tokenizer.json]…` prints
//! milliseconds for 1, 10 and 100 KB.

use std::time::Instant;

use sla_checkpoint::tokenizer::{compile, encode};
use sla_tokenizer::{ControlTokens, Template, Tokenizer};

fn main() {
    let prose =
        std::fs::read_to_string("models/demo.txt").expect("run it at the repository's root");
    let prose: String = prose
        .chars()
        .filter(|c| !c.is_numeric())
        .collect::<String>()
        .repeat(10);
    let texts = [
        ("prose", prose.as_str()),
        ("spaces", " "),
        ("<", "<"),
        ("<|", "<|"),
        ("\\n ", "\n "),
        ("a", "a"),
        ("\\t", "\t"),
        ("<|reserved_", "<|reserved_special_token_"),
    ];
    for path in std::env::args().skip(1) {
        let json = std::fs::read_to_string(&path).expect("a readable file");
        let compiled = compile(&json, 1 << 24).expect("a tokenizer");
        let tokenizer = Tokenizer::read(compiled.section()).expect("a section");
        println!("{path}");
        for (name, text) in texts {
            let mut times = Vec::new();
            for kb in [1, 10, 100] {
                let text: String = text.chars().cycle().take(kb * 1000).collect();
                let runs = if kb == 100 { 1 } else { 5 };
                let time = (0..runs)
                    .map(|_| {
                        let start = Instant::now();
                        std::hint::black_box(encode(
                            &tokenizer,
                            &text,
                            Template::Add,
                            ControlTokens::Parse,
                        ));
                        start.elapsed().as_secs_f64() * 1e3
                    })
                    .fold(f64::MAX, f64::min);
                times.push(format!("{time:9.3}"));
            }
            println!("  {name:12} {}", times.join(" "));
        }
    }
}
