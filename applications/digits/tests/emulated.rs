//! The same integers on emulated machines: the front end's features on an M0, an M4 and an RV32;
//! the labels of cut clips and the words of a continuous recording on the M4.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::stream::{Background, Between, Scene, events, record};
use common::{Clip, Split, case, clips, fixed_features};
use sla_digits::{FrontEnd, HOP, Settings, TestSignal};
use sla_runtime::Checksum;
use sla_tests::Case;
use sla_tests::needs::{Tried, emulator};

sla_tests::tests![
    the_host_has_the_documented_features,
    the_m0_has_the_hosts_features,
    the_m4_has_the_hosts_features,
    the_rv32_has_the_hosts_features,
    the_m4_labels_clips_as_the_host_does,
    the_m4_hears_the_hosts_words,
];

/// Cut clips on the M4: each tenth of the 300. `SLA_CLIPS` is another number.
const CLIPS: usize = 30;
/// Words of the recording on the M4.
const WORDS: usize = 20;
/// Instructions a second of audio on the M4 while a word is heard, two steps a hop: the bound of
/// docs/applications.md.
const M4_AT_MOST: u64 = 40_000_000;

struct Machine {
    folder: &'static str,
    target: &'static str,
    emulator: &'static str,
}

const M0: Machine = Machine {
    folder: "qemu/m0",
    target: "thumbv6m-none-eabi",
    emulator: "qemu-system-arm",
};
const M4: Machine = Machine {
    folder: "qemu/m4",
    target: "thumbv7em-none-eabihf",
    emulator: "qemu-system-arm",
};
const RV32: Machine = Machine {
    folder: "qemu/rv32",
    target: "riscv32imac-unknown-none-elf",
    emulator: "qemu-system-riscv32",
};

impl Machine {
    fn is_here(&self) -> Tried {
        emulator(self.target, self.emulator)
    }

    /// Standard output of a run of `binary`.
    fn run(&self, model: &Path, binary: &str, arguments: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../firmware-examples")
            .join(self.folder);
        let run = Command::new("cargo")
            .current_dir(folder)
            .env("SLA_MODEL", model)
            .env("CARGO_TARGET_DIR", scratch("firmware"))
            .args([
                "run",
                "--release",
                "--quiet",
                "--locked",
                "--no-default-features",
                "--features",
                "digits",
                "--bin",
            ])
            .args([binary, "--", "-append", arguments])
            .output()
            .expect("cargo");
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(
            run.status.success(),
            "{}: {text}{}",
            self.folder,
            String::from_utf8_lossy(&run.stderr)
        );
        text
    }
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The shipped model as a file, written once: several builds read it.
fn model() -> &'static Path {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL.get_or_init(|| {
        let path = scratch("digits.sla");
        fs::write(&path, case().file.bytes()).expect("a writable target folder");
        path
    })
}

fn write_wav(path: &Path, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a writable target folder");
    samples.iter().for_each(|&sample| {
        writer
            .write_sample(sample)
            .expect("a writable target folder")
    });
    writer.finalize().expect("a writable target folder");
}

/// The value of `key` in the line that begins with `kind`.
fn value<'a>(text: &'a str, kind: &str, key: &str) -> &'a str {
    let line = text
        .lines()
        .find(|line| line.starts_with(kind))
        .unwrap_or_else(|| panic!("no {kind} in {text}"));
    let word = line
        .split(' ')
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    word.unwrap_or_else(|| panic!("no {key} in {line}"))
}

/// Hops of the exercise.
const HOPS: usize = 384;

/// Digest of the host's features of the exercise.
fn features() -> String {
    let (mut front, mut exercise, mut digest) =
        (FrontEnd::new(), TestSignal::default(), Checksum::default());
    for _ in 0..HOPS {
        front
            .hop(&exercise.next_hop())
            .logs_q27()
            .for_each(|log| digest.add(log));
    }
    format!("{:08x}", digest.finish())
}

/// The signal and the arithmetic as they are: a change of either is a change of docs/frontend.md.
fn the_host_has_the_documented_features() {
    assert_eq!(features(), "3b3b6984");
}

fn has_the_hosts_features(machine: &Machine) -> Tried {
    machine.is_here()?;
    let text = machine.run(model(), "frontend", &format!("hops={HOPS}"));
    eprintln!("{}", text.trim());
    assert_eq!(
        value(&text, "@frontend", "digest"),
        features(),
        "{}",
        machine.folder
    );
    Ok(())
}

fn the_m0_has_the_hosts_features() -> Tried {
    has_the_hosts_features(&M0)
}

fn the_m4_has_the_hosts_features() -> Tried {
    has_the_hosts_features(&M4)
}

fn the_rv32_has_the_hosts_features() -> Tried {
    has_the_hosts_features(&RV32)
}

/// Labels and the digest of the last logits of each clip.
fn labels(case: &Case, clips: &[&Clip]) -> (String, u32) {
    let (model, mut memory, mut digest) =
        (case.file.model(), case.file.memory(), Checksum::default());
    let mut session = memory.session(&model).expect("buffers of the model's size");
    let mut label = |clip: &&Clip| {
        session.reset();
        for frame in fixed_features(&clip.samples, model.desc().feature_frac) {
            session.step_features(&frame).expect("32 features");
        }
        let mut logits = session.logits();
        logits.digest(&mut digest);
        char::from(b'0' + logits.argmax() as u8)
    };
    (clips.iter().map(&mut label).collect(), digest.finish())
}

fn the_m4_labels_clips_as_the_host_does() -> Tried {
    let clips = clips(Split::Test)?;
    M4.is_here()?;
    let count =
        std::env::var("SLA_CLIPS").map_or(CLIPS, |n| n.parse().expect("SLA_CLIPS is a number"));
    let chosen: Vec<&Clip> = clips
        .iter()
        .step_by(clips.len() / count.clamp(1, clips.len()))
        .collect();
    let folder = scratch("clips");
    fs::create_dir_all(&folder).expect("a writable target folder");
    let paths = chosen.iter().map(|clip| {
        let path = folder.join(&clip.name).with_extension("wav");
        write_wav(&path, &clip.samples);
        format!("{}\n", path.display())
    });
    let list = folder.join("list.txt");
    fs::write(&list, paths.collect::<String>()).expect("a writable target folder");
    let case = case();
    let text = M4.run(model(), "digits", &format!("clips={}", list.display()));
    let (labels, digest) = labels(&case, &chosen);
    let right = labels
        .bytes()
        .zip(&chosen)
        .filter(|(label, clip)| label - b'0' == clip.label)
        .count();
    eprintln!(
        "{right} of {} labels right; {}",
        chosen.len(),
        text.lines().last().unwrap_or_default()
    );
    assert_eq!(
        text.lines().next(),
        Some(format!("@labels {labels}").as_str())
    );
    assert_eq!(value(&text, "@clips", "digest"), format!("{digest:08x}"));
    assert!(right + 1 >= chosen.len());
    Ok(())
}

fn the_m4_hears_the_hosts_words() -> Tried {
    let clips = clips(Split::Test)?;
    M4.is_here()?;
    let some: Vec<Clip> = clips.into_iter().step_by(300 / WORDS).collect();
    let recording = record(
        &some,
        Scene {
            background: Background::Pink,
            snr_db: 20.0,
            between: Between::Clicks,
        },
        1,
    );
    let (path, case) = (scratch("recording.wav"), case());
    write_wav(&path, &recording.samples);
    let heard = events(&case, &recording.samples, Settings::default());

    let (mut front, mut digest) = (FrontEnd::new(), Checksum::default());
    let mut ended = heard.iter().peekable();
    let model_file = case.file.model();
    let mut memory = case.file.memory();
    let session = memory
        .session(&model_file)
        .expect("buffers of the model's size");
    let mut recognizer =
        sla_digits::Recognizer::new(session, Settings::default()).expect("a model of digits");
    for hop in recording.samples.as_chunks::<HOP>().0 {
        front.hop(hop).logs_q27().for_each(|log| digest.add(log));
        if let Some(event) = recognizer.hop(hop) {
            assert_eq!(Some(&event), ended.next());
            event.digest(&mut digest);
        }
    }
    let text = M4.run(model(), "digits", &format!("wav={}", path.display()));
    eprintln!("{text}");
    assert!(heard.len() >= WORDS);
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("@word"))
            .count(),
        heard.len()
    );
    assert_eq!(
        value(&text, "@digits", "digest"),
        format!("{:08x}", digest.finish())
    );
    let at_most: u64 = value(&text, "@digits", "insns_per_second_at_most")
        .parse()
        .expect("a number");
    assert!(at_most <= M4_AT_MOST, "{at_most} instructions a second");
    Ok(())
}
