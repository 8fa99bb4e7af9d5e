//! The command line: one file a subcommand, over the library.
//!
//! Results go to stdout, everything else to stderr. An error is one line, `error: …`, and exit code 1; a command line that
//! makes no sense is exit code 2.

mod convert;
mod eval;
mod failure;
mod inspect;
mod logits;
mod output;
mod progress;
mod prompt;
mod run;
mod snapshot;
mod table;
mod utf8;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, Outcome};

/// Softmax Linear Attention models on microcontrollers: convert, inspect, evaluate, run.
#[derive(Parser)]
#[command(name = "sla", version, disable_help_subcommand = true, arg_required_else_help = false)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Quantise a checkpoint directory into a .sla file and report what that cost
    Convert(convert::Options),
    /// Show what is in a .sla file: sizes, memory, tensors, bounds, provenance
    Inspect(inspect::Options),
    /// Compare a .sla file with the float model it came from
    Eval(eval::Options),
    /// Write the logits of the float model or of the integer runtime
    Logits(logits::Options),
    /// Generate text with the integer runtime
    Run(run::Options),
    /// Read a prompt and write the session, for a firmware that starts behind it
    Snapshot(snapshot::Options),
}

/// Runs the process's command line.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(e) => return usage(&e),
    };
    let outcome = match &arguments.command {
        Command::Convert(options) => convert::command(options),
        Command::Inspect(options) => inspect::command(options),
        Command::Eval(options) => eval::command(options),
        Command::Logits(options) => logits::command(options),
        Command::Run(options) => run::command(options),
        Command::Snapshot(options) => snapshot::command(options),
    };
    match outcome {
        // Nobody reads the output any more, as behind `| head`: not an error.
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Error(message)) => {
            failure::error(&message);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            failure::error(&format!("{message}; see `sla convert --help`"));
            ExitCode::from(2)
        }
    }
}

/// Help and version on stdout; a wrong command line as one line.
fn usage(e: &clap::Error) -> ExitCode {
    if !e.use_stderr() {
        let shown: Outcome = output::print(&e.render().to_string());
        return match shown {
            Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let command = std::env::args().nth(1).filter(|a| Arguments::has_subcommand(a));
    let help = command.map_or("sla --help".to_string(), |c| format!("sla {c} --help"));
    failure::error(&format!("{}; see `{help}`", reason(&e.render().to_string())));
    ExitCode::from(2)
}

/// clap's message as one line: its first paragraph, and the suggestion of a similar name if it has one.
fn reason(text: &str) -> String {
    let mut paragraphs = text.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(&first).to_string();
    match paragraphs.find(|p| p.contains("similar")) {
        Some(tip) => format!("{first} ({})", tip.trim_start_matches("tip: ")),
        None => first,
    }
}

impl Arguments {
    fn has_subcommand(name: &str) -> bool {
        <Self as clap::CommandFactory>::command().find_subcommand(name).is_some()
    }
}
