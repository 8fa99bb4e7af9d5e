//! Classes of characters, as the patterns of pre-tokenisers tell them apart: Unicode 16.0.

#[rustfmt::skip]
mod table;

/// A class of characters. Every character is of exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// None of the others.
    Other = 0,
    /// General category L: `\p{L}`.
    Letter = 1,
    /// General category N: `\p{N}`.
    Number = 2,
    /// White_Space: `\s`.
    Space = 3,
}

/// The characters of a plane in ranges.
struct Plane {
    /// Where each range starts; the first at 0.
    starts: &'static [u16],
    /// Classes of the ranges, four to a byte, the first in the lowest bits.
    classes: &'static [u8],
}

/// The class of a character. 11 comparisons at most.
#[must_use]
pub fn class(c: char) -> Class {
    let code = u32::from(c);
    match c {
        'a'..='z' | 'A'..='Z' => return Class::Letter,
        ' ' | '\t'..='\r' => return Class::Space,
        '0'..='9' => return Class::Number,
        _ if c.is_ascii() => return Class::Other,
        _ => {}
    }
    // Planes without a table have neither letters nor numbers nor spaces.
    let Some(plane) = table::PLANES.get((code >> 16) as usize) else {
        return Class::Other;
    };
    let low = (code & 0xFFFF) as u16;
    let range = plane
        .starts
        .partition_point(|&start| start <= low)
        .saturating_sub(1);
    match plane
        .classes
        .get(range / 4)
        .map_or(0, |four| four >> (2 * (range % 4)) & 3)
    {
        1 => Class::Letter,
        2 => Class::Number,
        3 => Class::Space,
        _ => Class::Other,
    }
}
