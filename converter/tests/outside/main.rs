//! What other programs make of the files that `sla` writes.

mod browser;
mod tools;

use std::path::Path;
use std::process::{Command, Stdio};

use browser::the_page_looks_right_in_a_browser;
use tools::{
    bash_reads_the_completions, objcopy_reads_what_is_exported, readelf_reads_what_is_exported,
};

sla_tests::tests![
    the_page_looks_right_in_a_browser,
    objcopy_reads_what_is_exported,
    readelf_reads_what_is_exported,
    bash_reads_the_completions,
];

/// Standard output of `sla`, run in `dir` with arguments separated by spaces.
#[track_caller]
fn sla(dir: &Path, arguments: &str) -> String {
    said(
        Command::new(env!("CARGO_BIN_EXE_sla")).args(arguments.split_whitespace()),
        dir,
    )
}

/// Standard output of a program that must succeed.
#[track_caller]
fn said(command: &mut Command, dir: &Path) -> String {
    let output = command
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
