//! Prints the words of a recording: `cargo run --release -p sla-digits --example listen --
//! MODEL.sla RECORDING.wav`. WAV or FLAC, one channel of 16-bit samples at 8 kHz.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sla_digits::{HOP, Outcome, Recognizer, SAMPLE_RATE, Settings};
use sla_eval::owned_model::OwnedModel;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, recording] = arguments.as_slice() else {
        eprintln!("usage: listen MODEL.sla RECORDING.wav|.flac");
        return ExitCode::from(2);
    };
    match listen(model, recording) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(model: &Path, recording: &Path) -> Result<(), String> {
    let file = OwnedModel::read(model).map_err(|error| format!("{}: {error}", model.display()))?;
    let samples =
        samples(recording).map_err(|error| format!("{}: {error}", recording.display()))?;
    let (model, mut memory) = (file.model(), file.memory());
    let session = memory.session(&model).map_err(|error| error.to_string())?;
    let mut recognizer =
        Recognizer::new(session, Settings::default()).map_err(|error| error.to_string())?;
    let seconds = |hop: u32| f64::from(hop) * HOP as f64 / f64::from(SAMPLE_RATE);
    for hop in samples.as_chunks::<HOP>().0 {
        let Some(event) = recognizer.hop(hop) else {
            continue;
        };
        let what = match event.outcome {
            Outcome::Digit(digit) => digit.to_string(),
            Outcome::Short => "rejected: too short".into(),
            Outcome::Long => "rejected: too long, perhaps a new background".into(),
            Outcome::Flat => "rejected: noise".into(),
            Outcome::Unsure => format!("rejected: unsure, perhaps {}", event.best),
        };
        let margin = f64::from(event.margin_q16) / 65_536.0;
        // A reader that has seen enough closes its end.
        match writeln!(
            std::io::stdout(),
            "{:8.2} s  {:8.2} s  margin {margin:5.1}  {what}",
            seconds(event.onset),
            seconds(event.end)
        ) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(|error| error.to_string())?,
        }
    }
    Ok(())
}

/// The samples of a WAV or FLAC file.
fn samples(path: &Path) -> Result<Vec<i16>, String> {
    let is_flac = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("flac"));
    let (rate, channels, bits, samples) = match is_flac {
        true => {
            let mut reader = claxon::FlacReader::open(path).map_err(|error| error.to_string())?;
            let info = reader.streaminfo();
            let samples: Result<Vec<i16>, _> = reader
                .samples()
                .map(|sample| sample.map(|sample| sample as i16))
                .collect();
            (
                info.sample_rate,
                info.channels,
                info.bits_per_sample,
                samples.map_err(|error| error.to_string())?,
            )
        }
        false => {
            let mut reader = hound::WavReader::open(path).map_err(|error| error.to_string())?;
            let spec = reader.spec();
            let samples: Result<Vec<i16>, _> = reader.samples::<i16>().collect();
            let samples = samples.map_err(|error| error.to_string())?;
            (
                spec.sample_rate,
                spec.channels.into(),
                spec.bits_per_sample.into(),
                samples,
            )
        }
    };
    match (rate, channels, bits) {
        (SAMPLE_RATE, 1, 16) => Ok(samples),
        _ => Err(format!(
            "{channels} channels of {bits} bits at {rate} Hz; one of 16 bits at {SAMPLE_RATE} Hz is needed"
        )),
    }
}
