//! Addresses on the command line, and the parts of a firmware that a model must not touch.

use std::path::Path;

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};
use sla_converter::files;
use sla_converter::image::region::{ADDRESSES, Named, Region};

use super::failure::{Failure, Outcome, fail};

/// An address in decimal or, after 0x, in hexadecimal digits, with underscores as one likes.
pub(super) fn address(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    let parsed = match plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => plain.parse(),
    };
    parsed.map_err(|_| "it must be an address such as 0x08080000".into())
}

/// The family of UF2 files: 32 bits.
pub(super) fn family(text: &str) -> Result<u32, String> {
    let number = address(text).ok().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| "it must be a number of 32 bits such as 0xe48bff56".into())
}

/// The loadable segments of the ELF file at `path`, at the addresses where they lie in flash.
pub(super) fn firmware(path: &Path) -> Outcome<Vec<Named>> {
    let shown = path.display();
    let bytes = files::read(path).map_err(|e| Failure::Error(format!("{shown}: {e}")))?;
    let not_elf = |e: object::Error| {
        Failure::Error(format!("{shown}: no 32-bit ELF file of a firmware: {e}; give the linker's output"))
    };
    let header = elf::FileHeader32::<Endianness>::parse(&*bytes).map_err(not_elf)?;
    let endian = header.endian().map_err(not_elf)?;
    let segments = header.program_headers(endian, &*bytes).map_err(not_elf)?;
    let mut parts = Vec::new();
    for segment in segments.iter().filter(|s| s.p_type(endian) == elf::PT_LOAD && s.p_filesz(endian) > 0) {
        let region = Region::new(segment.p_paddr(endian).into(), segment.p_filesz(endian).into());
        if segment.data(endian, &*bytes).is_err() {
            return fail(format!("{shown}: cut off before the end of a segment; link the firmware again"));
        }
        if !ADDRESSES.contains(&region) {
            return fail(format!(
                "{shown}: a segment at {:#x} to {:#x} is beyond the 32-bit addresses; give the linker's output for the chip",
                region.start, region.end
            ));
        }
        parts.push(Named { name: format!("the firmware {shown}"), region });
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
    use super::address;

    #[test]
    fn addresses_are_read() {
        assert_eq!(address("0x0808_0000"), Ok(0x0808_0000));
        assert_eq!(address("4096"), Ok(4096));
        for wrong in ["", "0x", "08g", "-1", "0x1_0000_0000_0000_0000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
