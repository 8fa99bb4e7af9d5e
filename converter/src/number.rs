//! Numbers on the command line: what is none is told what it should be.

use std::str::FromStr;

/// A whole number, else that it must be `rule`.
pub(super) fn whole<N: FromStr>(text: &str, rule: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("it must be {rule}"))
}

/// A number for which `valid` holds, else that it must be `rule`.
pub(super) fn number<N: FromStr + Copy>(
    text: &str,
    rule: &str,
    valid: impl Fn(N) -> bool,
) -> Result<N, String> {
    whole(text, rule).and_then(|value| {
        if valid(value) {
            Ok(value)
        } else {
            Err(format!("it must be {rule}"))
        }
    })
}
