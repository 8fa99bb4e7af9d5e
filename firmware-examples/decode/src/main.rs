//! Prints defmt frames from standard input, as lines, with the format strings of the image that
//! wrote them.
//!
//! `cargo run --release --features defmt --bin bench 2>&1 >/dev/null | decode IMAGE`, or `cargo
//! xtask qemu --log`, which calls it.

use std::fs;
use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Table};

fn main() -> Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .context("usage: decode IMAGE < FRAMES")?;
    let image = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let table = Table::parse(&image)?
        .context("the image holds no defmt table: build it with the defmt feature")?;
    let mut frames = Vec::new();
    std::io::stdin().read_to_end(&mut frames)?;

    let mut decoder = table.new_stream_decoder();
    decoder.received(&frames);
    let mut output = std::io::stdout().lock();
    let mut malformed = 0;
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("print", |level| level.as_str());
                writeln!(output, "{level:5} {}", frame.display_message())?;
            }
            Err(DecodeError::UnexpectedEof) => break,
            Err(DecodeError::Malformed) => malformed += 1,
        }
    }
    if malformed > 0 {
        bail!("{malformed} malformed frames");
    }
    Ok(())
}
