//! Names as people type them: whatever their case, dashes and underscores.

/// Letters and digits alone, in lower case.
pub fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// How far a known name is from the wanted one: edits, or 0 where one is a part of the other.
pub fn distance(known: &str, wanted: &str) -> usize {
    let (known, wanted) = (plain(known), plain(wanted));
    let is_part = wanted.len() >= 3 && (known.contains(&wanted) || wanted.contains(&known));
    if is_part {
        0
    } else {
        strsim::damerau_levenshtein(&known, &wanted)
    }
}

/// The known names, nearest to the wanted one first; of very many the nearest.
pub fn nearest<'n>(wanted: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    const SHOWN: usize = 16;
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_by_key(|name| distance(name, wanted));
    let more = if known.len() > SHOWN {
        format!(", … ({} in all)", known.len())
    } else {
        String::new()
    };
    known.truncate(SHOWN);
    known.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first() {
        assert_eq!(plain("nRF52840_xxAA"), "nrf52840xxaa");
        assert_eq!(
            nearest("rp-2041", ["STM32F4", "RP2350", "RP2040"]),
            "RP2040, RP2350, STM32F4"
        );
        assert_eq!(
            nearest("stm32f405re", ["RP2040", "STM32F405"]),
            "STM32F405, RP2040"
        );
        let many: Vec<String> = (10..30).map(|n| n.to_string()).collect();
        assert!(nearest("29", many.iter().map(String::as_str)).starts_with("29, "));
        assert!(nearest("29", many.iter().map(String::as_str)).ends_with(", … (20 in all)"));
    }
}
