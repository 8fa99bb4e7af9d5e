//! Where results go: files, links, pipes, stdout, and outputs that do not take them.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use sla_reference::{Backbone, Config};

use crate::data_files::ids;
use crate::{Case, Run, bytes_config, contains};

/// Every command that writes a file, up to the file's name.
const WRITERS: [&str; 7] = [
    "convert model -o",
    "export m.sla --format hex --address 0 -o",
    "snapshot m.sla --prompt ab -o",
    "logits --model m.sla --input in.safetensors -o",
    "logits --checkpoint model --input in.safetensors -o",
    "eval m.sla --checkpoint model --text text --report",
    "eval m.sla --checkpoint model --stream 40 --plot",
];

/// A case with what the [`WRITERS`] read.
fn case() -> Case {
    let case = Case::converted(&bytes_config(Backbone::Gla));
    case.write("in.safetensors", ids(&[1, 2, 3]));
    case.write("text", "some text to look at");
    case
}

/// Runs a line of the shell in which `$sla` is the binary.
fn shell(case: &Case, line: &str) -> Run {
    let command = Command::new("bash")
        .args(["-c", line])
        .env("sla", env!("CARGO_BIN_EXE_sla"))
        .current_dir(case.path())
        .stdin(Stdio::null())
        .output();
    Run::of(command.unwrap())
}

/// The file of a page holds the command that made it, with the output's name.
fn is_page(line: &str) -> bool {
    line.contains("--report")
}

#[test]
fn pipes_and_stdout_take_what_files_take() {
    let case = case();
    for line in WRITERS {
        case.sla(&format!("{line} expected")).ok();
        let expected = fs::read(case.file("expected")).unwrap();
        let same = |bytes: &[u8], how: &str| match is_page(line) {
            true => assert!(
                bytes.starts_with(b"<!DOCTYPE html>") && bytes.trim_ascii().ends_with(b"</html>"),
                "{line}: {how}"
            ),
            false => assert!(bytes == expected, "{line}: {how}, {} bytes", bytes.len()),
        };
        for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            let run = case.sla(&format!("{line} {name}"));
            assert_eq!(run.code, 0, "{}", run.stderr);
            same(&run.stdout, name);
            // What people read goes to stderr.
            assert!(
                run.stderr.contains("stdout") || !line.contains("convert"),
                "{}",
                run.stderr
            );
            let quiet = case.sla(&format!("{line} {name} --quiet"));
            assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
            same(&quiet.stdout, "quiet");
        }
        for (how, shell_line) in [
            ("a pipe", format!("$sla {line} /dev/stdout -q | cat > got")),
            ("a file by redirection", format!("$sla {line} - -q > got")),
            (
                "the end of a file",
                format!("echo -n > got; $sla {line} /dev/stdout -q >> got"),
            ),
            (
                "a process",
                format!(
                    "$sla {line} >(cat > got; touch done) -q; until test -e done; do sleep 0.01; done; rm done"
                ),
            ),
            ("a descriptor", format!("$sla {line} /dev/fd/7 7> got -q")),
            (
                "a named pipe",
                format!(
                    "mkfifo pipe; cat pipe > got & $sla {line} pipe -q; wait; test -p pipe && rm pipe"
                ),
            ),
        ] {
            let run = shell(&case, &shell_line);
            assert_eq!(run.code, 0, "{shell_line}: {}", run.stderr);
            same(&fs::read(case.file("got")).unwrap(), how);
            fs::remove_file(case.file("got")).unwrap();
        }
    }
    assert_eq!(
        case.list(),
        ["expected", "in.safetensors", "m.sla", "model", "text"]
    );
}

#[test]
fn stdin_and_stdout_go_together() {
    let case = case();
    let text = fs::read(case.file("text")).unwrap();
    for line in [
        "eval m.sla --checkpoint model --json --text",
        "eval m.sla --checkpoint model --json --stream 30 --text",
        "compare m.sla m.sla --checkpoint model --json --text",
        "convert model -o - -q --calibration",
        "logits --model m.sla -o - --input",
    ] {
        let file = if line.contains("--input") {
            "in.safetensors"
        } else {
            "text"
        };
        let expected = case.sla(&format!("{line} {file}"));
        let piped = shell(&case, &format!("cat {file} | $sla {line} -"));
        assert_eq!((piped.code, piped.stderr.as_str()), (0, ""), "{line}");
        assert!(
            piped.stdout == expected.stdout && !piped.stdout.is_empty(),
            "{line}"
        );
    }
    assert!(!text.is_empty());
    let error = case.sla("eval m.sla --checkpoint model --text -").error(1);
    contains(&error, &["stdin: the file is empty; give a text"]);
    // Both on stdout is a contradiction.
    for line in ["--report -", "--stream 9 --plot /dev/stdout"] {
        let error = case
            .sla(&format!(
                "eval m.sla --checkpoint model --text text --json {line}"
            ))
            .error(2);
        contains(&error, &["--json prints on stdout", "give a file"]);
    }
    // A model may come through a pipe as well.
    let run = shell(
        &case,
        "$sla convert model -o - -q | $sla inspect /dev/stdin && $sla inspect <(cat m.sla)",
    );
    contains(&run.ok(), &["self-test: passed"]);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let case = case();
    for line in WRITERS {
        for to in [
            "- | head -c 10",
            "/dev/stdout | head -c 10",
            ">(head -c 10 > /dev/null)",
        ] {
            let run = shell(
                &case,
                &format!("set -o pipefail; $sla {line} {to} > /dev/null"),
            );
            assert_eq!(run.code, 0, "{line} {to}: {}", run.stderr);
            assert!(
                !run.stderr.contains("panicked") && !run.stderr.contains("error: "),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn outputs_that_take_nothing_are_one_line() {
    let case = case();
    fs::create_dir(case.file("folder")).unwrap();
    case.write("kept", "kept");
    fs::set_permissions(case.file("kept"), PermissionsExt::from_mode(0o444)).unwrap();
    let before = case.list();
    let long = "n".repeat(256);
    for line in WRITERS {
        for (name, reason) in [
            (
                "/dev/full",
                "/dev/full: cannot be written: the disk is full; make room",
            ),
            ("folder", "folder: is a folder; give the name of the file"),
            ("folder/", "folder/: is a folder; give the name of the file"),
            (
                "absent/",
                "absent/: no such folder; give the name of the file",
            ),
            (
                "absent/x",
                "absent/x: no such folder absent; create it first",
            ),
            (
                "text/x",
                "text/x: cannot be written: a part of this path is no folder",
            ),
            ("kept", "kept: is read-only; make it writable"),
            (
                "/dev/fd/99",
                "/dev/fd/99: no such open file; check the redirection",
            ),
            (
                &long,
                "the name is too long for this disk; choose a shorter one",
            ),
        ] {
            contains(&case.sla(&format!("{line} {name}")).error(1), &[reason]);
            assert_eq!(case.list(), before, "{line} {name}");
        }
        let error = shell(&case, &format!("$sla {line} - > /dev/full")).error(1);
        contains(&error, &["stdout: cannot be written: the disk is full"]);
    }
    assert_eq!(fs::read(case.file("kept")).unwrap(), b"kept");
    // A folder that takes no files; root may write anywhere but in a file system that makes none.
    let error = case.sla("convert nowhere -o /proc/self/task/x").error(1);
    assert!(error.starts_with("/proc/self/task/x: "), "{error}");
}

#[test]
fn the_longest_and_the_shortest_names_work() {
    let case = case();
    for name in ["a", "ab", ".a", &"n".repeat(255), &"ü".repeat(127)] {
        for _ in 0..2 {
            case.sla(&format!("convert model -o {name}")).ok();
        }
        assert_eq!(
            fs::read(case.file(name)).unwrap(),
            fs::read(case.file("m.sla")).unwrap()
        );
        fs::remove_file(case.file(name)).unwrap();
    }
    assert_eq!(case.list(), ["in.safetensors", "m.sla", "model", "text"]);
}

#[test]
fn what_is_replaced_keeps_its_permissions() {
    let case = case();
    let mode = |name: &str| fs::metadata(case.file(name)).unwrap().permissions().mode() & 0o777;
    // As any new file gets them.
    File::create(case.file("new")).unwrap();
    assert_eq!(mode("m.sla"), mode("new"));
    fs::set_permissions(case.file("new"), PermissionsExt::from_mode(0o640)).unwrap();
    symlink("new", case.file("link")).unwrap();
    case.sla("convert model -o link").ok();
    assert_eq!(mode("new"), 0o640);
    assert!(case.file("link").is_symlink());
    assert_eq!(
        fs::read(case.file("new")).unwrap(),
        fs::read(case.file("m.sla")).unwrap()
    );
}

/// The last of several conversions wins whole.
#[test]
fn writers_of_one_output_never_mix() {
    let case = case();
    let other = Config {
        intermediate: 40,
        ..bytes_config(Backbone::Gla)
    };
    let other = Case::converted(&other);
    let whole = [&case, &other].map(|case| fs::read(case.file("m.sla")).unwrap());
    let models = [case.file("model"), other.file("model")];
    let convert = |model: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sla"));
        command
            .args(["convert", "-o", "out.sla", "-q"])
            .arg(model)
            .current_dir(case.path());
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    for _ in 0..3 {
        let mut running: Vec<_> = models
            .iter()
            .chain(&models)
            .map(|model| convert(model))
            .collect();
        while running
            .iter_mut()
            .any(|child| child.try_wait().unwrap().is_none())
        {
            if let Ok(bytes) = fs::read(case.file("out.sla")) {
                assert!(whole.contains(&bytes), "{} bytes", bytes.len());
            }
        }
        assert!(
            running
                .into_iter()
                .all(|mut child| child.wait().unwrap().success())
        );
    }
    assert_eq!(
        case.list(),
        ["in.safetensors", "m.sla", "model", "out.sla", "text"]
    );
}

#[test]
fn a_pipe_is_read_while_it_is_written() {
    let case = case();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sla"))
        .args([
            "export",
            "/dev/stdin",
            "--format",
            "bin",
            "--address",
            "0",
            "-o",
            "-",
        ])
        .current_dir(case.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let model = fs::read(case.file("m.sla")).unwrap();
    child.stdin.take().unwrap().write_all(&model).unwrap();
    let mut got = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut got).unwrap();
    assert!(child.wait().unwrap().success() && got == model);
}
