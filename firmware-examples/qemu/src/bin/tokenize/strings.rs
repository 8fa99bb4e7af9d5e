//! Strings to try a tokenizer on, the same on every machine: characters of all kinds, words, runs,
//! added tokens.

/// Longest string in bytes.
pub const STRING_BYTES: usize = 256;

const WORDS: [&str; 40] = [
    "the",
    "The",
    " the",
    " and",
    "ing",
    " King",
    "Romeo",
    "'s",
    "'S",
    "'re",
    "'LL",
    "'ſ",
    "don't",
    "I'VE",
    " 'tis",
    "\n",
    "\r\n",
    "\n\n",
    "    ",
    "\t\t",
    " \n ",
    "fn main() {",
    "let x = 10;",
    "https://",
    "0x1F",
    "3.14159",
    "2026",
    "naïve",
    "Straße",
    "Привет",
    "世界",
    "こんにちは",
    "한국어",
    "مرحبا",
    "שלום",
    "नमस्ते",
    "👩‍👩‍👧‍👦",
    "e\u{301}",
    "<|endoftext|>",
    "</s>",
];
const SPACES: [char; 12] = [
    ' ', ' ', ' ', '\n', '\r', '\t', '\u{b}', '\u{85}', '\u{a0}', '\u{2003}', '\u{2028}',
    '\u{3000}',
];
/// First and last code point of ranges that strings are drawn from.
const RANGES: [(u32, u32); 24] = [
    (0x61, 0x7A),
    (0x61, 0x7A),
    (0x41, 0x5A),
    (0x30, 0x39),
    (0x21, 0x2F),
    (0x3A, 0x40),
    (0x5B, 0x60),
    (0x00, 0x1F),
    (0x7F, 0xFF),
    (0x100, 0x24F),
    (0x300, 0x36F),
    (0x370, 0x52F),
    (0x590, 0x6FF),
    (0x900, 0x97F),
    (0x660, 0x669),
    (0x2000, 0x206F),
    (0x2150, 0x218F),
    (0x2581, 0x2581),
    (0x3040, 0x30FF),
    (0x4E00, 0x4FFF),
    (0xAC00, 0xAD00),
    (0x1F300, 0x1F6FF),
    (0x10000, 0x1FFFF),
    (0x0, 0x10FFFF),
];

/// A source of strings; the next follows from the seed alone.
pub struct Strings {
    seed: u64,
}

impl Strings {
    /// The strings of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u32) -> u32 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.seed >> 33) % u64::from(limit.max(1))) as u32
    }

    /// Writes the next string into `buffer`.
    pub fn next<'b>(&mut self, buffer: &'b mut [u8; STRING_BYTES]) -> &'b str {
        let (mut len, parts) = (0, self.below(24));
        // Half of the strings keep to a few ranges, as text of one language does.
        let home = self.below(2 * RANGES.len() as u32) as usize;
        for _ in 0..parts {
            match self.below(8) {
                0 | 1 => {
                    let word = WORDS
                        .get(self.below(WORDS.len() as u32) as usize)
                        .copied()
                        .unwrap_or("");
                    append(buffer, &mut len, word);
                }
                2 => {
                    let space = SPACES
                        .get(self.below(SPACES.len() as u32) as usize)
                        .copied()
                        .unwrap_or(' ');
                    let run = if self.below(4) == 0 {
                        self.below(12)
                    } else {
                        1
                    };
                    for _ in 0..run {
                        append(buffer, &mut len, space.encode_utf8(&mut [0; 4]));
                    }
                }
                3 => append(buffer, &mut len, " "),
                _ => {
                    let any = self.below(RANGES.len() as u32) as usize;
                    let (first, last) = RANGES
                        .get(home)
                        .or(RANGES.get(any))
                        .copied()
                        .unwrap_or((0x61, 0x7A));
                    for _ in 0..=self.below(4) {
                        let c = char::from_u32(first + self.below(last - first + 1))
                            .unwrap_or('\u{fffd}');
                        append(buffer, &mut len, c.encode_utf8(&mut [0; 4]));
                    }
                }
            }
        }
        core::str::from_utf8(buffer.get(..len).unwrap_or(&[])).unwrap_or("")
    }
}

/// Appends what still fits.
fn append(buffer: &mut [u8], len: &mut usize, text: &str) {
    if let Some(place) = buffer.get_mut(*len..*len + text.len()) {
        place.copy_from_slice(text.as_bytes());
        *len += text.len();
    }
}
