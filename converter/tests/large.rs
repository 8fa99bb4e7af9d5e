//! A random model of 100 million parameters through `sla convert --weights int4`: time and memory.
//!
//! Takes minutes and a gigabyte of disk: `cargo test --release -p sla-converter --test large --
//! --ignored --nocapture`

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sla_reference::{Backbone, Config, Input};
use sla_test_models::{self as synth, Layout, Precision, TempDir};

const MOST_TIME: Duration = Duration::from_secs(15 * 60);
/// Beyond the checkpoint's own size.
const MOST_BYTES: u64 = 1_000_000_000;

/// 12 layers of 7.7 M parameters, embedding and head of 6.3 M each.
fn config() -> Config {
    Config {
        hidden: 768,
        layers: 12,
        heads: 12,
        kv_heads: 12,
        value_heads: 12,
        d_k: 64,
        d_v: 64,
        intermediate: 2048,
        outputs: 8192,
        input: Input::Tokens { vocab: 8192 },
        ..synth::small(Backbone::Gla)
    }
}

/// The largest resident set of a running process so far, where the system tells.
fn peak_bytes(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| 1024 * kib)
}

#[test]
#[ignore = "minutes: `cargo xtask soak` runs it"]
fn a_hundred_million_parameters_in_bounded_time_and_memory() {
    let dir = TempDir::new();
    let config = config();
    let layout = Layout {
        precision: Precision::Bf16,
        ..Layout::default()
    };
    synth::write(dir.path(), &config, &synth::weights(&config, 1), &layout)
        .expect("room for the checkpoint");
    let checkpoint = std::fs::metadata(dir.path().join("model.safetensors"))
        .expect("just written")
        .len();

    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sla"))
        .args(["convert", ".", "-o", "m.sla", "--weights", "int4"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("sla runs");
    let mut peak = None;
    let status = loop {
        peak = peak_bytes(&child).max(peak);
        if let Some(status) = child.try_wait().expect("a child of this process") {
            break status;
        }
        if start.elapsed() > MOST_TIME {
            child.kill().expect("a child of this process");
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let (time, file) = (
        start.elapsed(),
        std::fs::metadata(dir.path().join("m.sla")).map_or(0, |m| m.len()),
    );
    eprintln!(
        "checkpoint {checkpoint} bytes, file {file} bytes, {:.0} s, peak memory {}",
        time.as_secs_f64(),
        peak.map_or_else(|| "unknown (no /proc)".into(), |p| format!("{p} bytes"))
    );
    assert!(status.success(), "{status} after {time:?}");
    assert!(time < MOST_TIME);
    assert!(peak.is_none_or(|p| p <= checkpoint + MOST_BYTES), "memory");
}
