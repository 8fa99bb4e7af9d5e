//! The `chat` firmware on the emulated Cortex-M4, its UART on a pseudo-terminal, used as a person
//! would use it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::line::{fresh, ids, shown, snapshot_bytes};
use sla_runtime::SamplerConfig;
use sla_test_models::Rng;
use sla_tests::Case;
use sla_tests::needs::{Missing, Tried, emulator};

const TARGET: &str = "thumbv7em-none-eabihf";
const EMULATOR: &str = "qemu-system-arm";
/// The runner's of firmware-examples/qemu/m4, and the terminal.
const ARGUMENTS: &str = "-M mps2-an386 -nographic -monitor none -serial none -icount shift=7 -semihosting-config enable=on,target=native -serial pty";
/// How long the machine may write nothing.
const PATIENCE: Duration = Duration::from_secs(60);

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn firmware(model: &Path) -> PathBuf {
    let target = scratch("firmware");
    let build = Command::new("cargo")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware-examples/qemu/m4"))
        .env("SLA_MODEL", model)
        .env("CARGO_TARGET_DIR", &target)
        .args([
            "build",
            "--release",
            "--quiet",
            "--locked",
            "--no-default-features",
            "--features",
            "gla,prompt-pairs,serial",
        ])
        .args(["--bin", "chat"])
        .output()
        .expect("cargo");
    assert!(
        build.status.success(),
        "{}",
        String::from_utf8_lossy(&build.stderr)
    );
    target.join(TARGET).join("release/chat")
}

/// Somebody at a terminal.
struct Person {
    machine: Child,
    keyboard: File,
    screen: Receiver<u8>,
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

impl Person {
    fn at(firmware: &Path) -> Self {
        let mut machine = Command::new(EMULATOR)
            .args(ARGUMENTS.split(' '))
            .arg("-kernel")
            .arg(firmware)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator");
        // The emulator says where its terminal is, which is raw.
        let mut said = String::new();
        BufReader::new(machine.stdout.take().expect("piped"))
            .read_line(&mut said)
            .expect("UTF-8");
        let path = said
            .split(' ')
            .find(|word| word.starts_with("/dev/"))
            .unwrap_or_else(|| panic!("{said}"))
            .to_owned();
        let keyboard = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(path)
            .expect("a terminal");
        let (seen, screen) = channel();
        let mut lines = keyboard.try_clone().expect("a file");
        std::thread::spawn(move || {
            let mut byte = [0];
            while lines.read(&mut byte).is_ok_and(|count| count == 1) && seen.send(byte[0]).is_ok()
            {
            }
        });
        Self {
            machine,
            keyboard,
            screen,
        }
    }

    fn types(&mut self, keys: impl AsRef<[u8]>) {
        self.keyboard
            .write_all(keys.as_ref())
            .expect("a terminal that takes keys");
    }

    /// What appears, up to and without `end`.
    fn reads_to(&self, end: &str) -> String {
        let mut seen = Vec::new();
        while !seen.ends_with(end.as_bytes()) {
            let Ok(byte) = self.screen.recv_timeout(PATIENCE) else {
                panic!("no {end:?} in {:?}", String::from_utf8_lossy(&seen));
            };
            seen.push(byte);
        }
        seen.truncate(seen.len() - end.len());
        // Noise is shown as it was typed.
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Types a line and reads the answer to it, up to the next prompt.
    fn says(&mut self, line: &str) -> String {
        self.types(format!("{line}\r"));
        assert_eq!(self.reads_to("\r\n"), line, "the echo");
        self.reads_to("\r\n> ")
    }
}

/// The shipped model, and a file of it.
fn shakespeare(file: &str) -> (Case, PathBuf) {
    let case =
        Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/shakespeare-sla-gla"));
    let model = scratch(file);
    fs::write(&model, case.file.bytes()).expect("a writable target folder");
    (case, model)
}

/// What the machine is held against below is what a person sees on the host.
pub fn the_hosts_text_is_that_of_sla_run() -> Tried {
    let test = std::env::current_exe().expect("a path");
    let sla = test
        .ancestors()
        .nth(2)
        .expect("a target folder")
        .join("sla");
    if !sla.is_file() {
        return Err(Missing(format!(
            "no {}; `cargo build -p sla-converter` makes it",
            sla.display()
        )));
    }
    let (case, model) = shakespeare("host.sla");
    let default = SamplerConfig::default();
    for (prompt, tokens, config, more) in [
        (
            "ROMEO:",
            48,
            SamplerConfig { seed: 7, ..default },
            ["--seed", "7"],
        ),
        (
            "What light",
            96,
            SamplerConfig {
                temperature: 0.0,
                ..default
            },
            ["--temperature", "0"],
        ),
    ] {
        let mut run = Command::new(&sla);
        run.arg("run")
            .arg(&model)
            .args(["--prompt", prompt, "-n", &tokens.to_string()])
            .args(more);
        let run = run.output().expect("sla");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        let text = String::from_utf8(run.stdout)
            .expect("UTF-8")
            .replace('\n', "\r\n");
        assert_eq!(text, shown(&fresh(&case, config, &ids(prompt), tokens)));
    }
    Ok(())
}

pub fn a_person_talks_to_the_machine() -> Tried {
    emulator(TARGET, EMULATOR)?;
    let (case, model) = shakespeare("shakespeare.sla");
    let mut person = Person::at(&firmware(&model));
    // The terminal may have been opened too late for the greeting.
    person.types([3]);
    person.reads_to("^C\r\n> ");

    // Sampled text is that of the host.
    let default = SamplerConfig::default();
    assert_eq!(
        person.says("/length 48"),
        "temperature 0.8, top-k 40, top-p 0.95, penalty 1, seed 0, length 48, echo on"
    );
    person.says("/seed 7");
    let text = person.says("ROMEO:");
    eprintln!("ROMEO:{text}");
    assert_eq!(
        text,
        shown(&fresh(
            &case,
            SamplerConfig { seed: 7, ..default },
            &ids("ROMEO:"),
            48
        ))
    );

    // Greedy text, from the start, and kept on the way.
    person.says("/temperature 0");
    assert_eq!(person.says("/reset"), "reset");
    let greedy = SamplerConfig {
        temperature: 0.0,
        ..default
    };
    let whole = shown(&fresh(&case, greedy, &ids("What light"), 96));
    let first = person.says("What light");
    assert_eq!(
        person.says("/save"),
        format!(
            "saved {} bytes after 58 tokens",
            snapshot_bytes(&case.file.model())
        )
    );
    let second = person.says("");
    assert_eq!(format!("{first}{second}"), whole);
    assert_ne!(person.says("Exeunt."), second);
    person.says("/reset");
    person.says("Something else");
    assert!(person.says("/restore").ends_with("goes on after 58 tokens"));
    assert_eq!(person.says(""), second);

    // An answer that would never end.
    person.says("/reset");
    person.says("/length 1000000000");
    person.types("What light\r");
    assert_eq!(person.reads_to("\r\n"), "What light");
    let mut begun = person.reads_to("t");
    person.types([3]);
    begun = format!("{begun}t{}", person.reads_to("^C\r\n> "));
    person.says("/length 48");
    let more = person.says("");
    let whole = shown(&fresh(&case, greedy, &ids("What light"), begun.len() + 96));
    assert!(
        whole.starts_with(&format!("{begun}{more}")),
        "{begun}|{more}|{whole}"
    );

    // Corrections, wrong commands, and noise.
    person.types("/temperatura\x7fe 0\r");
    assert_eq!(person.reads_to("\r\n"), "/temperatura\x08 \x08e 0");
    assert!(person.reads_to("\r\n> ").starts_with("temperature 0,"));
    assert!(
        person
            .says("/temperature hot")
            .starts_with("error: /temperature takes a number")
    );
    let long = "z".repeat(300);
    person.types(format!("{long}\r"));
    person.reads_to("error: the line has more than 256 bytes; nothing of it was read\r\n> ");
    let mut rng = Rng::new(1);
    person.says("/length 4");
    let noise: Vec<u8> = (0..2000)
        .map(|_| rng.below(256) as u8)
        .filter(|&byte| byte != b'/')
        .collect();
    person.types(noise);
    // Whatever the noise has left unfinished.
    person.types("\x03\r\x03//end of the noise\r");
    person.reads_to("//end of the noise\r\n");
    person.reads_to("\r\n> ");

    // After all this the machine is what it was.
    person.says("/reset");
    person.says("/length 48");
    person.says("/temperature 0");
    assert_eq!(person.says("What light"), first);
    let ledger = person.says("/ledger");
    eprintln!("{ledger}");
    let made = ledger.lines().find_map(|line| {
        line.strip_prefix("tokens made: ")?
            .split(' ')
            .nth(1)?
            .parse()
            .ok()
    });
    // docs/kernels.md: 1.03 M instructions a token; the sampler comes on top.
    assert!(
        made.is_some_and(|made: u64| (1_000_000..1_100_000).contains(&made)),
        "{ledger}"
    );
    Ok(())
}
