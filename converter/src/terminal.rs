//! How much is said on stderr, and in which colours.

use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::Args;

/// Options that every command has.
#[derive(Args, Clone, Copy, Default)]
pub(super) struct Verbosity {
    /// No warnings and no progress on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Tell more: what `convert` chose for each matrix, where the figures of `plan` are from
    #[arg(short, long, global = true)]
    verbose: bool,
}

static CHOSEN: OnceLock<Verbosity> = OnceLock::new();

impl Verbosity {
    /// Makes this the process's choice.
    ///
    /// # Errors
    /// What contradicts itself.
    pub(super) fn choose(self) -> Result<(), &'static str> {
        // clap sees no conflict between options before and behind the command.
        if self.quiet && self.verbose {
            return Err("--quiet and --verbose contradict each other");
        }
        // Once, by `main`.
        let _ = CHOSEN.set(self);
        Ok(())
    }
}

fn chosen() -> Verbosity {
    CHOSEN.get().copied().unwrap_or_default()
}

/// Whether warnings and progress are unwanted.
pub(super) fn is_quiet() -> bool {
    chosen().quiet
}

/// Whether more is wanted.
pub(super) fn is_verbose() -> bool {
    chosen().verbose
}

/// A bar on stderr makes sense.
pub(super) fn shows_progress() -> bool {
    !is_quiet() && std::io::stderr().is_terminal()
}

/// `word` in bold and `colour` (an ANSI number) where stderr is a terminal that has colours.
pub(super) fn coloured(word: &str, colour: u8) -> String {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match std::io::stderr().is_terminal() && !set("NO_COLOR") && !is_dumb {
        true => format!("\x1b[1;{colour}m{word}\x1b[0m"),
        false => word.to_string(),
    }
}
