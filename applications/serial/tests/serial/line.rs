//! A serial line that does what a test says, small models, and what a shell has to write about
//! them.

use std::collections::VecDeque;

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use sla_reference::{Backbone, Config, Input};
use sla_runtime::{Model, Sampler, SamplerConfig, Session};
use sla_serial::{Decimal, Failure, Parts, RamStore, Settings, Shell, Store};
use sla_test_models as synth;
use sla_tests::Case;

/// Bytes of a line.
pub const LINE: usize = 64;
/// Words for its ids.
pub const IDS: usize = 96;

/// What comes in.
#[derive(Clone)]
pub enum In {
    /// Typed as soon as the shell waits for it.
    Typed(Vec<u8>),
    /// Typed while an answer is made, after so many looks for it.
    During(usize, Vec<u8>),
    /// A read that fails.
    Lost,
}

/// Text that is typed.
pub fn typed(text: impl AsRef<[u8]>) -> In {
    In::Typed(text.as_ref().to_vec())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Ready,
    Write,
    Flush,
}

/// The call that fails, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub Call, pub usize);

impl embedded_io::Error for Fault {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

#[derive(Default)]
pub struct Fake {
    pub script: VecDeque<In>,
    pub output: Vec<u8>,
    /// Bytes that a write takes at most; 0 for all.
    pub short: usize,
    /// Calls so far, and which of them fail.
    pub calls: Vec<Call>,
    pub fail: Vec<usize>,
    pub closed: bool,
}

impl Fake {
    pub fn new(script: impl IntoIterator<Item = In>) -> Self {
        Self {
            script: script.into_iter().collect(),
            ..Self::default()
        }
    }

    fn call(&mut self, call: Call) -> Result<(), Fault> {
        let number = self.calls.len();
        self.calls.push(call);
        if self.fail.contains(&number) {
            Err(Fault(call, number))
        } else {
            Ok(())
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.output.clone()).expect("UTF-8")
    }
}

impl ErrorType for Fake {
    type Error = Fault;
}

impl Read for Fake {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.call(Call::Read)?;
        loop {
            let bytes = match self.script.front_mut() {
                None => {
                    self.closed = true;
                    return Ok(0);
                }
                Some(In::Lost) => {
                    self.script.pop_front();
                    return Err(Fault(Call::Read, usize::MAX));
                }
                Some(In::Typed(bytes) | In::During(_, bytes)) => bytes,
            };
            if bytes.is_empty() {
                self.script.pop_front();
                continue;
            }
            buffer[0] = bytes.remove(0);
            return Ok(1);
        }
    }
}

impl ReadReady for Fake {
    fn read_ready(&mut self) -> Result<bool, Fault> {
        self.call(Call::Ready)?;
        while let Some(In::Typed(bytes) | In::During(_, bytes)) = self.script.front()
            && bytes.is_empty()
        {
            self.script.pop_front();
        }
        match self.script.front_mut() {
            Some(In::During(0, _)) => Ok(true),
            Some(In::During(looks, _)) => {
                *looks -= 1;
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

impl Write for Fake {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        self.call(Call::Write)?;
        let count = if self.short == 0 {
            bytes.len()
        } else {
            bytes.len().min(self.short)
        };
        self.output.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.call(Call::Flush)
    }
}

/// A counter of ten units a reading, so that a token's cost is known.
pub struct Tens(pub u32);

impl sla_serial::Counter for Tens {
    const UNIT: &'static str = "cycles";

    fn now(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(5);
        self.0
    }

    fn units(ticks: u32) -> u64 {
        2 * u64::from(ticks)
    }
}

/// A random language model.
pub fn model_of(vocab: usize, seed: u64) -> Case {
    let config = Config {
        outputs: vocab,
        input: Input::Tokens { vocab },
        ..synth::small(Backbone::Gla)
    };
    Case::of(config.clone(), synth::weights(&config, seed))
}

/// A random model of bytes.
pub fn bytes_model() -> Case {
    model_of(256, 3)
}

/// A random model of feature vectors.
pub fn feature_model() -> Case {
    let input = Input::Features {
        size: 4,
        mean: vec![0.0; 4],
        std: vec![1.0; 4],
    };
    let config = Config {
        outputs: 3,
        input,
        ..synth::small(Backbone::Gla)
    };
    Case::of(config.clone(), synth::weights(&config, 3))
}

/// Serves `fake` with `session` until it closes, over and over after other failures, which are
/// returned.
pub fn serve<'s, 'm, S: Store>(
    session: Session<'s, 'm>,
    fake: Fake,
    store: S,
    settings: Settings,
) -> (Session<'s, 'm>, Fake, S, Vec<Failure<Fault>>) {
    let (mut line, mut ids) = (vec![0; LINE], vec![0; IDS]);
    let parts = Parts {
        uart: fake,
        store,
        counter: Tens(u32::MAX - 100),
        line: &mut line,
        ids: &mut ids,
        file_bytes: 12_345,
    };
    let mut shell = Shell::new(session, parts, settings).expect("a model that reads text");
    let mut failures = Vec::new();
    loop {
        match shell.serve() {
            Err(Failure::Closed) => break,
            Err(failure) => failures.push(failure),
        }
    }
    let (session, fake, store) = shell.into_parts();
    assert!(fake.closed);
    (session, fake, store, failures)
}

/// What a fresh shell writes to `script`, without echo.
pub fn dialogue(case: &Case, script: impl IntoIterator<Item = In>) -> String {
    let (model, mut memory) = (case.file.model(), case.file.memory());
    let session = memory.session(&model).expect("buffers of the model's size");
    let mut slot = vec![0; snapshot_bytes(&model)];
    let (_, fake, _, failures) =
        serve(session, Fake::new(script), RamStore::new(&mut slot), SILENT);
    assert_eq!(failures, []);
    fake.text()
}

/// The defaults without echo.
pub const SILENT: Settings = Settings {
    temperature: Decimal::new(8, 1),
    top_k: 40,
    top_p: Decimal::new(95, 2),
    penalty: Decimal::new(1, 0),
    seed: 0,
    length: 256,
    echo: false,
};

pub fn snapshot_bytes(model: &Model) -> usize {
    model.plan().snapshot_bytes(model.desc())
}

/// The answers in what a shell without echo wrote: what stands between its prompts.
pub fn answers(text: &str) -> Vec<&str> {
    let body = text
        .strip_prefix("\r\nready; /help lists the commands\r\n> ")
        .expect("a greeting");
    let mut answers: Vec<&str> = body.split("\r\n> ").collect();
    assert_eq!(answers.pop(), Some(""), "{body:?}");
    answers
}

/// `n` ids after a prompt that is read one token at a time, by the runtime alone; the session goes
/// on from them.
pub fn continuation(
    session: &mut Session,
    sampler: &mut Sampler,
    prompt: &[u32],
    n: usize,
) -> Vec<u32> {
    for &id in prompt {
        sampler.observe(id);
        session.step(id).expect("a token of the model");
    }
    let next = |_| {
        let id = sampler.sample(&mut session.logits());
        session.step(id).expect("a token of the model");
        id
    };
    (0..n).map(next).collect()
}

/// [`continuation`] from the start of a stream.
pub fn fresh(case: &Case, config: SamplerConfig, prompt: &[u32], n: usize) -> Vec<u32> {
    let (model, mut memory) = (case.file.model(), case.file.memory());
    let mut session = memory.session(&model).expect("buffers of the model's size");
    continuation(&mut session, &mut Sampler::new(config), prompt, n)
}

/// How a shell writes the bytes that a model made; a character that is not complete at the end is
/// held back.
pub fn shown(ids: &[u32]) -> String {
    let mut bytes: Vec<u8> = ids
        .iter()
        .map(|&id| u8::try_from(id).expect("a byte"))
        .collect();
    for len in (1..4).rev().filter(|&len| len <= bytes.len()) {
        let tail = &bytes[bytes.len() - len..];
        if std::str::from_utf8(tail).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
        {
            bytes.truncate(bytes.len() - len);
            break;
        }
    }
    pictured(&String::from_utf8_lossy(&bytes))
}

/// Line breaks as a terminal wants them, other control characters as pictures.
pub fn pictured(text: &str) -> String {
    let show = |c: char| match c {
        '\n' => "\r\n".to_owned(),
        '\t' => c.to_string(),
        '\u{7f}' => "\u{2421}".to_owned(),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c))
            .expect("a picture")
            .to_string(),
        '\u{80}'..='\u{9f}' => "\u{fffd}".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(show).collect()
}

/// The bytes of a text as ids.
pub fn ids(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}
