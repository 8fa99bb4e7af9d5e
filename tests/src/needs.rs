//! Tests that need what not every machine has: data beside the workspace, an emulator, Python, a
//! browser. One that lacks it is shown as ignored, with the reason, and never as passed. Their
//! files have no harness of the compiler's (`harness = false`) but [`tests!`](crate::tests!).

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Completion, Trial};

/// What this machine lacks, and where possible how to get it.
#[derive(Clone, Debug)]
pub struct Missing(pub String);

/// How a test ends that needs something; it fails by a panic.
pub type Tried = Result<(), Missing>;

/// What a test of [`tests!`](crate::tests!) may return.
pub trait Verdict {
    /// Why the test was not run, if it was not.
    fn missing(self) -> Option<Missing>;
}

impl Verdict for () {
    fn missing(self) -> Option<Missing> {
        None
    }
}

impl Verdict for Tried {
    fn missing(self) -> Option<Missing> {
        self.err()
    }
}

/// `main` of a file of tests, by their names: functions that return nothing or [`Tried`].
#[macro_export]
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        fn main() -> std::process::ExitCode {
            $crate::needs::run(vec![$($crate::needs::trial(stringify!($test), $test)),+])
        }
    };
}

/// A test by its name.
pub fn trial<V: Verdict + 'static>(name: &str, test: fn() -> V) -> Trial {
    Trial::ignorable_test(name, move || {
        let missing = test().missing();
        Ok(missing.map_or(Completion::Completed, |Missing(why)| {
            Completion::ignored_with(why)
        }))
    })
}

/// Runs tests as the compiler's harness does, with its options.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The folder of trained checkpoints, goldens and data beside the workspace.
///
/// # Errors
/// [`Missing`] where there is none, as in a fresh clone.
pub fn shared() -> Result<PathBuf, Missing> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if dir.is_dir() {
        Ok(dir)
    } else {
        Err(Missing("no ../shared beside the workspace".into()))
    }
}

/// A program that can be started.
///
/// # Errors
/// [`Missing`] with `hint` where it cannot.
pub fn program(name: &str, hint: &str) -> Result<(), Missing> {
    let started = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if started.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(Missing(format!("no {name}; {hint}")))
    }
}

/// What firmware for `target` takes to be built and to run in `emulator`.
///
/// # Errors
/// [`Missing`] without the compiler's `core` for the target, or without the emulator.
pub fn emulator(target: &str, emulator: &str) -> Result<(), Missing> {
    let folder = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let folder = folder.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    if !folder.is_ok_and(|folder| Path::new(&folder).is_dir()) {
        return Err(Missing(format!(
            "this compiler has no core for {target}; `cargo xtask setup` installs it"
        )));
    }
    program(emulator, "`cargo xtask setup` installs it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_ignored_and_said() {
        let log = std::env::temp_dir().join(format!("sla-needs-{}", std::process::id()));
        let arguments = Arguments {
            logfile: Some(log.display().to_string()),
            ..Arguments::default()
        };
        let lacks = trial("lacks", || Err::<(), _>(Missing("no such machine".into())));
        let trials = vec![
            trial("returns", || {}),
            trial("has", || Tried::Ok(())),
            lacks,
        ];
        let conclusion = libtest_mimic::run(&arguments, trials);
        let said = std::fs::read_to_string(&log).expect("a log");
        std::fs::remove_file(&log).expect("a log");
        assert_eq!(
            (
                conclusion.num_passed,
                conclusion.num_ignored,
                conclusion.num_failed
            ),
            (2, 1, 0)
        );
        assert!(
            said.contains("ignored") && said.contains("no such machine"),
            "{said}"
        );
    }

    /// A test that leaves early says why by [`Missing`].
    #[test]
    fn no_test_skips_itself() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("a folder in the repository");
        let mut folders: Vec<PathBuf> = [
            "applications",
            "c-api",
            "converter",
            "kernels-simd",
            "runtime",
            "tests",
        ]
        .map(|name| root.join(name))
        .to_vec();
        let mut sources = 0;
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(&folder)
                .expect("a folder")
                .map(|entry| entry.expect("an entry").path())
            {
                if path.is_dir() && !path.ends_with("target") {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs")
                    && path != root.join("tests/src/needs.rs")
                {
                    let text = std::fs::read_to_string(&path).expect("a source");
                    assert!(!text.contains("println!(\"skipped"), "{}", path.display());
                    sources += 1;
                }
            }
        }
        assert!(sources > 200, "{sources}");
    }
}
