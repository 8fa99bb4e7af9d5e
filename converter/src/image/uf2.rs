//! UF2, the format of boot loaders that look like a USB drive (microsoft.github.io/uf2, specification of the format).

use super::Image;

/// Bytes of a block.
pub const UF2_BLOCK: usize = 512;
/// Data bytes of a block, of 476 that there is room for: what all boot loaders take.
pub const PAYLOAD: usize = 256;
/// The family of the chip stands where a file's size would.
const FAMILY_PRESENT: u32 = 0x2000;

/// The image as UF2 for chips of `family`. The last block is padded with the 0xFF of erased flash.
pub fn uf2(image: &Image, family: u32) -> Vec<u8> {
    let blocks = image.bytes.len().div_ceil(PAYLOAD) as u32;
    let mut file = Vec::with_capacity(blocks as usize * UF2_BLOCK);
    for (number, payload) in (0..).zip(image.bytes.chunks(PAYLOAD)) {
        let mut block = [0; UF2_BLOCK];
        let address = image.address + number * PAYLOAD as u32;
        let head = [0x0a32_4655, 0x9e5d_5157, FAMILY_PRESENT, address, PAYLOAD as u32, number, blocks, family];
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
