//! Work a byte is bounded, whatever text and section are: counted, not timed.
use super::*;

/// What encoding a text looks at.
fn work(tokenizer: Tokenizer, text: &str) -> u64 {
    let mut ids = vec![0; encode_words(text.len())];
    let before = WORK.get();
    for control in [ControlTokens::AsText, ControlTokens::Parse] {
        tokenizer.encode(text, Template::Add, control, &mut ids).expect("room for every text");
    }
    WORK.get() - before
}

/// Characters of every class and of every added token.
const ALPHABET: [&str; 13] = [" ", "\t", "\n", "\r", "a", "b", "1", "!", "'s", "<", "|", "世", "\u{3000}"];

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

fn sections() -> Vec<(String, Parts)> {
    let mut sections = Vec::new();
    let base = |split| {
        let mut parts = match split {
            Split::Spaces | Split::Words => Parts::of_characters("ab1!<| "),
            _ => Parts::of_bytes(split),
        };
        parts.split = split;
        parts
    };
    let splits =
        [Split::Whole, Split::Gpt2, Split::Llama3, Split::Qwen2, Split::DigitsGpt2, Split::Spaces, Split::Words];
    for split in splits {
        sections.push((format!("{split:?}"), base(split)));
    }
    for (lstrip, rstrip, normalized) in
        [(true, false, false), (false, true, false), (true, true, false), (true, false, true), (false, true, true)]
    {
        for content in [" ", "a", "<"] {
            let mut parts = base(Split::Gpt2);
            parts.add(content, AddedToken { lstrip, rstrip, normalized, ..PLAIN });
            sections.push((format!("{content:?}, lstrip {lstrip}, rstrip {rstrip}, normalized {normalized}"), parts));
        }
    }
    for (count, flags) in [(16, SPECIAL), (250, SPECIAL), (2000, PLAIN), (250, AddedToken { normalized: true, ..PLAIN })] {
        let mut parts = base(Split::Gpt2);
        for at in 0..count {
            parts.add(&format!("<|reserved_special_token_{at}|>"), flags);
        }
        sections.push((format!("{count} tokens that begin alike"), parts));
    }
    let mut long = base(Split::Gpt2);
    for end in ["x", "y"] {
        long.add(&["<".repeat(200).as_str(), end].concat(), PLAIN);
    }
    sections.push(("long tokens".into(), long));
    sections
}

/// What is looked at for a byte at most, in both ways of encoding together: the merges of a pre-token of `bytes` bytes take a
/// search a level of their tree; where an added token may begin, its bytes and two binary searches (F11.6).
#[test]
fn work_a_byte_is_bounded() {
    for (name, parts) in sections() {
        let section = parts.section();
        let tokenizer = read(&section);
        for (short, long) in texts(600).iter().zip(texts(6000)) {
            let (work, more) = (work(tokenizer, short), work(tokenizer, &long));
            let each = |work: u64, text: &str| work as f64 / text.len() as f64;
            let (a, b) = (each(work, short), each(more, &long));
            assert!(b <= 1.2 * a + 2.0, "{name}: {:?}…: {a:.1} a byte, and {b:.1} where it is longer", &short[..12]);
            let bound = if name.contains("long") { 500.0 } else { 80.0 };
            assert!(a <= bound, "{name}: {:?}…: {a:.1} a byte", short.chars().take(12).collect::<String>());
        }
    }
}
