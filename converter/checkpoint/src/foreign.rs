//! Files that are not what their name says: what their first bytes are, and the way out.

/// As many first bytes as [`what`] looks at.
pub const HEAD_BYTES: usize = 512;

/// First bytes of a Git LFS pointer, and what it is.
const POINTER: (&[u8], &str) = (
    b"version https://git-lfs.github.com/spec/",
    "a Git LFS pointer: run `git lfs pull` in its folder",
);

const PICKLE: &str = "a pickle, as torch.save writes it, which is not read: save the model with safe_serialization=True";

/// First bytes, and what has them.
const MAGIC: [(&[u8], &str); 12] = [
    POINTER,
    (
        b"PK\x03\x04",
        "a zip archive, as torch.save writes it, which is not read: save the model with safe_serialization=True",
    ),
    (b"\x80\x02", PICKLE),
    (b"\x80\x03", PICKLE),
    (b"\x80\x04", PICKLE),
    (b"\x80\x05", PICKLE),
    (b"\x1f\x8b", "compressed by gzip: unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it"),
    (b"\xfd7zXZ\0", "compressed by xz: unpack it"),
    (b"BZh", "compressed by bzip2: unpack it"),
    (
        b"GGUF",
        "a GGUF file (llama.cpp's), which is not read: give the checkpoint that it was made from",
    ),
    (
        b"\x89HDF",
        "an HDF5 file, which is not read: save the model as safetensors",
    ),
];

/// What a file is that begins with `head` and could not be read as what it should be: words that
/// follow "but".
///
/// A valid file may begin like one of these (a safetensors file begins with a length), so ask only
/// after it was refused.
pub fn what(head: &[u8]) -> Option<String> {
    const TEXT: usize = 120;
    if head.is_empty() {
        return Some("empty: fetch it again".into());
    }
    if let Some((_, words)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some((*words).into());
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive: unpack it".into());
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii();
    if text.starts_with(b"<") {
        let page = "an HTML page: fetch the file itself (on Hugging Face /resolve/ in place of /blob/; a private one needs a login)";
        return Some(page.into());
    }
    let is_sentence = (8..=TEXT).contains(&text.len());
    let text = std::str::from_utf8(text)
        .ok()
        .filter(|t| is_sentence && !t.contains(char::is_control))?;
    Some(format!("the text {text:?}: fetch the file again"))
}

/// What a file with these bytes is that was given as text and is none: words that follow "but".
///
/// Only a pointer can be no text that is meant; a page may be.
pub fn not_text(bytes: &[u8]) -> Option<&'static str> {
    bytes.starts_with(POINTER.0).then_some(POINTER.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ones_are_known() {
        for (head, words) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n"[..],
                "git lfs pull",
            ),
            (b"<!DOCTYPE html>\n<html>", "HTML"),
            (b"\xef\xbb\xbf \n<html lang=\"en\">", "HTML"),
            (b"", "empty"),
            (b"Entry not found", "\"Entry not found\""),
            (
                b"{\"error\":\"Repository not found\"}",
                "Repository not found",
            ),
            (b"PK\x03\x04....", "zip"),
            (b"\x80\x02}q\0.", "pickle"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
            (b"GGUF\x03\0\0\0", "GGUF"),
        ] {
            let words_found = what(head).unwrap_or_default();
            assert!(
                words_found.contains(words) && !words_found.contains('\n'),
                "{words_found}"
            );
        }
        for head in [
            &b"{\"a\":1"[..],
            b"\x10\0\0\0\0\0\0\0{}",
            b"[1, 2]",
            b"\xff\xfe",
        ] {
            assert_eq!(what(head), None);
        }
    }

    #[test]
    fn a_page_may_be_a_text_and_a_pointer_is_none() {
        assert!(
            not_text(b"version https://git-lfs.github.com/spec/v1\noid")
                .is_some_and(|w| w.contains("git lfs pull"))
        );
        for text in [
            &b"version https://git-lfs.github.com/"[..],
            b"<!DOCTYPE html>",
            b"",
            b"PK\x03\x04",
        ] {
            assert_eq!(not_text(text), None);
        }
    }
}
