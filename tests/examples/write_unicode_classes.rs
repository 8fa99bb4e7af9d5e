//! Writes the table of character classes of `sla-tokenizer` from the tables of `regex-syntax`:
//! `cargo run -p sla-tests --example write_unicode_classes >
//! runtime/tokenizer/src/classes/table.rs`

use std::fmt::Write;

#[path = "../tests/tokenizer/unicode.rs"]
mod unicode;

use unicode::classes;

fn main() {
    let classes = classes();
    let mut text = String::from(
        "//! Written by `cargo run -p sla-tests --example write_unicode_classes` from regex-syntax's Unicode 16.0.0 tables.\n\n\
         use super::Plane;\n\n",
    );
    let mut planes = Vec::new();
    for (plane, classes) in classes.chunks(1 << 16).enumerate() {
        let mut ranges: Vec<(usize, u8)> = Vec::new();
        for (at, &class) in classes.iter().enumerate() {
            if ranges.last().is_none_or(|&(_, last)| last != class) {
                ranges.push((at, class));
            }
        }
        if ranges == [(0, 0)] {
            continue;
        }
        assert_eq!(planes.len(), plane, "planes without a gap");
        let starts: Vec<String> = ranges
            .iter()
            .map(|(start, _)| format!("{start:#x}"))
            .collect();
        let four = |four: &[(usize, u8)]| {
            four.iter()
                .rev()
                .fold(0, |byte: u8, (_, class)| byte << 2 | class)
        };
        let packed: Vec<String> = ranges
            .chunks(4)
            .map(|ranges| format!("{:#x}", four(ranges)))
            .collect();
        planes.push(format!(
            "    Plane {{ starts: &STARTS_{plane}, classes: &CLASSES_{plane} }},\n"
        ));
        list(
            &mut text,
            &format!("STARTS_{plane}: [u16; {}]", starts.len()),
            &starts,
        );
        list(
            &mut text,
            &format!("CLASSES_{plane}: [u8; {}]", packed.len()),
            &packed,
        );
    }
    write!(
        text,
        "pub(super) static PLANES: [Plane; {}] = [\n{}];\n",
        planes.len(),
        planes.concat()
    )
    .expect("a string");
    print!("{text}");
}

fn list(text: &mut String, name: &str, items: &[String]) {
    writeln!(text, "static {name} = [").expect("a string");
    for line in items.chunks(14) {
        writeln!(text, "    {},", line.join(", ")).expect("a string");
    }
    text.push_str("];\n\n");
}
