//! Typed, named access to `config.json` as Python writes it.

use std::path::Path;

use serde_json::{Map, Value};

use super::CheckpointError;
use crate::files;
use crate::foreign;

/// Longer files are no configs.
const MAX_BYTES: u64 = 64 << 20;
/// Marks the strings that stand for Python's bare `NaN` and `Infinity`, which JSON does not know.
const BARE: char = '\u{1}';
/// Upper limit of every size in a config: far above any model, far below any overflow.
pub(super) const MAX_SIZE: u64 = 1 << 24;

/// Reads `config.json` in `dir`.
pub(super) fn read_config(dir: &Path) -> Result<Keys, CheckpointError> {
    Ok(Keys {
        path: String::new(),
        map: read_object(&dir.join("config.json"))?,
    })
}

/// Reads a file that holds a JSON object.
pub(super) fn read_object(path: &Path) -> Result<Map<String, Value>, CheckpointError> {
    parse_object(&read_text(path)?).map_err(|reason| CheckpointError::Json {
        path: path.into(),
        reason,
    })
}

/// The text of a JSON file.
pub(crate) fn read_text(path: &Path) -> Result<String, CheckpointError> {
    let io = |source| CheckpointError::Io {
        path: path.into(),
        source,
    };
    let json = |reason: String| CheckpointError::Json {
        path: path.into(),
        reason,
    };
    let raw = files::read_regular(path, MAX_BYTES).map_err(io)?;
    if raw.len() as u64 > MAX_BYTES {
        return Err(json(format!(
            "more than {MAX_BYTES} bytes, which none has; fetch it again"
        )));
    }
    let text = String::from_utf8(raw).map_err(|e| match foreign::what(e.as_bytes()) {
        Some(what) => json(format!("not JSON but {what}")),
        None => json(format!("not UTF-8: {e}")),
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(String::from)
        .unwrap_or(text))
}

/// Parses a JSON object, with Python's `NaN`, `Infinity` and `-Infinity` allowed as values.
pub(crate) fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(&quote_bare(text)) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(format!(
            "holds {} where a JSON object belongs",
            brief(&other)
        )),
        Err(e) => {
            let begins_well = text.trim_start().starts_with(['{', '[']);
            Err(
                match foreign::what(text.as_bytes()).filter(|_| !begins_well) {
                    Some(what) => format!("not JSON but {what}"),
                    None => format!("not JSON: {e}"),
                },
            )
        }
    }
}

/// Turns bare `NaN`, `Infinity` and `-Infinity` outside strings into marked strings.
fn quote_bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(c) = rest.chars().next() {
        if in_string {
            // An escape is two characters long as far as finding the closing quote goes.
            let len = if c == '\\' {
                1 + rest[1..].chars().next().map_or(0, char::len_utf8)
            } else {
                c.len_utf8()
            };
            out.push_str(&rest[..len]);
            in_string = c != '"';
            rest = &rest[len..];
            continue;
        }
        if let Some(word) = ["NaN", "Infinity", "-Infinity"]
            .into_iter()
            .find(|w| rest.starts_with(w))
        {
            out.push_str("\"\\u0001");
            out.push_str(word);
            out.push('"');
            rest = &rest[word.len()..];
            continue;
        }
        in_string = c == '"';
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// A value on one line, at most about 60 characters.
pub(crate) fn brief(value: &Value) -> String {
    let text = match value {
        Value::String(s) if s.starts_with(BARE) => s[1..].to_string(),
        Value::Array(list) if list.len() > 16 => format!("[{} values]", list.len()),
        other => other.to_string(),
    };
    let short: String = if text.chars().count() <= 60 {
        text
    } else {
        text.chars().take(57).chain("...".chars()).collect()
    };
    // JSON escapes only the first 32 control characters, and a terminal obeys the others too.
    let escaped = |c: char| {
        if c.is_control() {
            c.escape_default().collect()
        } else {
            String::from(c)
        }
    };
    short.chars().map(escaped).collect()
}

/// The keys of one JSON object.
pub(super) struct Keys {
    /// Prefix for messages: empty or `sla.`.
    path: String,
    map: Map<String, Value>,
}

impl Keys {
    /// All keys, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.map.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The value; `None` when absent or null.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    /// Whether the key is there, null or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The value, shortened, for a message.
    pub(super) fn show(&self, key: &str) -> String {
        self.map.get(key).map_or_else(|| "absent".into(), brief)
    }

    /// A refusal that names the key and its value.
    pub(super) fn bad(&self, key: &str, reason: impl Into<String>) -> CheckpointError {
        CheckpointError::BadValue {
            key: self.full(key),
            value: self.show(key),
            reason: reason.into(),
        }
    }

    /// A refusal of something that exists but cannot be converted.
    pub(super) fn unsupported(&self, key: &str, reason: impl Into<String>) -> CheckpointError {
        CheckpointError::Unsupported {
            key: self.full(key),
            value: self.show(key),
            reason: reason.into(),
        }
    }

    fn full(&self, key: &str) -> String {
        format!("{}{}", self.path, key.escape_debug())
    }

    /// A nested object; `None` when absent or null.
    pub(super) fn object(&self, key: &str) -> Result<Option<Keys>, CheckpointError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Keys {
                path: format!("{}{key}.", self.path),
                map: map.clone(),
            })),
            Some(_) => Err(self.bad(key, "must be an object or null")),
        }
    }

    /// A present value by `read`, or `None` when the key is absent; a null is refused.
    fn typed<'a, T>(
        &'a self,
        key: &str,
        rule: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, CheckpointError> {
        self.map
            .get(key)
            .map(|v| read(v).ok_or_else(|| self.bad(key, format!("must be {rule}"))))
            .transpose()
    }

    /// An integer in `1..=MAX_SIZE`.
    pub(super) fn size(&self, key: &str) -> Result<Option<usize>, CheckpointError> {
        let rule = format!("an integer in 1..={MAX_SIZE}");
        self.typed(key, &rule, |v| {
            v.as_u64()
                .filter(|n| (1..=MAX_SIZE).contains(n))
                .and_then(|n| usize::try_from(n).ok())
        })
    }

    /// As [`Keys::size`], and null is the same as absent.
    pub(super) fn size_or_null(&self, key: &str) -> Result<Option<usize>, CheckpointError> {
        if self.get(key).is_none() {
            Ok(None)
        } else {
            self.size(key)
        }
    }

    /// An integer ≥ 0 that fits a `u32`, or null or absent.
    pub(super) fn number_u32(&self, key: &str) -> Result<Option<u32>, CheckpointError> {
        if self.get(key).is_none() {
            return Ok(None);
        }
        self.typed(key, "an integer in 0..2^32", |v| {
            v.as_u64().and_then(|n| u32::try_from(n).ok())
        })
    }

    /// A boolean.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, CheckpointError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A finite number, integer or not.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, CheckpointError> {
        self.typed(key, "a finite number", |v| {
            v.as_f64().filter(|x| x.is_finite())
        })
    }

    /// A finite number > 0.
    pub(super) fn positive(&self, key: &str) -> Result<Option<f64>, CheckpointError> {
        self.typed(key, "a finite number > 0", |v| {
            v.as_f64().filter(|x| x.is_finite() && *x > 0.0)
        })
    }

    /// A string.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, CheckpointError> {
        self.typed(key, "a string", Value::as_str)
    }

    /// A list of `len` finite numbers, or null or absent.
    pub(super) fn numbers(
        &self,
        key: &str,
        len: usize,
    ) -> Result<Option<Vec<f64>>, CheckpointError> {
        if self.get(key).is_none() {
            return Ok(None);
        }
        let rule = format!("a list of {len} finite numbers");
        self.typed(key, &rule, |v| {
            let list = v.as_array().filter(|l| l.len() == len)?;
            list.iter()
                .map(|x| x.as_f64().filter(|x| x.is_finite()))
                .collect()
        })
    }

    /// Whether the value is Python's bare `-Infinity`.
    pub(super) fn is_minus_infinity(&self, key: &str) -> bool {
        self.get(key)
            .and_then(Value::as_str)
            .and_then(|s| s.strip_prefix(BARE))
            == Some("-Infinity")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_json_is_read() {
        let text = r#"{"a": NaN, "b": [1e-06, -Infinity, Infinity], "c": "NaN \" Infinity \\", "é": "\ud83d\ude00"}"#;
        let map = parse_object(text).unwrap();
        assert_eq!(brief(&map["a"]), "NaN");
        assert_eq!(brief(&map["b"][1]), "-Infinity");
        assert_eq!(map["c"], "NaN \" Infinity \\");
        assert_eq!(map["é"], "😀");
        for bad in ["", "[1]", "{\"a\":", "{\"a\": \"\\", "null", "{'a': 1}"] {
            let reason = parse_object(bad).unwrap_err();
            assert!(!reason.contains('\n'), "{reason}");
        }
    }

    #[test]
    fn long_values_are_shortened() {
        let list = Value::from(vec![1.5; 1000]);
        assert_eq!(brief(&list), "[1000 values]");
        assert_eq!(brief(&Value::from("x".repeat(500))).chars().count(), 60);
        assert_eq!(brief(&Value::from("a\nb")), r#""a\nb""#);
    }
}
