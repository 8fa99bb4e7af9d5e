//! Families of UF2 files by the names of the format's published list (github.com/microsoft/uf2,
//! utils/uf2families.json).

use crate::names;

/// Name and number, in the order of the names.
pub const FAMILIES: &[(&str, u32)] = &[
    ("AT32F415", 0xa0c9_7b8e),
    ("ATMEGA32", 0x1657_3617),
    ("BK7231N", 0x7b3e_f230),
    ("BK7231U", 0x675a_40b0),
    ("BK7251", 0x6a82_cc42),
    ("BL602", 0xde12_70b7),
    ("CH32V", 0x699b_62ec),
    ("CSK4", 0x4f6a_ce52),
    ("CSK6", 0x6e73_48a8),
    ("ESP32", 0x1c5f_21b0),
    ("ESP32C2", 0x2b88_d29c),
    ("ESP32C3", 0xd42b_a06c),
    ("ESP32C5", 0xf71c_0343),
    ("ESP32C6", 0x540d_df62),
    ("ESP32C61", 0x77d8_50c4),
    ("ESP32H2", 0x3327_26f6),
    ("ESP32P4", 0x3d30_8e94),
    ("ESP32S2", 0xbfdd_4eee),
    ("ESP32S3", 0xc47e_5767),
    ("ESP8266", 0x7eab_61ed),
    ("FX2", 0x5a18_069b),
    ("GD32F350", 0x31d2_28c6),
    ("GD32VF103", 0x9af0_3e33),
    ("KL32L2", 0x7f83_e793),
    ("LPC55", 0x2abc_77ec),
    ("M0SENSE", 0x11de_784a),
    ("MaixPlay-U4", 0x4b68_4d71),
    ("MIMXRT10XX", 0x4fb2_d5bd),
    ("NRF52", 0x1b57_745f),
    ("NRF52832xxAA", 0x7272_1d4e),
    ("NRF52832xxAB", 0x6f75_2678),
    ("NRF52833", 0x621e_937a),
    ("NRF52840", 0xada5_2840),
    ("RA4M1", 0x7be8_976d),
    ("RP2040", 0xe48b_ff56),
    ("RP2350_ARM_NS", 0xe48b_ff5b),
    ("RP2350_ARM_S", 0xe48b_ff59),
    ("RP2350_RISCV", 0xe48b_ff5a),
    ("RP2XXX_ABSOLUTE", 0xe48b_ff57),
    ("RP2XXX_DATA", 0xe48b_ff58),
    ("RTL8710A", 0x9fff_d543),
    ("RTL8710B", 0x22e0_d6fc),
    ("RTL8720C", 0xe08f_7564),
    ("RTL8720D", 0x3379_cfe2),
    ("RZA1LU", 0x9517_422f),
    ("SAMD21", 0x68ed_2b88),
    ("SAMD51", 0x5511_4460),
    ("SAML21", 0x1851_780a),
    ("STM32F0", 0x6478_24b6),
    ("STM32F1", 0x5ee2_1072),
    ("STM32F2", 0x5d1a_0a2e),
    ("STM32F3", 0x6b84_6188),
    ("STM32F4", 0x5775_5a57),
    ("STM32F407", 0x6d09_22fa),
    ("STM32F407VG", 0x8fb0_60fe),
    ("STM32F411xC", 0x06d1_097b),
    ("STM32F411xE", 0x2dc3_09c5),
    ("STM32F7", 0x53b8_0f00),
    ("STM32G0", 0x300f_5633),
    ("STM32G4", 0x4c71_240a),
    ("STM32H5", 0x4e8f_1c5d),
    ("STM32H7", 0x6db6_6082),
    ("STM32L0", 0x202e_3a91),
    ("STM32L1", 0x1e1f_432d),
    ("STM32L4", 0x00ff_6919),
    ("STM32L5", 0x0424_0bdf),
    ("STM32WB", 0x70d1_6653),
    ("STM32WL", 0x2146_0ff0),
    ("XR809", 0x51e9_03a8),
];

/// The family of that name, whatever its case and dashes.
pub fn family(name: &str) -> Option<u32> {
    let wanted = names::plain(name);
    FAMILIES
        .iter()
        .find(|(name, _)| names::plain(name) == wanted)
        .map(|&(_, id)| id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::Chip;

    #[test]
    fn families_have_names() {
        for (name, id) in [
            ("rp2040", 0xe48b_ff56),
            ("RP2350_ARM_S", 0xe48b_ff59),
            ("rp2350-riscv", 0xe48b_ff5a),
            ("STM32F4", 0x5775_5a57),
        ] {
            assert_eq!(family(name), Some(id), "{name}");
        }
        assert_eq!([family("rp2041"), family("")], [None; 2]);
        let distinct: BTreeSet<u32> = FAMILIES.iter().map(|&(_, id)| id).collect();
        assert_eq!(distinct.len(), FAMILIES.len());
    }

    #[test]
    fn a_chip_has_a_family_of_its_maker() {
        for chip in Chip::all() {
            let Some(id) = chip.uf2_family else { continue };
            let (name, _) = FAMILIES
                .iter()
                .find(|family| family.1 == id)
                .expect("a published family");
            // RP2350_ARM_S is for the RP2350, STM32F4 for the STM32F405.
            let of_chip = name
                .split('_')
                .next()
                .is_some_and(|family| chip.name.to_uppercase().starts_with(family));
            assert!(of_chip, "{}: {name}", chip.name);
        }
    }
}
