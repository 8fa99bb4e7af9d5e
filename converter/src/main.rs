//! `sla`: converts checkpoints to `.sla` files, inspects and evaluates them, and generates text.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
