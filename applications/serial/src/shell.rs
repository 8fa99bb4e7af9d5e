//! The conversation.

use core::convert::Infallible;
use core::fmt::{Display, Write as _};

use embedded_io::{Read, ReadReady, Write};
use sla_runtime::{InputKind, Session};

use crate::codec::{CHUNK, Codec, Prompt};
use crate::command::{Action, COMMANDS, Command};
use crate::counter::Counter;
use crate::editor::{Editor, Key};
use crate::engine::Engine;
use crate::error::{Failure, Unfit};
use crate::settings::Settings;
use crate::store::Store;
use crate::terminal::{Received, Terminal};

/// What stands before what is typed.
const PROMPT: &[u8] = b"> ";

/// What a shell is made of, besides a session.
#[derive(Debug)]
pub struct Parts<'b, U, S, C> {
    /// The serial line.
    pub uart: U,
    /// Where `/save` keeps the session.
    pub store: S,
    /// What the ledger counts.
    pub counter: C,
    /// Room for a line: the longest, in bytes.
    pub line: &'b mut [u8],
    /// Room for the ids of a line: [`sla_runtime::encode_words`] of its length is always enough;
    /// none for models of bytes.
    pub ids: &'b mut [u32],
    /// Length of the model's file, for the ledger.
    pub file_bytes: usize,
}

/// A session behind a serial line.
pub struct Shell<'s, 'm, 'b, U: Read + ReadReady + Write, S, C> {
    engine: Engine<'s, 'm, C>,
    terminal: Terminal<U>,
    editor: Editor<'b>,
    ids: &'b mut [u32],
    store: S,
    settings: Settings,
    file_bytes: usize,
}

impl<U: Read + ReadReady + Write, S, C> core::fmt::Debug for Shell<'_, '_, '_, U, S, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shell")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// How an answer ended.
enum End {
    Whole,
    Interrupted,
}

impl<'s, 'm, 'b, U: Read + ReadReady + Write, S: Store, C: Counter> Shell<'s, 'm, 'b, U, S, C> {
    /// A shell that goes on from where `session` is.
    ///
    /// # Errors
    /// [`Unfit`] for a model that does not read text.
    pub fn new(
        session: Session<'s, 'm>,
        parts: Parts<'b, U, S, C>,
        settings: Settings,
    ) -> Result<Self, Unfit> {
        if session.model().desc().input == InputKind::Features {
            return Err(Unfit::Features);
        }
        let Parts {
            uart,
            store,
            counter,
            line,
            ids,
            file_bytes,
        } = parts;
        let codec = Codec::new(session.model())?;
        Ok(Self {
            engine: Engine::new(session, codec, counter, &settings),
            terminal: Terminal::new(uart),
            editor: Editor::new(line),
            ids,
            store,
            settings,
            file_bytes,
        })
    }

    /// Serves the line for ever. It can be called again after a failure: the session is still
    /// there, and so are the settings.
    ///
    /// # Errors
    /// [`Failure`]: the line does not work.
    pub fn serve(&mut self) -> Result<Infallible, Failure<U::Error>> {
        self.editor.clear();
        self.terminal.bytes(b"\r\n");
        self.say(format_args!("ready; /help lists the commands"));
        loop {
            self.terminal.bytes(PROMPT);
            self.terminal.settle()?;
            self.type_line()?;
            self.obey()?;
        }
    }

    /// The session, the serial line and the store, for other work.
    pub fn into_parts(self) -> (Session<'s, 'm>, U, S) {
        (self.engine.session, self.terminal.into_uart(), self.store)
    }

    /// Takes in bytes up to the end of a line.
    fn type_line(&mut self) -> Result<(), Failure<U::Error>> {
        loop {
            let key = match self.terminal.receive()? {
                Received::Byte(byte) => self.editor.push(byte),
                Received::SecondHalf => continue,
                Received::Lost => {
                    self.editor.damage();
                    continue;
                }
            };
            match key {
                Key::Silent => continue,
                Key::Refused => self.terminal.bell(),
                Key::Cancelled => {
                    self.terminal.bytes(b"^C\r\n");
                    self.terminal.bytes(PROMPT);
                }
                Key::Typed(_) | Key::Erased(_) if !self.settings.echo => continue,
                // A tab is one column wide here, so that it can be taken back.
                Key::Typed(b'\t') => self.terminal.bytes(b" "),
                Key::Typed(byte) => self.terminal.bytes(&[byte]),
                Key::Erased(count) => (0..count).for_each(|_| self.terminal.bytes(b"\x08 \x08")),
                Key::Complete => {
                    if self.settings.echo {
                        self.terminal.bytes(b"\r\n");
                    }
                    return self.terminal.settle();
                }
            }
            self.terminal.settle()?;
        }
    }

    /// Does what the complete line asks for.
    fn obey(&mut self) -> Result<(), Failure<U::Error>> {
        let Self {
            engine,
            terminal,
            editor,
            ids,
            store,
            settings,
            file_bytes,
        } = self;
        let line = match editor.take() {
            Ok(line) => line,
            Err(e) => return refuse(terminal, &e),
        };
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(e) => return refuse(terminal, &e),
        };
        match command {
            Command::Text(text) => answer(engine, terminal, text, ids, settings.length),
            Command::Set { name, value } => match settings.set(name, value) {
                Ok(()) => {
                    // `/echo` and `/length` change nothing about which text follows.
                    if !matches!(name, "echo" | "length") {
                        engine.reseed(settings);
                    }
                    tell(terminal, format_args!("{settings}"))
                }
                Err(rule) => refuse(terminal, &format_args!("/{name} takes {}", rule.0)),
            },
            Command::Do(Action::Settings) => tell(terminal, format_args!("{settings}")),
            Command::Do(Action::Help) => help(terminal),
            Command::Do(Action::Ledger) => ledger(engine, terminal, store, settings, *file_bytes),
            Command::Do(Action::Reset) => {
                engine.reset(settings);
                tell(terminal, format_args!("reset"))
            }
            Command::Do(Action::Save) => {
                let position = engine.session.position();
                let snapshot = engine.session.snapshot();
                let written = store.write(&snapshot);
                let bytes = snapshot.bytes();
                match written {
                    Ok(()) => {
                        engine.restart(settings);
                        tell(
                            terminal,
                            format_args!("saved {bytes} bytes after {position} tokens"),
                        )
                    }
                    Err(e) => refuse(terminal, &format_args!("not saved: {e}")),
                }
            }
            Command::Do(Action::Restore) => restore(engine, terminal, store, settings),
        }
    }

    fn say(&mut self, text: core::fmt::Arguments) {
        let _ = writeln!(self.terminal, "{text}");
    }
}

/// A line of its own that says what is wrong.
fn refuse<U: Read + ReadReady + Write>(
    terminal: &mut Terminal<U>,
    why: &dyn Display,
) -> Result<(), Failure<U::Error>> {
    tell(terminal, format_args!("error: {why}"))
}

fn tell<U: Read + ReadReady + Write>(
    terminal: &mut Terminal<U>,
    what: core::fmt::Arguments,
) -> Result<(), Failure<U::Error>> {
    let _ = writeln!(terminal, "{what}");
    terminal.settle()
}

fn help<U: Read + ReadReady + Write>(terminal: &mut Terminal<U>) -> Result<(), Failure<U::Error>> {
    let _ = writeln!(
        terminal,
        "A line of text is gone on from; an empty line goes on. Ctrl-C ends an answer."
    );
    for entry in &COMMANDS {
        let width = 18usize.saturating_sub(entry.name.len());
        let _ = writeln!(
            terminal,
            "/{} {:width$} {}",
            entry.name, entry.value, entry.about
        );
    }
    terminal.settle()
}

/// Reads `text`, or goes on without one, and writes what the model makes of it.
fn answer<U: Read + ReadReady + Write, C: Counter>(
    engine: &mut Engine<C>,
    terminal: &mut Terminal<U>,
    text: &str,
    ids: &mut [u32],
    length: u32,
) -> Result<(), Failure<U::Error>> {
    let begins = engine.session.position() == 0;
    let first = [engine.first().unwrap_or_default()];
    let prompt = match (text, begins) {
        ("", false) => Ok(Prompt::Ids(&[])),
        ("", true) => match engine.first() {
            Some(_) => Ok(Prompt::Ids(&first)),
            None => Err(crate::codec::NoIds::Start),
        },
        (text, begins) => engine.codec.encode(text, begins, ids),
    };
    let mut prompt = match prompt {
        Ok(prompt) => prompt,
        Err(e) => return refuse(terminal, &e),
    };
    match generate(engine, terminal, &mut prompt, length)? {
        Ok(End::Whole) => terminal.bytes(b"\r\n"),
        Ok(End::Interrupted) => terminal.bytes(b"^C\r\n"),
        Err(e) => {
            terminal.bytes(b"\r\n");
            return refuse(terminal, &e);
        }
    }
    terminal.settle()
}

/// The loop over tokens. An interrupt ends it between two of them, with everything that was shown
/// also read.
fn generate<U: Read + ReadReady + Write, C: Counter>(
    engine: &mut Engine<C>,
    terminal: &mut Terminal<U>,
    prompt: &mut Prompt,
    length: u32,
) -> Result<Result<End, sla_runtime::StepError>, Failure<U::Error>> {
    let mut chunk = [0; CHUNK];
    while let Some(ids) = Some(prompt.next(&mut chunk))
        .and_then(|len| chunk.get(..len))
        .filter(|ids| !ids.is_empty())
    {
        if let Err(e) = engine.read(ids) {
            return Ok(Err(e));
        }
        if terminal.is_interrupted()? {
            return Ok(Ok(End::Interrupted));
        }
    }
    for _ in 0..length {
        let choice = engine.choose();
        let ended = engine.is_end(choice.0);
        if !ended {
            engine
                .codec
                .decode(choice.0, &mut |text| terminal.text(text));
            // What cannot be shown is not read: the session is as the last token left it that was.
            terminal.settle()?;
        }
        if let Err(e) = engine.follow(choice) {
            return Ok(Err(e));
        }
        if ended {
            break;
        }
        if terminal.is_interrupted()? {
            return Ok(Ok(End::Interrupted));
        }
    }
    Ok(Ok(End::Whole))
}

fn restore<U: Read + ReadReady + Write, S: Store, C: Counter>(
    engine: &mut Engine<C>,
    terminal: &mut Terminal<U>,
    store: &mut S,
    settings: &Settings,
) -> Result<(), Failure<U::Error>> {
    let Some(bytes) = store.bytes() else {
        return refuse(terminal, &"nothing is kept; /save keeps a session");
    };
    let mut failed = None;
    let restored = engine.restore(settings, |at, out| {
        store.read(at, out).map_err(|e| failed = Some(e))
    });
    match (restored, failed) {
        (Ok(()), _) => {
            let position = engine.session.position();
            tell(
                terminal,
                format_args!("restored {bytes} bytes: goes on after {position} tokens"),
            )
        }
        (Err(e), None) => refuse(terminal, &format_args!("not restored: {e}")),
        (Err(_), Some(e)) => refuse(terminal, &format_args!("not restored: {e}")),
    }
}

fn ledger<U: Read + ReadReady + Write, S: Store, C: Counter>(
    engine: &Engine<C>,
    terminal: &mut Terminal<U>,
    store: &S,
    settings: &Settings,
    file_bytes: usize,
) -> Result<(), Failure<U::Error>> {
    let model = engine.session.model();
    let plan = model.plan();
    let _ = writeln!(
        terminal,
        "model {:08x}: {file_bytes} bytes of flash",
        model.id()
    );
    let _ = writeln!(
        terminal,
        "state: {} bytes; scratch: {} bytes",
        plan.state_bytes(),
        plan.scratch_bytes()
    );
    let kept = store.bytes();
    let _ = writeln!(terminal, "kept session: {} bytes", kept.unwrap_or(0));
    let _ = writeln!(terminal, "position: {}", engine.session.position());
    for (name, tally) in [("read", engine.read), ("made", engine.made)] {
        let _ = write!(terminal, "tokens {name}: {}", tally.tokens);
        if !C::UNIT.is_empty() && tally.tokens > 0 {
            let _ = write!(terminal, ", {} {} each", tally.mean(), C::UNIT);
        }
        let _ = writeln!(terminal);
    }
    tell(terminal, format_args!("{settings}"))
}
