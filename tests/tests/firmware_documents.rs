//! The firmware of README.md and docs/realtime.md on an emulated Cortex-M4: the text is the host's,
//! and the buffers are not on the stack.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sla_runtime::{Sampler, SamplerConfig};
use sla_tests::Case;
use sla_tests::material::models;
use sla_tests::needs::{Tried, emulator};

sla_tests::tests![
    the_readmes_firmware_has_its_buffers_off_the_stack,
    the_embassy_firmware_polls_other_tasks_inside_a_token,
    the_rtic_firmware_polls_other_tasks_inside_a_token,
];

/// Tokens of every example.
const TOKENS: usize = 64;
/// State and scratch are 39 KB.
const STACK_BYTES: usize = 10 * 1024;

fn shakespeare() -> &'static (Case, PathBuf) {
    static MODEL: OnceLock<(Case, PathBuf)> = OnceLock::new();
    MODEL.get_or_init(|| {
        let case = Case::load(&models().join("shakespeare-sla-gla"));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents.sla");
        std::fs::write(&path, case.file.bytes()).expect("a writable target folder");
        (case, path)
    })
}

/// The text of an example, and the number that it shows.
fn run(binary: &str, number: &str) -> (Vec<u8>, usize) {
    let run = Command::new("cargo")
        .current_dir(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../firmware-examples/documents"
        ))
        .env("SLA_MODEL", &shakespeare().1)
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware"),
        )
        .args(["run", "--release", "--quiet", "--locked", "--bin", binary])
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{binary}: {text}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let (text, shown) = text
        .split_once(&format!("\n@{number} "))
        .unwrap_or_else(|| panic!("{binary}: {text}"));
    (
        text.as_bytes().to_vec(),
        shown.trim().parse().expect("a number"),
    )
}

/// The host's text: of `next` token by token, from `first` on.
fn host(first: u8, mut next: impl FnMut(&mut sla_runtime::Logits) -> u32) -> Vec<u8> {
    let case = &shakespeare().0;
    let (model, mut memory, mut token) = (case.file.model(), case.file.memory(), u32::from(first));
    let mut session = memory
        .session(&model)
        .expect("buffers of the planned sizes");
    let mut step = || {
        token = next(&mut session.step(token).expect("a byte"));
        token as u8
    };
    (0..TOKENS).map(|_| step()).collect()
}

fn the_readmes_firmware_has_its_buffers_off_the_stack() -> Tried {
    emulator("thumbv7em-none-eabihf", "qemu-system-arm")?;
    let (text, stack) = run("readme", "stack");
    let mut sampler = Sampler::new(SamplerConfig::default());
    assert_eq!(text, host(b'\n', |logits| sampler.sample(logits)));
    eprintln!("README.md's firmware: {stack} bytes of stack");
    assert!(stack <= STACK_BYTES, "{stack} bytes of stack");
    Ok(())
}

fn the_embassy_firmware_polls_other_tasks_inside_a_token() -> Tried {
    emulator("thumbv7em-none-eabihf", "qemu-system-arm")?;
    let (text, blinks) = run("embassy", "blinks");
    assert_eq!(text, host(b'R', |logits| logits.argmax()));
    let tiles = shakespeare().0.float.config.outputs.div_ceil(32);
    assert!(blinks >= TOKENS * (slices() + tiles), "{blinks}");
    Ok(())
}

fn the_rtic_firmware_polls_other_tasks_inside_a_token() -> Tried {
    emulator("thumbv7em-none-eabihf", "qemu-system-arm")?;
    let (text, blinks) = run("rtic", "blinks");
    assert_eq!(text, host(b'R', |logits| logits.argmax()));
    assert!(blinks >= TOKENS * slices(), "{blinks}");
    Ok(())
}

/// Mixer and MLP of each layer, and the final norm.
fn slices() -> usize {
    2 * shakespeare().0.float.config.layers + 1
}
