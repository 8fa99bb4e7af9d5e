//! Recordings on the host: WAV files with one channel of 16-bit samples at 8 kHz, read in hops.

use core::ffi::CStr;

use sla_digits::{HOP, SAMPLE_RATE};

use qemu::semihost::Input;

/// Longest path.
const PATH_BYTES: usize = 512;

/// A recording that is being read.
pub struct Wave {
    file: Input,
    /// Bytes of samples that are left.
    left: usize,
}

impl Wave {
    /// Opens a recording; the error is what is wrong with it.
    pub fn open(path: &[u8]) -> Result<Self, &'static str> {
        let mut text = [0; PATH_BYTES];
        text.get_mut(..path.len())
            .ok_or("the recording's path is too long")?
            .copy_from_slice(path);
        let path =
            CStr::from_bytes_until_nul(&text).map_err(|_| "the recording's path is too long")?;
        let mut file = Input::open(path).ok_or("the recording cannot be opened")?;
        let mut riff = [0; 12];
        if file.read(&mut riff) < riff.len()
            || !riff.starts_with(b"RIFF")
            || !riff.ends_with(b"WAVE")
        {
            return Err("the recording is no WAV file");
        }
        let mut is_described = false;
        loop {
            let mut head = [0; 8];
            if file.read(&mut head) < head.len() {
                return Err("the recording has no samples");
            }
            let [a, b, c, d, length @ ..] = head;
            let length = u32::from_le_bytes(length) as usize;
            match &[a, b, c, d] {
                b"data" if is_described => return Ok(Self { file, left: length }),
                b"fmt " => is_described = format(&mut file, length)?,
                _ => skip(&mut file, length.next_multiple_of(2)),
            }
        }
    }

    /// Reads the next hop; behind the last sample there are zeros. Returns the number of samples
    /// that were read.
    pub fn hop(&mut self, hop: &mut [i16; HOP]) -> usize {
        let mut bytes = [0; 2 * HOP];
        let len = self.left.min(bytes.len());
        let read = bytes
            .get_mut(..len)
            .map_or(0, |bytes| self.file.read(bytes));
        self.left = if read < len { 0 } else { self.left - read };
        let pairs = bytes.as_chunks().0.iter().enumerate();
        for (sample, (i, &pair)) in hop.iter_mut().zip(pairs) {
            *sample = if i < read / 2 {
                i16::from_le_bytes(pair)
            } else {
                0
            };
        }
        read / 2
    }
}

/// Reads a format chunk: PCM, one channel, 8 kHz, 16 bits.
fn format(file: &mut Input, length: usize) -> Result<bool, &'static str> {
    let mut words = [0; 16];
    if length < words.len() || file.read(&mut words) < words.len() {
        return Err("the recording's format is cut off");
    }
    skip(file, (length - words.len()).next_multiple_of(2));
    let (halves, _) = words.as_chunks::<2>();
    let half = |i: usize| halves.get(i).map_or(0, |&pair| u16::from_le_bytes(pair));
    let rate = u32::from(half(2)) | u32::from(half(3)) << 16;
    match (half(0), half(1), rate, half(7)) {
        (1, 1, SAMPLE_RATE, 16) => Ok(true),
        _ => Err("the recording is not one channel of 16-bit samples at 8 kHz"),
    }
}

fn skip(file: &mut Input, mut length: usize) {
    let mut sink = [0; 64];
    while length > 0 {
        let part = length.min(sink.len());
        if sink
            .get_mut(..part)
            .is_none_or(|part| file.read(part) < part.len())
        {
            return;
        }
        length -= part;
    }
}
