//! `sla completions` and `sla man`

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::failure::{Outcome, fail};
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
    /// Folder for sla.1 and a page for each command, which must be there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Prints a script for a shell.
pub(super) fn completions(options: &CompletionOptions, mut command: Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "sla", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes the man pages.
pub(super) fn man(options: &ManOptions, mut command: Command) -> Outcome {
    let folder = &options.output;
    if !folder.is_dir() {
        return fail(format!(
            "{}: no such folder; create it first",
            folder.display()
        ));
    }
    command.build();
    let pages = command
        .get_subcommands()
        .map(|sub| (format!("sla-{}", sub.get_name()), sub.clone()));
    let mut files = Vec::new();
    for (name, command) in [("sla".to_string(), command.clone())]
        .into_iter()
        .chain(pages)
    {
        let mut page = Vec::new();
        clap_mangen::Man::new(command.display_name(&name))
            .title(name.to_uppercase())
            .render(&mut page)?;
        files.push((OutputFile::new(&folder.join(format!("{name}.1")))?, page));
    }
    files.iter().try_for_each(|(file, page)| file.write(page))?;
    print(&format!(
        "wrote {} pages into {}\n",
        files.len(),
        folder.display()
    ))
}
