//! `sla completions` and `sla man`

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::failure::{Failure, Outcome};
use super::output::{OutputFile, print};

/// Options of `sla completions`.
#[derive(Args)]
pub(super) struct CompletionOptions {
    /// Shell to complete in; the script goes to stdout
    #[arg(value_enum)]
    shell: Shell,
}

/// Options of `sla man`.
#[derive(Args)]
pub(super) struct ManOptions {
    /// Folder for sla.1 and a page for each command; it is made if need be
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Prints a script for a shell.
pub(super) fn completions(options: &CompletionOptions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut super::command_line(), "sla", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes the man pages.
pub(super) fn man(options: &ManOptions) -> Outcome {
    let folder = &options.output;
    let failed = |e: std::io::Error| Failure::Error(format!("{}: {e}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut command = super::command_line();
    command.build();
    let pages = command.get_subcommands().map(|sub| (format!("sla-{}", sub.get_name()), sub.clone()));
    let pages: Vec<_> = [("sla".to_string(), command.clone())].into_iter().chain(pages).collect();
    let count = pages.len();
    for (name, command) in pages {
        let mut page = Vec::new();
        clap_mangen::Man::new(command.display_name(&name))
            .title(name.to_uppercase())
            .render(&mut page)
            .map_err(failed)?;
        OutputFile::new(&folder.join(format!("{name}.1")))?.write(&page)?;
    }
    print(&format!("wrote {count} pages into {}\n", folder.display()))
}
