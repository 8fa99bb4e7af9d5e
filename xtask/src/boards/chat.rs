//! The STM32F405's image in QEMU's netduinoplus2, used as a person uses it: over its serial line,
//! which is a socket here.

use std::io::{ErrorKind, Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, str};

use anyhow::{Context, Result, anyhow, bail, ensure};
use sla_eval::owned_model::{Memory, OwnedModel};
use sla_runtime::{Sampler, SamplerConfig};

use super::image;
use super::list::BOARDS;
use crate::models::Model;
use crate::{paths, process, setup};

/// The board that QEMU has a model of.
const BOARD: &str = "stm32f405";
const EMULATOR: &str = "qemu-system-arm";
/// The machine with the chip, and its first three serial lines, of which the third is the board's.
const MACHINE: [&str; 7] = [
    "-M",
    "netduinoplus2",
    "-nographic",
    "-serial",
    "null",
    "-serial",
    "null",
];
/// What the firmware shows when it waits for a line.
const PROMPT: &str = "\r\n> ";
/// Peak stack of a conversation: three quarters of what every image has at least.
const STACK_BYTES: u64 = 12 << 10;
/// Tokens of an answer.
const LENGTH: usize = 48;
const LIMIT: Duration = Duration::from_secs(120);

/// What came of it.
pub enum Outcome {
    /// All answers are right; this much stack was used.
    Right {
        /// From the top of the RAM down to the deepest byte that was written.
        stack_bytes: u64,
    },
    /// Something is missing here.
    Skipped(String),
}

/// Talks to the board.
pub fn check() -> Result<Outcome> {
    let Some(board) = BOARDS.iter().find(|board| board.name == BOARD) else {
        bail!("no board {BOARD}")
    };
    if process::find(EMULATOR).is_none() {
        return Ok(Outcome::Skipped(format!("no {EMULATOR}")));
    }
    if setup::device_cargo(board.target).is_none() {
        return Ok(Outcome::Skipped(format!("no core for {}", board.target)));
    }
    let (model, _) = Model::choose(None)?.or_smaller(board.room()?)?;
    let image = image::build(board, &model)?;
    let sizes = image::check(board, &model, &image)?;
    let mut line = Line::open(&image)?;
    line.until(PROMPT)?;
    for command in ["/temperature 0".to_owned(), format!("/length {LENGTH}")] {
        let answer = line.ask(&command)?;
        ensure!(
            answer.starts_with("temperature 0,"),
            "{command}: the board says {answer:?}"
        );
    }
    let expected = greedy(&model, "ROMEO:")?;
    let answer = line.ask("ROMEO:")?;
    ensure!(
        answer == expected,
        "ROMEO: goes on as {answer:?}, on the host as {expected:?}"
    );
    // What was saved is what is gone on from, whatever came between.
    let saved = line.ask("/save")?;
    ensure!(
        saved.starts_with("saved "),
        "/save: the board says {saved:?}"
    );
    let first = line.ask("JULIET:")?;
    let other = line.ask("JULIET:")?;
    let restored = line.ask("/restore")?;
    ensure!(
        restored.starts_with("restored "),
        "/restore: the board says {restored:?}"
    );
    let again = line.ask("JULIET:")?;
    ensure!(
        first == again,
        "after /restore JULIET: goes on as {again:?}, not as {first:?}"
    );
    ensure!(
        first != other,
        "the position in the text changes nothing: {first:?}"
    );
    let stack_bytes = line.deepest(&(board.map()?.ram), sizes.statics)?;
    ensure!(
        stack_bytes <= STACK_BYTES,
        "the stack took {stack_bytes} bytes, at most {STACK_BYTES} are meant to"
    );
    Ok(Outcome::Right { stack_bytes })
}

/// What the model makes of `prompt` on this machine, taking the most likely token every time, as
/// the board shows it.
fn greedy(model: &Model, prompt: &str) -> Result<String> {
    let file = OwnedModel::read(&model.path).map_err(|error| anyhow!("{error}"))?;
    let model = file.model();
    let mut memory = Memory::of(&model);
    let mut session = memory.session(&model)?;
    let mut sampler = Sampler::new(SamplerConfig {
        temperature: 0.0,
        ..SamplerConfig::default()
    });
    for byte in prompt.bytes() {
        session.step(byte.into())?;
    }
    let mut bytes = Vec::new();
    for _ in 0..LENGTH {
        let token = sampler.sample(&mut session.logits());
        bytes.push(u8::try_from(token).context("the model is of more than bytes")?);
        session.step(token)?;
    }
    Ok(String::from_utf8_lossy(&bytes).replace('\n', "\r\n"))
}

/// The serial line of a machine in QEMU.
struct Line {
    emulator: Child,
    /// Sockets of the serial line and of the emulator's monitor, and a dump of the RAM.
    files: [PathBuf; 3],
    stream: UnixStream,
}

impl Line {
    fn open(image: &Path) -> Result<Self> {
        let folder = paths::target_dir().join("boards");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let files = ["serial", "monitor", "ram"]
            .map(|name| folder.join(format!("{name}-{}", std::process::id())));
        files.iter().for_each(|file| _ = fs::remove_file(file));
        let [serial, monitor, _] = files
            .each_ref()
            .map(|file| file.display().to_string().replace(',', ",,"));
        // The emulator waits for the other end of the line, so nothing that the firmware says is
        // lost.
        let mut emulator = Command::new(EMULATOR)
            .args(MACHINE)
            .args(["-serial", &format!("unix:{serial},server=on,wait=on")])
            .args([
                "-monitor",
                &format!("unix:{monitor},server=on,wait=off"),
                "-kernel",
            ])
            .arg(image)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {EMULATOR}"))?;
        let end = Instant::now() + LIMIT;
        let stream = loop {
            match UnixStream::connect(&files[0]) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < end && emulator.try_wait()?.is_none() => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => {
                    emulator.kill().ok();
                    emulator.wait()?;
                    return Err(error).with_context(|| format!("{EMULATOR} opens no serial line"));
                }
            }
        };
        Ok(Self {
            emulator,
            files,
            stream,
        })
    }

    /// Types a line and returns the answer, without what was typed and the next prompt.
    fn ask(&mut self, typed: &str) -> Result<String> {
        self.stream.write_all(typed.as_bytes())?;
        self.stream.write_all(b"\r")?;
        let shown = self.until(PROMPT)?;
        let echo = format!("{typed}\r\n");
        let answer = shown
            .strip_prefix(&echo)
            .with_context(|| format!("{typed:?} is shown as {shown:?}"))?;
        Ok(answer.to_owned())
    }

    /// Bytes of the RAM between its end and the lowest one that was written above the statics: the
    /// emulator begins with zeros.
    fn deepest(&mut self, ram: &Range<u64>, statics: u64) -> Result<u64> {
        let [_, monitor, dump] = &self.files;
        let mut monitor = UnixStream::connect(monitor).context("the emulator's monitor")?;
        until(&mut monitor, "(qemu) ")?;
        let (start, length) = (ram.start + statics, ram.end - ram.start - statics);
        writeln!(
            monitor,
            "pmemsave {start:#x} {length} \"{}\"",
            dump.display()
        )?;
        until(&mut monitor, "\n(qemu) ")?;
        let bytes = fs::read(dump).context("the emulator saved no RAM")?;
        ensure!(
            bytes.len() as u64 == length,
            "the emulator saved {} bytes of RAM, not {length}",
            bytes.len()
        );
        let free = bytes.iter().take_while(|&&byte| byte == 0).count();
        Ok(length - free as u64)
    }

    /// Reads up to `mark`, which is left out.
    fn until(&mut self, mark: &str) -> Result<String> {
        until(&mut self.stream, mark)
    }
}

/// Reads up to `mark`, which is left out.
fn until(stream: &mut UnixStream, mark: &str) -> Result<String> {
    let end = Instant::now() + LIMIT;
    let mut bytes = Vec::new();
    while !bytes.ends_with(mark.as_bytes()) {
        let left = end.saturating_duration_since(Instant::now());
        ensure!(
            !left.is_zero(),
            "no {mark:?} within {} s, but {:?}",
            LIMIT.as_secs(),
            String::from_utf8_lossy(&bytes)
        );
        stream.set_read_timeout(Some(left))?;
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => bail!(
                "the emulator closed the line after {:?}",
                String::from_utf8_lossy(&bytes)
            ),
            Ok(_) => bytes.extend(byte),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error).context("the serial line"),
        }
    }
    bytes.truncate(bytes.len() - mark.len());
    Ok(str::from_utf8(&bytes)
        .context("the board shows no UTF-8")?
        .to_owned())
}

impl Drop for Line {
    fn drop(&mut self) {
        self.emulator.kill().ok();
        self.emulator.wait().ok();
        self.files.iter().for_each(|file| _ = fs::remove_file(file));
    }
}
