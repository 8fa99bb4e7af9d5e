//! Project tasks. `cargo xtask --help` lists them.

mod demo;
mod paths;
mod process;
mod qemu;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Project tasks of the Softmax Linear Attention runtime.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing: Rust targets of the microcontrollers and the emulator. Safe to repeat
    Setup,
    /// Convert a trained checkpoint, show what it costs and how close it is to float, and generate text
    Demo(demo::Options),
    /// Set up, then run all tests: the workspace, the device crates, the emulated machines
    Test(test::Options),
    /// Run the firmware on emulated microcontrollers and print one row per machine
    Qemu(qemu::Options),
    /// Measure the host kernels and the runtime
    Bench,
    /// Print code size per machine and feature
    Size,
    /// Run for a long time and check that cost, memory and drift stay flat
    Soak,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.task {
        Task::Setup => setup::command(),
        Task::Demo(options) => demo::command(&options),
        Task::Test(options) => test::command(&options),
        Task::Qemu(options) => qemu::command(&options),
        Task::Bench => Err(anyhow::anyhow!("bench: not written yet")),
        Task::Size => Err(anyhow::anyhow!("size: not written yet")),
        Task::Soak => Err(anyhow::anyhow!("soak: not written yet")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
