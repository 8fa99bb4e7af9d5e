//! UF2, the format of boot loaders that look like a USB drive (microsoft.github.io/uf2,
//! specification of the format).

use super::Image;

/// Bytes of a block.
pub const UF2_BLOCK: usize = 512;
/// Data bytes of a block, of 476 that there is room for: what all boot loaders take.
const PAYLOAD: usize = 256;
/// The family of the chip stands where a file's size would.
const FAMILY_PRESENT: u32 = 0x2000;

/// The image as UF2 for chips of `family`, followed by the 0xFF of erased flash up to `bytes`, the
/// end of its last sector: boot loaders erase whole sectors, and that of the RP2040 needs all of
/// their blocks (RP2040 DS, erratum E14).
pub fn uf2(image: &Image, bytes: usize, family: u32) -> Vec<u8> {
    let blocks = bytes.max(image.bytes.len()).div_ceil(PAYLOAD);
    let payloads = image
        .bytes
        .chunks(PAYLOAD)
        .chain(std::iter::repeat(&[][..]));
    let mut file = Vec::with_capacity(blocks * UF2_BLOCK);
    for (number, payload) in (0..blocks as u32).zip(payloads) {
        let mut block = [0; UF2_BLOCK];
        let address = image.address + number * PAYLOAD as u32;
        let head = [
            0x0a32_4655,
            0x9e5d_5157,
            FAMILY_PRESENT,
            address,
            PAYLOAD as u32,
            number,
            blocks as u32,
            family,
        ];
        for (field, word) in block.chunks_exact_mut(4).zip(head) {
            field.copy_from_slice(&u32::to_le_bytes(word));
        }
        block[32..32 + PAYLOAD].fill(0xff);
        block[32..32 + payload.len()].copy_from_slice(payload);
        block[UF2_BLOCK - 4..].copy_from_slice(&u32::to_le_bytes(0x0ab1_6f30));
        file.extend_from_slice(&block);
    }
    file
}
