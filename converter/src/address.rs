//! Addresses on the command line, and the parts of a firmware that a model must not touch.

use std::path::Path;

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};
use sla_checkpoint::files;
use sla_chips::image::region::{ADDRESSES, Named, Region};
use sla_chips::{image, names};

use super::failure::{Failure, Outcome, fail};

/// A number in decimal or, after 0x, in hexadecimal digits, with underscores as one likes; else
/// what it should be.
fn number(text: &str, rule: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    let is_hex = !plain.is_empty() && plain.chars().all(|c| c.is_ascii_hexdigit());
    let hexadecimal = plain
        .strip_prefix("0x")
        .or_else(|| plain.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((plain.as_str(), 10), |digits| (digits, 16));
    let parsed = u64::from_str_radix(digits, radix)
        .ok()
        .filter(|_| !digits.starts_with('+'));
    parsed.ok_or_else(|| match is_hex {
        true => format!("it must be {rule}; hexadecimal digits stand behind 0x, as in 0x{plain}"),
        false => format!("it must be {rule}"),
    })
}

/// An address. Digits that would place a model in hexadecimal as well are refused.
pub(super) fn address(text: &str) -> Result<u64, String> {
    let address = number(text, "an address such as 0x08080000")?;
    // A hexadecimal number that ends in 0 is a multiple of 16.
    let is_ambiguous =
        address > 9 && text.ends_with('0') && !text.starts_with("0x") && !text.starts_with("0X");
    match is_ambiguous {
        true => Err(format!(
            "is that hexadecimal? write 0x{text} if so, or {address:#x} for the decimal number"
        )),
        false => Ok(address),
    }
}

/// The family of UF2 files: a name of the published list, or a number of 32 bits.
pub(super) fn family(text: &str) -> Result<u32, String> {
    const RULE: &str = "a number of 32 bits such as 0xe48bff56, or a name such as RP2040";
    if let Some(id) = image::family(text) {
        return Ok(id);
    }
    match number(text, RULE) {
        Ok(number) => u32::try_from(number).map_err(|_| format!("it must be {RULE}")),
        Err(_)
            if text.starts_with(|c: char| c.is_ascii_alphabetic())
                && u32::from_str_radix(text, 16).is_err() =>
        {
            let known = names::nearest(text, image::FAMILIES.iter().map(|&(name, _)| name));
            Err(format!(
                "no family has this name; the known ones, nearest first: {known}"
            ))
        }
        Err(reason) => Err(reason),
    }
}

/// The loadable segments of the ELF file at `path`, at the addresses where they lie in flash.
pub(super) fn firmware(path: &Path) -> Outcome<Vec<Named>> {
    let shown = path.display();
    let bytes = files::read(path).map_err(|e| Failure::Error(format!("{shown}: {e}")))?;
    let not_elf = |e: object::Error| {
        Failure::Error(format!(
            "{shown}: no 32-bit ELF file of a firmware: {e}; give the linker's output"
        ))
    };
    let header = elf::FileHeader32::<Endianness>::parse(&*bytes).map_err(not_elf)?;
    let endian = header.endian().map_err(not_elf)?;
    let segments = header.program_headers(endian, &*bytes).map_err(not_elf)?;
    let mut parts = Vec::new();
    for segment in segments
        .iter()
        .filter(|s| s.p_type(endian) == elf::PT_LOAD && s.p_filesz(endian) > 0)
    {
        let region = Region::new(
            segment.p_paddr(endian).into(),
            segment.p_filesz(endian).into(),
        );
        if segment.data(endian, &*bytes).is_err() {
            return fail(format!(
                "{shown}: cut off before the end of a segment; link the firmware again"
            ));
        }
        if !ADDRESSES.contains(&region) {
            return fail(format!(
                "{shown}: a segment at {:#x} to {:#x} is beyond the 32-bit addresses; give the linker's output for the chip",
                region.start, region.end
            ));
        }
        parts.push(Named {
            name: format!("the firmware {shown}"),
            region,
        });
    }
    if parts.is_empty() {
        return fail(format!(
            "{shown}: an ELF file without a loadable segment, as an object file is; give the linker's output"
        ));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::{address, family};

    #[test]
    fn addresses_are_read() {
        assert_eq!(address("0x0808_0000"), Ok(0x0808_0000));
        assert_eq!(address("4096"), Ok(4096));
        assert_eq!(
            [address("0"), address("0x0"), address("0X10")],
            [Ok(0), Ok(0), Ok(16)]
        );
        for wrong in ["", "0x", "08g", "-1", "+16", "0x1_0000_0000_0000_0000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn digits_that_may_be_hexadecimal_are_refused() {
        for (digits, decimal) in [
            ("8000000", "0x7a1200"),
            ("08000000", "0x7a1200"),
            ("20000", "0x4e20"),
            ("10", "0xa"),
        ] {
            let error = address(digits).unwrap_err();
            assert!(
                error.contains(&format!("0x{digits} if so")) && error.contains(decimal),
                "{error}"
            );
        }
        let error = address("0801F000").unwrap_err();
        assert!(error.ends_with("as in 0x0801F000"), "{error}");
    }

    #[test]
    fn families_are_names_or_numbers() {
        for text in [
            "rp2040",
            "RP2040",
            "0xe48bff56",
            "0xE48B_FF56",
            "3834380118",
        ] {
            assert_eq!(family(text), Ok(0xe48b_ff56), "{text}");
        }
        assert_eq!([family("7"), family("10")], [Ok(7), Ok(10)]);
        let error = family("rp2041").unwrap_err();
        assert!(
            error.contains("nearest first: RP2040, ") && error.contains(" in all)"),
            "{error}"
        );
        assert!(
            family("e48bff56")
                .unwrap_err()
                .ends_with("as in 0xe48bff56")
        );
        assert!(family("0x100000000").unwrap_err().contains("32 bits"));
    }
}
