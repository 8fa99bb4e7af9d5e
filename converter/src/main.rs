//! `sla`: converts checkpoints to `.sla` files, inspects and evaluates them, and generates text. One
//! file a subcommand, over the libraries.
//!
//! Results go to stdout, everything else to stderr. An error is one line, `error: …`, and exit code
//! 1; a command line that makes no sense is exit code 2.
#![forbid(unsafe_code)]

mod address;
mod compare;
mod convert;
mod documents;
mod eval;
mod examples;
mod export;
mod failure;
mod flash;
mod inspect;
mod logits;
mod number;
mod output;
mod plan;
mod progress;
mod prompt;
mod run;
mod snapshot;
mod table;
mod terminal;
mod text;
mod tokenize;
mod utf8;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::{Failure, Outcome};

/// Softmax Linear Attention models on microcontrollers: convert, inspect, evaluate, run.
#[derive(Parser)]
#[command(
    name = "sla",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = false
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    verbosity: terminal::Verbosity,
}

#[derive(Subcommand)]
enum Command {
    /// Quantise a checkpoint directory into a .sla file and report what that cost
    Convert(convert::Options),
    /// Show what is in a .sla file: sizes, memory, tensors, bounds, provenance
    Inspect(inspect::Options),
    /// Compare a .sla file with the float model it came from
    Eval(eval::Options),
    /// Compare two .sla files of one checkpoint: size, memory, instructions, closeness to float
    Compare(compare::Options),
    /// Write the logits of the float model or of the integer runtime
    Logits(logits::Options),
    /// Generate text with the integer runtime
    Run(run::Options),
    /// Read a prompt and write the session, for a firmware that starts behind it
    Snapshot(snapshot::Options),
    /// Print the ids of a text, or the text of ids
    Tokenize(tokenize::Options),
    /// Tell whether a .sla file fits a chip and estimate how fast it runs there
    Plan(plan::Options),
    /// Write a .sla file as Intel HEX, ELF, UF2 or plain bytes for a flash address
    Export(export::Options),
    /// Write a .sla file into a chip's flash through a debug probe, and read it back
    Flash(flash::Options),
    /// Print a completion script for a shell
    Completions(documents::CompletionOptions),
    /// Write the man pages
    Man(documents::ManOptions),
}

/// Runs the process's command line.
fn main() -> ExitCode {
    let parsed = command_line()
        .try_get_matches()
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(e) => return usage(&e),
    };
    match arguments
        .verbosity
        .choose()
        .map_err(|contradiction| Failure::Usage(contradiction.into()))
        .and_then(|()| run_command(&arguments.command))
    {
        // Nobody reads the output any more, as behind `| head`: not an error.
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Error(message)) => {
            failure::error(&message);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            failure::error(&format!("{message}; see `{}`", help()));
            ExitCode::from(2)
        }
    }
}

fn run_command(command: &Command) -> Outcome {
    match command {
        Command::Convert(options) => convert::command(options),
        Command::Inspect(options) => inspect::command(options),
        Command::Eval(options) => eval::command(options),
        Command::Compare(options) => compare::command(options),
        Command::Logits(options) => logits::command(options),
        Command::Run(options) => run::command(options),
        Command::Snapshot(options) => snapshot::command(options),
        Command::Tokenize(options) => tokenize::command(options),
        Command::Plan(options) => plan::command(options),
        Command::Export(options) => export::command(options),
        Command::Flash(options) => flash::command(options),
        Command::Completions(options) => documents::completions(options, command_line()),
        Command::Man(options) => documents::man(options, command_line()),
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
    failure::error(&format!(
        "{}; see `{}`",
        reason(&e.render().to_string()),
        help()
    ));
    ExitCode::from(2)
}

/// The command line that shows the help of the process's command.
fn help() -> String {
    let is_command = |word: &String| Arguments::command().find_subcommand(word).is_some();
    std::env::args()
        .skip(1)
        .find(is_command)
        .map_or("sla --help".into(), |command| {
            format!("sla {command} --help")
        })
}

/// clap's message as one line: its first paragraph, and the suggestion of a similar name if it has
/// one.
fn reason(text: &str) -> String {
    let mut paragraphs = text
        .split("\n\n")
        .map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(&first).to_string();
    match paragraphs.find(|p| p.contains("similar")) {
        Some(tip) => format!("{first} ({})", tip.trim_start_matches("tip: ")),
        None => first,
    }
}

/// The command line with what stands below each help.
fn command_line() -> clap::Command {
    let mut command = Arguments::command().after_help(examples::EXIT_CODES);
    for (name, example) in examples::EXAMPLES {
        command = command.mut_subcommand(name, |sub| {
            sub.after_help(format!("Example:\n  sla {example}"))
        });
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_an_example_that_parses() {
        command_line().debug_assert();
        for sub in Arguments::command().get_subcommands() {
            let name = sub.get_name();
            let (_, example) = examples::EXAMPLES
                .iter()
                .find(|(of, _)| *of == name)
                .expect(name);
            // What follows is the shell's.
            let words = example
                .split(" > ")
                .next()
                .into_iter()
                .flat_map(str::split_whitespace);
            let parsed = Arguments::try_parse_from(["sla"].into_iter().chain(words));
            parsed.unwrap_or_else(|e| panic!("{example}: {e}"));
            assert!(example.starts_with(&format!("{name} ")), "{example}");
        }
    }
}
