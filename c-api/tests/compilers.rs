//! `sla.h` in every language standard that it is for, without a warning. A compiler or a standard
//! that is not here is shown as ignored.

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Completion, Trial};

/// Calls by pointers to what is only read.
const PROGRAM: &str = r#"
#include "sla.h"
int main(void) {
    const sla_model *model = 0;
    const sla_session *session = 0;
    const uint8_t *file = 0;
    sla_plan plan = {0, 0, 0};
    uint64_t position = 0;
    size_t bytes = 0;
    sla_status status = sla_model_plan(model, &plan);
    bool is_open = status == SLA_OK && sla_position(session, &position) != SLA_DISPLACED;
    return is_open && sla_file_bytes(file, 16, &bytes) == SLA_NULL && sla_snapshot_bytes(session, &bytes) == SLA_NULL;
}
"#;
const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];
/// Compilers, language, and standards by the names that one or another version has for them.
const COMPILERS: [(&str, &str, &[&[&str]]); 4] = [
    ("gcc", "c", C),
    ("clang", "c", C),
    ("g++", "c++", CPP),
    ("clang++", "c++", CPP),
];
const C: &[&[&str]] = &[&["c99"], &["c11"], &["c17"], &["c23", "c2x"]];
const CPP: &[&[&str]] = &[&["c++98"], &["c++11"], &["c++17"], &["c++20"]];

/// Standards that a compiler need not know.
const RECENT: [&str; 2] = ["c23", "c++20"];
/// A program without the header, to see whether it does.
const PROBE: &str = "int main(void) { return 0; }\n";

/// What the compiler says about `program`, nothing if it is well; an error where there is no such
/// compiler.
fn complaints(
    compiler: &str,
    language: &str,
    standard: &str,
    program: &str,
) -> std::io::Result<Option<String>> {
    let mut command = Command::new(compiler);
    command
        .arg(format!("-std={standard}"))
        .args(WARNINGS)
        .args(["-fsyntax-only", "-x", language, "-I"]);
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/include"))
        .arg("-");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // One that does not know the standard reads nothing.
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(program.as_bytes())
        .ok();
    let output = child.wait_with_output()?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn trial(
    compiler: &'static str,
    language: &'static str,
    standards: &'static [&'static str],
) -> Trial {
    Trial::ignorable_test(format!("{compiler} -std={}", standards[0]), move || {
        let known =
            |standard: &&&str| matches!(complaints(compiler, language, standard, PROBE), Ok(None));
        if complaints(compiler, language, standards[0], PROBE).is_err() {
            return Ok(Completion::ignored_with(format!("no {compiler}")));
        }
        let standard = match standards.iter().find(known) {
            Some(standard) => standard,
            None if RECENT.contains(&standards[0]) => {
                return Ok(Completion::ignored_with(format!(
                    "this {compiler} does not know it"
                )));
            }
            None => standards[0],
        };
        match complaints(compiler, language, standard, PROGRAM)? {
            None => Ok(Completion::Completed),
            Some(text) => Err(text.into()),
        }
    })
}

fn main() -> ExitCode {
    let trials = COMPILERS
        .into_iter()
        .flat_map(|(compiler, language, standards)| {
            standards
                .iter()
                .map(move |standards| trial(compiler, language, standards))
        });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
