//! Project tasks. `cargo xtask --help` lists them.

mod bench;
mod boards;
mod c_api;
mod costs;
mod demo;
mod fuzz;
mod generated;
mod models;
mod msrv;
mod paths;
mod process;
mod proof;
mod qemu;
mod setup;
mod size;
mod sla;
mod soak;
mod table;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Project tasks of the Softmax Linear Attention runtime.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing: Rust targets of the microcontrollers and the emulator. Safe to
    /// repeat
    Setup,
    /// Convert the checkpoints of models/ into target/models/
    Models,
    /// Convert a trained checkpoint, show what it costs and how close it is to float, and generate
    /// text
    Demo(demo::Options),
    /// Set up, then run all tests: the workspace, the device crates, the proof, the emulated
    /// machines
    Test(test::Options),
    /// Run the firmware on emulated microcontrollers and print one row per machine
    Qemu(qemu::Options),
    /// Count the instructions of every kernel and of whole tokens, and compare them with
    /// docs/kernels.md
    Bench(bench::Options),
    /// Fit the cost model of `sla plan` to instructions counted on the emulated machines
    Costs(costs::Options),
    /// Prove that the token path has no float, no allocator and no panic path
    Proof,
    /// Print the code size per machine and backbone
    Size(size::Options),
    /// Build the firmware of every board, check its memory map, and keep the table of
    /// docs/boards.md
    Boards(boards::Options),
    /// Build the C library for every target
    CApi(c_api::Options),
    /// Fuzz the parsers and what runs behind them, with coverage guidance and the address sanitizer
    Fuzz(fuzz::Options),
    /// Run for a long time, on the host and on the emulated machines
    Soak(soak::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.task {
        Task::Setup => setup::command(),
        Task::Models => models::command(),
        Task::Demo(options) => demo::command(&options),
        Task::Test(options) => test::command(&options),
        Task::Qemu(options) => qemu::command(&options),
        Task::Bench(options) => bench::command(&options),
        Task::Costs(options) => costs::command(&options),
        Task::Proof => proof::command(),
        Task::Size(options) => size::command(&options),
        Task::Boards(options) => boards::command(&options),
        Task::CApi(options) => c_api::command(&options),
        Task::Fuzz(options) => fuzz::command(&options),
        Task::Soak(options) => soak::command(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
