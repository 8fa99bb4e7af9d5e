//! Work a byte is bounded, whatever text and section are: counted, not timed.
use super::*;

/// What encoding a text looks at.
fn work(tokenizer: Tokenizer, text: &str) -> u64 {
    let mut ids = vec![0; encode_words(text.len())];
    let before = WORK.get();
    for control in [ControlTokens::AsText, ControlTokens::Parse] {
        tokenizer
            .encode(text, Template::Add, control, &mut ids)
            .expect("room for every text");
    }
    WORK.get() - before
}

/// Characters of every class and of every added token.
const ALPHABET: [&str; 10] = [" ", "\t", "\n", "a", "1", "'s", "<", "|", "世", "\u{3000}"];

/// A part again and again, and two runs of it with another between.
fn texts(len: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for a in ALPHABET {
        texts.push(a.repeat(len));
        for b in ALPHABET {
            texts.push([a, b].concat().repeat(len / 2));
            texts.push([&a.repeat(len / 2), b, &a.repeat(len / 2)].concat());
            texts.push([a, a, b].concat().repeat(len / 3));
        }
    }
    texts.push("<|reserved_special_token_".repeat(len / 25));
    texts.push("<|reserved_special_token_9".repeat(len / 26));
    texts
}

/// Sections, and what is looked at for a byte at most, in both ways of encoding together.
fn sections() -> Vec<(String, Parts, f64)> {
    let mut sections = Vec::new();
    let base = |split| {
        let mut parts = match split {
            Split::Spaces | Split::Words => Parts::of_characters("ab1!<| "),
            _ => Parts::of_bytes(split),
        };
        parts.split = split;
        parts
    };
    let splits = [
        Split::Whole,
        Split::Gpt2,
        Split::Llama3,
        Split::Qwen2,
        Split::DigitsGpt2,
        Split::Spaces,
        Split::Words,
    ];
    for split in splits {
        sections.push((format!("{split:?}"), base(split), 20.0));
    }
    for (lstrip, rstrip, normalized) in [
        (true, false, false),
        (false, true, false),
        (true, true, false),
        (true, false, true),
        (false, true, true),
    ] {
        for content in [" ", "a", "<"] {
            let mut parts = base(Split::Gpt2);
            parts.add(
                content,
                AddedToken {
                    lstrip,
                    rstrip,
                    normalized,
                    ..PLAIN
                },
            );
            sections.push((
                format!("{content:?}, lstrip {lstrip}, rstrip {rstrip}, normalized {normalized}"),
                parts,
                20.0,
            ));
        }
    }
    for (count, flags) in [
        (16, SPECIAL),
        (250, SPECIAL),
        (2000, PLAIN),
        (
            250,
            AddedToken {
                normalized: true,
                ..PLAIN
            },
        ),
    ] {
        let mut parts = base(Split::Gpt2);
        for at in 0..count {
            parts.add(&format!("<|reserved_special_token_{at}|>"), flags);
        }
        sections.push((format!("{count} tokens that begin alike"), parts, 20.0));
    }
    // Every byte of the text may begin one, and the trie branches at every byte.
    let (mut branching, mut random) = (base(Split::Gpt2), Random(7));
    let contents: std::collections::BTreeSet<_> = (0..600)
        .map(|_| random.text(&["<", "|", "a", "1", "\t"], 6))
        .filter(|content| content.len() > 2)
        .collect();
    for content in &contents {
        branching.add(content, SPECIAL);
    }
    sections.push(("tokens of the text's bytes".into(), branching, 240.0));
    let mut long = base(Split::Gpt2);
    for end in ["x", "y"] {
        long.add(&["<".repeat(60).as_str(), end].concat(), PLAIN);
    }
    sections.push(("tokens of 61 bytes".into(), long, 2.0 * 61.0 + 20.0));
    // A merge takes three ways up the tree of ranks and one down; there is one level to a text of
    // 256 bytes, and one more to 4,096.
    let mut merges = base(Split::Whole);
    let two = merges.merge(97, 97);
    merges.merge(two, two);
    sections.push(("merges".into(), merges, 2.0 * 4.0 * 3.0 * 16.0));
    sections
}

#[test]
fn work_a_byte_is_bounded() {
    for (name, parts, bound) in sections() {
        let section = parts.section();
        let tokenizer = read(&section);
        for (short, long) in texts(240).iter().zip(texts(2400)) {
            let each = |text: &str| work(tokenizer, text) as f64 / text.len() as f64;
            let (short, long, shown) = (
                each(short),
                each(&long),
                short.chars().take(6).collect::<String>(),
            );
            assert!(
                short >= 2.0,
                "{name}: {shown:?}…: {short:.1} a byte, and each is looked at"
            );
            assert!(short <= bound, "{name}: {shown:?}…: {short:.1} a byte");
            let growth = if name == "merges" { 2.0 } else { 1.4 };
            assert!(
                long <= growth * short + 2.0,
                "{name}: {shown:?}…: {short:.1} a byte, and {long:.1} where it is longer"
            );
        }
    }
}

#[test]
fn a_text_is_not_searched_for_added_tokens_where_there_are_none() {
    let mut parts = Parts::of_bytes(Split::Whole);
    let without = parts.section();
    parts.add("zz", PLAIN);
    let with = parts.section();
    let text = "ab".repeat(100);
    let searched = work(read(&with), &text) - work(read(&without), &text);
    assert!(searched >= 2 * text.len() as u64, "{searched}");
}
