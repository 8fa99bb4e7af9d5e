//! Binutils and a shell.

use std::path::Path;
use std::process::Command;

use sla_reference::Backbone;
use sla_test_models::{self as synth, TempDir};
use sla_tests::needs::{Tried, program};

use crate::{said, sla};

const BINUTILS: &str = "the package binutils has it";
/// Across a border of 64 KiB, where an Intel HEX file needs a new upper address.
const ADDRESS: &str = "0x0802fe00";

fn needs(name: &str) -> Tried {
    program(name, BINUTILS)
}

/// A folder with `m.sla`, and its bytes.
fn converted() -> (TempDir, Vec<u8>) {
    let dir = TempDir::new();
    let (model, config) = (dir.path().join("model"), synth::small(Backbone::Gla));
    std::fs::create_dir(&model).unwrap();
    synth::write(
        &model,
        &config,
        &synth::weights(&config, 3),
        &synth::Layout::default(),
    )
    .unwrap();
    sla(dir.path(), "convert model -o m.sla");
    let bytes = std::fs::read(dir.path().join("m.sla")).unwrap();
    (dir, bytes)
}

fn export(dir: &Path, format: &str, more: &str) {
    sla(
        dir,
        &format!("export m.sla --format {format} --address {ADDRESS} -o m.{format} {more}"),
    );
}

fn tool(name: &str, arguments: &[&str], dir: &Path) -> String {
    said(Command::new(name).args(arguments), dir)
}

pub fn objcopy_reads_what_is_exported() -> Tried {
    needs("objcopy")?;
    let (dir, model) = converted();
    let dir = dir.path();
    export(dir, "hex", "--chip STM32F405");
    tool(
        "objcopy",
        &["-I", "ihex", "-O", "binary", "m.hex", "hex.bin"],
        dir,
    );
    assert_eq!(std::fs::read(dir.join("hex.bin")).unwrap(), model);
    for machine in ["--machine arm", "--machine riscv"] {
        export(dir, "elf", machine);
        tool(
            "objcopy",
            &["-I", "elf32-little", "-O", "binary", "m.elf", "elf.bin"],
            dir,
        );
        assert_eq!(std::fs::read(dir.join("elf.bin")).unwrap(), model);
    }
    Ok(())
}

pub fn readelf_reads_what_is_exported() -> Tried {
    needs("readelf")?;
    needs("objdump")?;
    let (dir, model) = converted();
    let dir = dir.path();
    export(dir, "hex", "--chip STM32F405");
    assert!(tool("objdump", &["-h", "m.hex"], dir).contains("0802fe00"));
    for (machine, name) in [
        ("--machine arm", "ARM"),
        ("--chip STM32F405", "ARM"),
        ("--machine riscv", "RISC-V"),
    ] {
        export(dir, "elf", machine);
        let headers = tool("readelf", &["-hlSsW", "m.elf"], dir);
        for part in [name, "EXEC", ".sla_model", "sla_model_end", ADDRESS] {
            assert!(headers.contains(part), "{part} in {headers}");
        }
        let symbol = |name: &str| {
            let line = headers
                .lines()
                .find(|line| line.ends_with(&format!(" {name}")))
                .unwrap();
            u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
        };
        assert_eq!(
            symbol("sla_model_end") - symbol("sla_model"),
            model.len() as u64
        );
    }
    Ok(())
}

pub fn bash_reads_the_completions() -> Tried {
    program("bash", "the package bash has it")?;
    let dir = TempDir::new();
    std::fs::write(
        dir.path().join("sla.bash"),
        sla(dir.path(), "completions bash"),
    )
    .unwrap();
    tool("bash", &["-n", "sla.bash"], dir.path());
    Ok(())
}
