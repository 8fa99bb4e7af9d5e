//! Converts a checkpoint as a library does, without the command line:
//! `cargo run --release -p sla-convert --example convert -- models/shakespeare-sla-gla model.sla`.

use std::error::Error;
use std::path::PathBuf;

use sla_checkpoint::{load, tokenizer};
use sla_convert::{ConvertOptions, convert};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("give a checkpoint's folder and the file to write".into());
    };
    let checkpoint = load(&folder)?;
    let options = ConvertOptions {
        tokenizer: tokenizer::load(&folder, checkpoint.config.outputs)?,
        ..ConvertOptions::default()
    };
    let converted = convert(checkpoint, &options, &mut |_, _| {})?;
    for (what, value) in &converted.summary {
        println!("{what}: {value}");
    }
    for warning in &converted.warnings {
        eprintln!("warning: {warning}");
    }
    std::fs::write(out, converted.file)?;
    Ok(())
}
