//! Intel HEX.

use ihex::Record;

use super::Image;

/// Data bytes of a record.
const RECORD: usize = 32;

/// The image as Intel HEX with 32-bit addresses (records 00, 01 and 04).
///
/// # Panics
/// Never: no record is too long, and the last one ends the file.
pub fn hex(image: &Image) -> String {
    let mut records = Vec::new();
    let mut upper = None;
    let mut address = image.address;
    let mut rest = image.bytes;
    while !rest.is_empty() {
        if upper != Some(address >> 16) {
            upper = Some(address >> 16);
            records.push(Record::ExtendedLinearAddress((address >> 16) as u16));
        }
        // A record does not cross a border of 64 KiB: its offset would wrap.
        let room = (0x1_0000 - (address & 0xffff)) as usize;
        let (value, after) = rest.split_at(RECORD.min(room).min(rest.len()));
        records.push(Record::Data {
            offset: address as u16,
            value: value.to_vec(),
        });
        address = address.wrapping_add(value.len() as u32);
        rest = after;
    }
    records.push(Record::EndOfFile);
    let mut text =
        ihex::create_object_file_representation(&records).expect("records of 32 bytes, and an end");
    text.push('\n');
    text
}
