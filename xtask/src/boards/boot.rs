//! What makes a chip start an image: the words that its processor or its boot ROM looks for.

use anyhow::{Context, Result, bail, ensure};

use super::list::Map;

/// How a chip finds the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// A vector table at the beginning of the flash.
    Vectors,
    /// A second stage with its CRC, then a vector table (RP2040 DS 2.8.1.3).
    SecondStage,
    /// An image definition in the first 4 KiB (RP2350 DS 5.9).
    ImageDefinition {
        /// For the RISC-V cores, which enter at the first byte; the Arm ones read a vector table
        /// there.
        is_riscv: bool,
    },
    /// A description of the application at the beginning of its data (ESP-IDF, `esp_app_desc_t`).
    AppDescriptor,
}

/// Length of the second stage, its CRC included.
const SECOND_STAGE_BYTES: usize = 256;
/// How far the boot ROM looks for an image definition.
const DEFINITION_BYTES: u64 = 4096;
/// Begin and end of a block (RP2350 DS 5.1.5.1).
const BLOCK: [u32; 2] = [0xffff_ded3, 0xab12_3579];
/// `ESP_APP_DESC_MAGIC_WORD`.
const DESCRIPTION: u32 = 0xabcd_5432;
/// Header of the image file and of a segment, which keeps both windows of the flash in step.
const ESP_HEADER_BYTES: u64 = 0x20;

impl Boot {
    /// Checks what `read` gives of the image at an address: `read(address, count)` are bytes, none
    /// where the image has no byte. `entry` is the ELF file's entry point.
    pub fn check(
        self,
        map: &Map,
        entry: u64,
        read: &dyn Fn(u64, usize) -> Option<Vec<u8>>,
    ) -> Result<()> {
        let start = map.flash.first().context("a map without flash")?.start;
        match self {
            Self::Vectors => vectors(map, start, entry, read),
            Self::SecondStage => {
                let stage = read(start, SECOND_STAGE_BYTES).context("no second boot stage")?;
                second_stage(&stage)?;
                vectors(map, start + SECOND_STAGE_BYTES as u64, entry, read)
            }
            Self::ImageDefinition { is_riscv } => {
                definition(start, is_riscv, read)?;
                match is_riscv {
                    true => {
                        ensure!(
                            entry == start,
                            "the entry point {entry:#x} is not the first byte of the flash"
                        );
                        Ok(())
                    }
                    false => vectors(map, start, entry, read),
                }
            }
            Self::AppDescriptor => {
                let address = start + ESP_HEADER_BYTES;
                let word = read(address, 4).and_then(|bytes| words(&bytes).first().copied());
                ensure!(
                    word == Some(DESCRIPTION),
                    "no application descriptor at {address:#x}"
                );
                Ok(())
            }
        }
    }
}

/// Stack pointer and reset vector.
fn vectors(
    map: &Map,
    address: u64,
    entry: u64,
    read: &dyn Fn(u64, usize) -> Option<Vec<u8>>,
) -> Result<()> {
    let table =
        words(&read(address, 8).with_context(|| format!("no vector table at {address:#x}"))?);
    let &[stack, reset] = table.as_slice() else {
        bail!("half a vector table")
    };
    let (stack, reset) = (u64::from(stack), u64::from(reset));
    ensure!(
        stack % 8 == 0 && map.ram.start < stack && stack <= map.ram.end,
        "the stack begins at {stack:#x}, outside the RAM, or askew"
    );
    ensure!(
        reset % 2 == 1,
        "the reset vector {reset:#x} is no Thumb address"
    );
    ensure!(
        reset == entry | 1,
        "the reset vector is {reset:#x}, the entry point {entry:#x}"
    );
    ensure!(
        map.flash.iter().any(|flash| flash.contains(&(reset - 1))),
        "the reset vector {reset:#x} is not in the flash"
    );
    Ok(())
}

/// The boot ROM's CRC: CRC-32/MPEG-2 of all but the last word, which holds it.
fn second_stage(stage: &[u8]) -> Result<()> {
    let (code, stored) = stage.split_last_chunk::<4>().context("no CRC")?;
    let (found, stored) = (crc32_mpeg2(code), u32::from_le_bytes(*stored));
    ensure!(
        found == stored,
        "the second boot stage has the CRC {found:08x}, stored is {stored:08x}"
    );
    Ok(())
}

fn crc32_mpeg2(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| match crc >> 31 {
            0 => crc << 1,
            _ => crc << 1 ^ 0x04c1_1db7,
        })
    })
}

/// A block of one image type item: an executable for this chip and these cores, in a ring of
/// itself.
fn definition(
    start: u64,
    is_riscv: bool,
    read: &dyn Fn(u64, usize) -> Option<Vec<u8>>,
) -> Result<()> {
    let found = (start..start + DEFINITION_BYTES)
        .step_by(4)
        .find_map(|address| {
            let block = words(&read(address, 20)?);
            (block.first() == Some(&BLOCK[0])).then_some(block)
        });
    let block = found
        .with_context(|| format!("no image definition in the first {DEFINITION_BYTES} bytes"))?;
    // Item IMAGE_TYPE of one word: executable, secure, RP2350, and the kind of core.
    let item = 0x1021_0142 | if is_riscv { 0x0100_0000 } else { 0 };
    // Item LAST, which tells the one word before it; then the distance to the next block.
    let expected = [BLOCK[0], item, 0x0000_01ff, 0, BLOCK[1]];
    ensure!(
        block == expected,
        "the image definition is {block:08x?}, not {expected:08x?}"
    );
    Ok(())
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x1000_0000;

    fn map() -> Map {
        Map {
            flash: std::iter::once(START..START + 0x1000).collect(),
            model: 0..0,
            ram: 0x2000_0000..0x2000_1000,
        }
    }

    /// What `boot` says of an image that begins with these words.
    fn verdict(boot: Boot, entry: u64, image: &[u32]) -> Result<()> {
        let bytes: Vec<u8> = image.iter().flat_map(|word| word.to_le_bytes()).collect();
        boot.check(&map(), entry, &|address, count| {
            let at = usize::try_from(address.checked_sub(START)?).ok()?;
            bytes.get(at..at + count).map(<[u8]>::to_vec)
        })
    }

    #[test]
    fn vectors_point_into_ram_and_flash() {
        let boot = Boot::Vectors;
        let entry = START + 0x101;
        let good = [0x2000_1000, 0x1000_0101];
        assert!(verdict(boot, entry, &good).is_ok());
        for bad in [
            [0x2000_1008, good[1]],
            [0x2000_0ffc, good[1]],
            [0x2000_0000, good[1]],
            [good[0], 0x1000_0100],
            [good[0], 0x1000_0103],
        ] {
            assert!(verdict(boot, entry, &bad).is_err(), "{bad:x?}");
        }
        assert!(verdict(boot, 0x3000_0001, &[good[0], 0x3000_0001]).is_err());
        assert!(verdict(boot, entry, &[good[0]]).is_err());
    }

    #[test]
    fn the_crc_is_the_boot_roms() {
        // The check value of CRC-32/MPEG-2.
        assert_eq!(crc32_mpeg2(b"123456789"), 0x0376_e6e7);
        let mut stage: Vec<u8> = (0..252).map(|byte| byte as u8).collect();
        stage.extend(crc32_mpeg2(&stage).to_le_bytes());
        assert!(second_stage(&stage).is_ok());
        stage[100] ^= 1;
        assert!(second_stage(&stage).is_err());
    }

    #[test]
    fn a_definition_is_for_one_kind_of_core() {
        let block = [0xffff_ded3, 0x1121_0142, 0x0000_01ff, 0, 0xab12_3579];
        let at = |place: usize| [vec![0; place], block.to_vec()].concat();
        let riscv = Boot::ImageDefinition { is_riscv: true };
        assert!(verdict(riscv, START, &at(0)).is_ok() && verdict(riscv, START, &at(1019)).is_ok());
        assert!(verdict(riscv, START, &at(1024)).is_err(), "beyond 4 KiB");
        assert!(
            verdict(riscv, START + 4, &at(3)).is_err(),
            "enters elsewhere"
        );
        let arm = Boot::ImageDefinition { is_riscv: false };
        assert!(
            verdict(
                arm,
                START + 0x101,
                &[vec![0x2000_1000, 0x1000_0101], block.to_vec()].concat()
            )
            .is_err()
        );
    }

    #[test]
    fn a_descriptor_is_where_the_boot_loader_looks() {
        let image = [[0; 8].as_slice(), &[DESCRIPTION]].concat();
        assert!(verdict(Boot::AppDescriptor, 0, &image).is_ok());
        assert!(verdict(Boot::AppDescriptor, 0, &image[1..]).is_err());
    }
}
