//! The binary from the outside: what it prints, writes and refuses.

mod checkpoints;
mod data_files;
mod forged;
mod memory;
mod outputs;
mod refusals;
mod report;
mod tokenizer;
mod tools;
mod work;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sla_reference::{Backbone, Config, Input, KeyGate, QueryGate, Sla};
use sla_test_models::{self as synth, TempDir};

/// A run of `sla`, finished.
struct Run {
    code: i32,
    stdout: Vec<u8>,
    stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let code = output.status.code().expect("no signal");
        Self {
            code,
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The text on stdout of a run that must have succeeded.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        String::from_utf8(self.stdout).unwrap()
    }

    /// The JSON on stdout of a run that must have succeeded.
    #[track_caller]
    fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// The one line on stderr of a run that must have failed with `code`, printing nothing else.
    #[track_caller]
    fn error(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(
            self.stdout.is_empty(),
            "output of a failed run: {}",
            String::from_utf8_lossy(&self.stdout)
        );
        let lines: Vec<&str> = self
            .stderr
            .lines()
            .filter(|l| !l.starts_with("warning: "))
            .collect();
        assert_eq!(lines.len(), 1, "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        lines[0]
            .strip_prefix("error: ")
            .unwrap_or_else(|| panic!("{}", self.stderr))
            .to_string()
    }
}

/// Runs `sla` in `dir`.
fn sla(dir: &Path, arguments: &[&str]) -> Run {
    let command = Command::new(env!("CARGO_BIN_EXE_sla"))
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output();
    Run::of(command.unwrap())
}

/// Asserts that `text` has all of the `parts`.
#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    parts
        .iter()
        .for_each(|part| assert!(text.contains(part), "{text} lacks {part}"));
}

/// A folder with a checkpoint `model`, and room for what the commands write.
struct Case {
    dir: TempDir,
}

impl Case {
    fn new(config: &Config) -> Self {
        let dir = TempDir::new();
        let model = dir.path().join("model");
        std::fs::create_dir(&model).unwrap();
        synth::write(
            &model,
            config,
            &synth::weights(config, 3),
            &synth::Layout::default(),
        )
        .unwrap();
        Self { dir }
    }

    /// With `m.sla` converted.
    #[track_caller]
    fn converted(config: &Config) -> Self {
        let case = Self::new(config);
        case.sla("convert model -o m.sla").ok();
        case
    }

    /// Runs `sla` with `arguments`, which are separated by spaces.
    fn sla(&self, arguments: &str) -> Run {
        sla(
            self.path(),
            &arguments.split_whitespace().collect::<Vec<_>>(),
        )
    }

    /// The same with `input` on its standard input.
    fn sla_with(&self, arguments: &str, input: &[u8]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sla"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.path());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), bytes).unwrap();
    }

    /// Names in the folder, sorted.
    fn list(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// A byte-level model with both head gates.
fn bytes_config(backbone: Backbone) -> Config {
    let sla = Sla {
        query_gate: QueryGate::Output,
        key_gate: KeyGate::Key,
        query_gate_scale: 4.0,
        key_gate_scale: 1.0,
        temperature: 1.0,
        bias: false,
    };
    Config {
        outputs: 256,
        input: Input::Tokens { vocab: 256 },
        sla: Some(sla),
        ..synth::small(backbone)
    }
}

/// A model whose matrices are wide enough for int4.
fn wide_config() -> Config {
    Config {
        hidden: 64,
        d_k: 16,
        d_v: 16,
        intermediate: 96,
        ..bytes_config(Backbone::Gla)
    }
}

/// A classifier over vectors of 3 features.
fn features_config() -> Config {
    let input = Input::Features {
        size: 3,
        mean: vec![1.0, -4.0, 0.0],
        std: vec![2.0, 0.5, 1.0],
    };
    Config {
        outputs: 4,
        input,
        ..synth::small(Backbone::Gla)
    }
}
