//! The STM32F405's image in QEMU's netduinoplus2, used as a person uses it: over its serial line, which is a socket here.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, str};

use anyhow::{Context, Result, anyhow, bail, ensure};
use sla_converter::owned_model::{Memory, OwnedModel};
use sla_runtime::{Sampler, SamplerConfig};

use super::image;
use super::list::BOARDS;
use crate::models::Model;
use crate::{paths, process, setup};

/// The board that QEMU has a model of.
const BOARD: &str = "stm32f405";
const EMULATOR: &str = "qemu-system-arm";
/// The machine with the chip, and its first three serial lines, of which the third is the board's.
const MACHINE: [&str; 9] = ["-M", "netduinoplus2", "-nographic", "-monitor", "none", "-serial", "null", "-serial", "null"];
/// What the firmware shows when it waits for a line.
const PROMPT: &str = "\r\n> ";
/// Tokens of an answer.
const LENGTH: usize = 48;
const LIMIT: Duration = Duration::from_secs(120);

/// Talks to the board; why not, where something is missing.
pub fn check() -> Result<Option<String>> {
    let Some(board) = BOARDS.iter().find(|board| board.name == BOARD) else { bail!("no board {BOARD}") };
    if process::find(EMULATOR).is_none() {
        return Ok(Some(format!("no {EMULATOR}")));
    }
    if setup::device_cargo(board.target).is_none() {
        return Ok(Some(format!("no core for {}", board.target)));
    }
    let (model, _) = Model::choose(None)?.or_smaller(board.room()?)?;
    let image = image::build(board, &model)?;
    let mut line = Line::open(&image)?;
    line.until(PROMPT)?;
    for command in ["/temperature 0".to_owned(), format!("/length {LENGTH}")] {
        let answer = line.ask(&command)?;
        ensure!(answer.starts_with("temperature 0,"), "{command}: the board says {answer:?}");
    }
    let expected = greedy(&model, "ROMEO:")?;
    let answer = line.ask("ROMEO:")?;
    ensure!(answer == expected, "ROMEO: goes on as {answer:?}, on the host as {expected:?}");
    // What was saved is what is gone on from, whatever came between.
    let saved = line.ask("/save")?;
    ensure!(saved.starts_with("saved "), "/save: the board says {saved:?}");
    let first = line.ask("JULIET:")?;
    let other = line.ask("JULIET:")?;
    let restored = line.ask("/restore")?;
    ensure!(restored.starts_with("restored "), "/restore: the board says {restored:?}");
    let again = line.ask("JULIET:")?;
    ensure!(first == again, "after /restore JULIET: goes on as {again:?}, not as {first:?}");
    ensure!(first != other, "the position in the text changes nothing: {first:?}");
    Ok(None)
}

/// What the model makes of `prompt` on this machine, taking the most likely token every time, as the board shows it.
fn greedy(model: &Model, prompt: &str) -> Result<String> {
    let file = OwnedModel::read(&model.path).map_err(|error| anyhow!("{error}"))?;
    let model = file.model();
    let mut memory = Memory::of(&model);
    let mut session = memory.session(&model)?;
    let mut sampler = Sampler::new(SamplerConfig { temperature: 0.0, ..SamplerConfig::default() });
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
    socket: PathBuf,
    stream: UnixStream,
}

impl Line {
    fn open(image: &Path) -> Result<Self> {
        let socket = paths::target_dir().join(format!("boards/serial-{}", std::process::id()));
        fs::remove_file(&socket).ok();
        // The emulator waits for the other end, so nothing that the firmware says is lost.
        let serial = format!("unix:{},server=on,wait=on", socket.display().to_string().replace(',', ",,"));
        let mut emulator = Command::new(EMULATOR)
            .args(MACHINE)
            .args(["-serial", &serial, "-kernel"])
            .arg(image)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {EMULATOR}"))?;
        let end = Instant::now() + LIMIT;
        let stream = loop {
            match UnixStream::connect(&socket) {
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
        Ok(Self { emulator, socket, stream })
    }

    /// Types a line and returns the answer, without what was typed and the next prompt.
    fn ask(&mut self, typed: &str) -> Result<String> {
        self.stream.write_all(typed.as_bytes())?;
        self.stream.write_all(b"\r")?;
        let shown = self.until(PROMPT)?;
        let echo = format!("{typed}\r\n");
        let answer = shown.strip_prefix(&echo).with_context(|| format!("{typed:?} is shown as {shown:?}"))?;
        Ok(answer.to_owned())
    }

    /// Reads up to `mark`, which is left out.
    fn until(&mut self, mark: &str) -> Result<String> {
        let end = Instant::now() + LIMIT;
        let mut bytes = Vec::new();
        while !bytes.ends_with(mark.as_bytes()) {
            let left = end.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "no {mark:?} within {} s, but {:?}", LIMIT.as_secs(), String::from_utf8_lossy(&bytes));
            self.stream.set_read_timeout(Some(left))?;
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(0) => bail!("the emulator closed the line after {:?}", String::from_utf8_lossy(&bytes)),
                Ok(_) => bytes.extend(byte),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("the serial line"),
            }
        }
        bytes.truncate(bytes.len() - mark.len());
        Ok(str::from_utf8(&bytes).context("the board shows no UTF-8")?.to_owned())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.emulator.kill().ok();
        self.emulator.wait().ok();
        fs::remove_file(&self.socket).ok();
    }
}
