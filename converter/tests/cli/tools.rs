//! Commands around the model: plan, compare, export, flash, completions, man pages.

use std::path::Path;

use serde_json::Value;
use sla_reference::{Backbone, Config};
use sla_test_models as synth;

use crate::{Case, bytes_config, contains, features_config, wide_config};

#[test]
fn a_plan_has_every_chip() {
    let case = Case::converted(&wide_config());
    let plan = case.sla("plan m.sla --json").json();
    let chips = plan["chips"].as_array().unwrap();
    assert_eq!(chips.len(), 14);
    let bytes = std::fs::metadata(case.file("m.sla")).unwrap().len();
    let inspected = case.sla("inspect m.sla --json").json();
    for chip in chips {
        let number = |value: &Value| value.as_u64().unwrap();
        assert_eq!(
            number(&chip["flash"]["used"]),
            bytes + number(&chip["code_bytes"])
        );
        let buffers = chip["ram"]["buffers"].as_array().unwrap();
        let length =
            |name: &str| number(&buffers.iter().find(|b| b["what"] == name).unwrap()["bytes"]);
        assert_eq!(length("state"), number(&inspected["state_bytes"]));
        assert_eq!(length("scratch"), number(&inspected["scratch_bytes"]));
        assert_eq!(
            length("state") + length("scratch") + length("stack"),
            number(&chip["ram"]["used"])
        );
        assert_eq!(chip["fits"], true, "{chip}");
        let speed = &chip["speed_estimate"];
        assert_eq!(speed.is_null(), chip["chip"] == "ESP32-S3");
        assert_eq!(
            chip["code_and_stack_are"],
            if speed.is_null() {
                "assumed"
            } else {
                "measured"
            }
        );
        if !speed.is_null() {
            let ends = |key: &str| [0, 1].map(|end| speed[key][end].as_f64().unwrap());
            let ([slow, fast], [least, most]) =
                (ends("tokens_per_second"), ends("cycles_per_token"));
            assert!(0.0 < slow && slow < fast && least < most);
            let hertz = 1e6 * chip["mhz"].as_f64().unwrap();
            assert!(
                (fast * least / hertz - 1.0).abs() < 1e-9
                    && (slow * most / hertz - 1.0).abs() < 1e-9
            );
        }
    }
    let table = case.sla("plan m.sla").ok();
    contains(
        &table,
        &[
            "tokens/s (estimate)",
            "nRF52840",
            "Corstone-300",
            "firmware and stack of the ESP32-S3 are assumed",
        ],
    );
    contains(
        &case.sla("plan m.sla --chip ESP32-S3").ok(),
        &["code, constants and stack are assumed"],
    );
    let detail = case.sla("plan m.sla --chip nrf52840").ok();
    contains(
        &detail,
        &[
            "tokens/s (estimate)",
            "cortex-m4 at 64 MHz",
            "PS v1.7",
            "flash left",
            "RAM left",
        ],
    );
}

#[test]
fn what_does_not_fit_says_what_would_help() {
    // 256 bytes of vocabulary and a wide MLP: above the 512 KB of an STM32F446.
    let config = Config {
        hidden: 128,
        intermediate: 1024,
        layers: 2,
        ..wide_config()
    };
    let case = Case::converted(&config);
    let run = case.sla("plan m.sla --chip STM32F446");
    assert_eq!(run.code, 1);
    let detail = String::from_utf8(run.stdout).unwrap();
    contains(
        &detail,
        &[
            "m.sla on STM32F446",
            "code and constants",
            "flash missing",
            "RAM left",
        ],
    );
    assert!(!detail.contains("tokens/s"), "{detail}");
    contains(
        &run.stderr,
        &[
            "does not fit STM32F446",
            "bytes of flash are missing",
            "--weights int4",
        ],
    );
    // The table alone is no failure.
    contains(
        &case.sla("plan m.sla").ok(),
        &["does not fit", "--weights int4 saves"],
    );
    contains(
        &case.sla("plan m.sla --chip stm32f404").error(2),
        &["STM32F405", "sla plan --help"],
    );
    contains(
        &case.sla("plan m.sla --chip z80").error(2),
        &["nRF52840", "RP2040"],
    );
}

#[test]
fn estimates_follow_the_options() {
    let case = Case::converted(&wide_config());
    case.sla("convert model -o 4.sla --weights int4").ok();
    case.sla("convert model -o 16.sla --state int16").ok();
    let instructions = |name: &str| -> f64 {
        let plan = case
            .sla(&format!("plan {name} --chip nRF52840 --json"))
            .json();
        plan["chips"][0]["speed_estimate"]["instructions_per_token"]
            .as_f64()
            .unwrap()
    };
    case.sla("convert model -o head.sla --weights int4 --head int4")
        .ok();
    // What the options save is what they do save; provenance differs by some bytes.
    let plan = case.sla("plan m.sla --json").json();
    let saves = |key: &str| plan[key].as_u64().unwrap();
    let bytes = |name: &str| std::fs::metadata(case.file(name)).unwrap().len();
    let near =
        |said: u64, from: &str, to: &str| said > 0 && said.abs_diff(bytes(from) - bytes(to)) <= 64;
    assert!(
        near(saves("int4_would_save_bytes"), "m.sla", "4.sla"),
        "{plan}"
    );
    assert!(
        near(saves("int4_head_would_save_bytes"), "4.sla", "head.sla"),
        "{plan}"
    );
    let [int8, int4, int16] = ["m.sla", "4.sla", "16.sla"].map(instructions);
    assert!(1.05 * int8 < int4 && int4 < 1.6 * int8, "{int8} {int4}");
    assert!(
        int8 != int16 && (int16 / int8 - 1.0).abs() < 0.2,
        "{int8} {int16}"
    );
}

#[test]
fn two_files_are_compared() {
    let case = Case::converted(&wide_config());
    case.sla("convert model -o 4.sla --weights int4").ok();
    case.write(
        "text",
        "To be, or not to be: that is the question. ".repeat(20),
    );
    let report = case
        .sla("compare m.sla 4.sla --checkpoint model --text text --json")
        .json();
    let files = report["files"].as_array().unwrap();
    let figure = |side: usize, key: &str| files[side][key].as_f64().unwrap();
    assert!(
        figure(1, "flash_bytes") < figure(0, "flash_bytes")
            && figure(1, "kl_mean") > figure(0, "kl_mean")
    );
    // The same figures as the evaluation of each alone.
    for (side, name) in ["m.sla", "4.sla"].into_iter().enumerate() {
        let alone = case
            .sla(&format!(
                "eval {name} --checkpoint model --text text --json"
            ))
            .json();
        for key in [
            "nll_float",
            "nll_fixed",
            "kl_mean",
            "kl_max",
            "top1",
            "max_abs_logit",
        ] {
            assert_eq!(alone[key], files[side][key], "{name} {key}");
        }
    }
    let table = case
        .sla("compare m.sla 4.sla --checkpoint model --text text")
        .ok();
    contains(
        &table,
        &[
            "m.sla",
            "4.sla",
            "B / A",
            "perplexity ratio to float",
            "instructions a token (estimate), Cortex-M4",
        ],
    );

    let other = Case::converted(&bytes_config(Backbone::Gla));
    std::fs::copy(other.file("m.sla"), case.file("other.sla")).unwrap();
    let error = case
        .sla("compare m.sla other.sla --checkpoint model --text text")
        .error(1);
    contains(&error, &["other.sla", "hidden size"]);
}

#[test]
fn exports_hold_the_model() {
    let case = Case::converted(&features_config());
    let model = std::fs::read(case.file("m.sla")).unwrap();
    case.sla("export m.sla --format bin --address 0x0802fe00 -o m.bin")
        .ok();
    assert_eq!(std::fs::read(case.file("m.bin")).unwrap(), model);

    // A sector of 128 KiB; by the family alone, of 4 KiB where no chip is known to have it.
    for (options, family, sector) in [
        ("--chip stm32f405", 0x5775_5a57, 0x2_0000),
        ("--family 0x57755a57", 0x5775_5a57, 0x2_0000),
        ("--family 7", 7, 4096),
    ] {
        let report = case
            .sla(&format!(
                "export m.sla --format uf2 --address 0x08020000 -o m.uf2 {options}"
            ))
            .ok();
        let padded = model.len().next_multiple_of(sector);
        contains(
            &report,
            &[&format!("in sectors up to {:#010x}", 0x0802_0000 + padded)],
        );
        let uf2 = std::fs::read(case.file("m.uf2")).unwrap();
        assert_eq!(
            read_uf2(&uf2),
            (0x0802_0000, family, model.clone(), padded),
            "{options}"
        );
    }
}

/// A reader of the published format: address, family, data without the padding that a model's
/// length tells, and length with it.
fn read_uf2(file: &[u8]) -> (u32, u32, Vec<u8>, usize) {
    assert_eq!(file.len() % 512, 0);
    let (mut first, mut data, mut families) = (None, Vec::new(), Vec::new());
    for (index, block) in file.chunks(512).enumerate() {
        let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
        assert_eq!(
            [word(0), word(4), word(508)],
            [0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30],
            "the three magic numbers"
        );
        assert_eq!(word(8) & 0x2001, 0x2000, "a family, and for the main flash");
        let (target, size) = (word(12), word(16) as usize);
        assert!(size <= 476 && size % 4 == 0 && target % size as u32 == 0);
        assert_eq!(
            (word(20) as usize, word(24) as usize),
            (index, file.len() / 512)
        );
        let start = *first.get_or_insert(target);
        assert_eq!(target as usize, start as usize + data.len(), "a gap");
        data.extend_from_slice(&block[32..32 + size]);
        families.push(word(28));
    }
    families.dedup();
    assert_eq!(families.len(), 1);
    // The length stands in the model's own header (format.md F2).
    let length = u32::from_le_bytes(data[12..16].try_into().unwrap()) as usize;
    assert!(data[length..].iter().all(|&byte| byte == 0xff));
    let padded = data.len();
    data.truncate(length);
    (first.unwrap(), families[0], data, padded)
}

#[test]
fn chips_and_families_go_by_the_names_that_others_give_them() {
    let case = Case::converted(&features_config());
    let export = |line: &str| {
        case.sla(&format!("export m.sla {line} -o out")).ok();
        std::fs::read(case.file("out")).unwrap()
    };
    for (chip, name, address) in [
        ("nRF52840", "nRF52840_xxAA", "0x80000"),
        ("nRF5340", "nrf5340_xxaa", "0x80000"),
        ("STM32F405", "STM32F405RGTx", "0x08020000"),
        ("STM32H743", "STM32H743ZITx", "0x08020000"),
        ("RP2350", "RP235x", "0x10020000"),
        ("ESP32-C3", "esp32c3", "0x3c010000"),
        ("ESP32-C6", "esp32c6", "0x42010000"),
    ] {
        let elf = |chip: &str| export(&format!("--format elf --chip {chip} --address {address}"));
        assert_eq!(elf(chip), elf(name), "{name}");
        contains(
            &case.sla(&format!("plan m.sla --chip {name}")).ok(),
            &[&format!("m.sla on {chip},")],
        );
    }
    for (family, number) in [
        ("rp2040", "0xe48bff56"),
        ("RP2350_ARM_S", "0xe48bff59"),
        ("rp2350-riscv", "0xe48bff5a"),
    ] {
        let uf2 = |family: &str| {
            export(&format!(
                "--format uf2 --family {family} --address 0x10020000"
            ))
        };
        assert_eq!(uf2(family), uf2(number), "{family}");
    }
    // What the project's own boards are flashed as.
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-examples/boards");
    let mut checked = 0;
    for board in std::fs::read_dir(boards).unwrap() {
        let Ok(config) = std::fs::read_to_string(board.unwrap().path().join(".cargo/config.toml"))
        else {
            continue;
        };
        let Some(name) = config
            .split("\"--chip\", \"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
        else {
            continue;
        };
        case.sla(&format!("plan m.sla --chip {name}")).ok();
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn exports_that_cannot_be_used_are_refused() {
    let case = Case::converted(&features_config());
    case.sla("export m.sla --format elf --address 0x08000000 --machine arm -o firmware.elf")
        .ok();
    let before = case.list();
    for (line, code, parts) in [
        (
            "--format hex --address 0x08000008",
            1,
            &["multiple of 16", "0x8000010"][..],
        ),
        (
            "--format uf2 --family 1 --address 0x08000100",
            1,
            &["inside a sector", "0x8001000"],
        ),
        (
            "--format uf2 --chip STM32F405 --address 0x08021000",
            1,
            &["inside a sector", "0x8040000"],
        ),
        (
            "--format uf2 --chip ESP32-C3 --address 0x42000000",
            2,
            &["ESP32-C3 maps its flash", "export bin or elf"],
        ),
        (
            "--format uf2 --family 0x100000000 --address 0",
            2,
            &["32 bits"],
        ),
        ("--format hex --address 0xfffffff0", 1, &["32-bit"]),
        ("--format hex --address 0xffffffffffffffff", 1, &["32-bit"]),
        ("--format hex --address -1", 2, &["--address", "0x08080000"]),
        (
            "--format uf2 --family -1 --address 0",
            2,
            &["--family", "0xe48bff56"],
        ),
        (
            "--format hex --address 0x07ff0000 --chip STM32F405",
            1,
            &["not in the flash of STM32F405"],
        ),
        (
            "--format hex --address 0x080fffc0 --chip STM32F405",
            1,
            &["has only 64 from 0x80fffc0 on"],
        ),
        (
            "--format hex --address 0x08000100 --firmware firmware.elf",
            1,
            &[
                "would overwrite the firmware firmware.elf",
                "first address behind it with room",
            ],
        ),
        (
            "--format hex --address 0x08000100 --firmware m.sla",
            1,
            &["m.sla", "ELF"],
        ),
        (
            "--format uf2 --address 0x08000100",
            2,
            &["--chip or --family"],
        ),
        (
            "--format uf2 --address 0x100 --chip nRF5340",
            2,
            &["nRF5340", "--family"],
        ),
        (
            "--format hex --address 0x100 --family 1",
            2,
            &["--format uf2"],
        ),
        (
            "--format hex --address 0x100 --machine arm",
            2,
            &["--format elf"],
        ),
        ("--format hex --address here", 2, &["0x08080000"]),
        (
            "--format hex --address 8000000",
            2,
            &["0x8000000 if so", "0x7a1200 for the decimal number"],
        ),
        ("--format hex --address 08000000", 2, &["0x08000000 if so"]),
        ("--format hex --address 0801F000", 2, &["as in 0x0801F000"]),
        ("--format hex --address=", 2, &["--address"]),
        // A flash that is mapped in pages, and an offset into a flash.
        (
            "--format elf --chip ESP32-C3 --address 0x3c011000",
            1,
            &["inside a page", "65536 bytes", "0x3c020000"],
        ),
        (
            "--format elf --chip esp32c3 --address 0x42010000",
            1,
            &["mapped as data, which is 0x3c000000 to 0x3c400000"],
        ),
        (
            "--format elf --chip ESP32-S3 --address 0x42000000",
            1,
            &["mapped as data, which is 0x3c000000 to 0x3c800000"],
        ),
        (
            "--format elf --chip ESP32-C6 --address 0x3c000000",
            1,
            &["mapped as data, which is 0x42000000 to 0x42400000"],
        ),
        (
            "--format hex --chip RP2040 --address 0x20000",
            1,
            &["0x10000000 to 0x10200000; 0x20000 from its start is 0x10020000"],
        ),
        (
            "--format uf2 --chip STM32U575 --address 0x08020000",
            2,
            &["no UF2 family of STM32U575"],
        ),
        (
            "--format uf2 --family rp2041 --address 0x10020000",
            2,
            &["nearest first: RP2040, "],
        ),
        (
            "--format uf2 --family e48bff56 --address 0x10020000",
            2,
            &["as in 0xe48bff56"],
        ),
        (
            "--format hex --chip STM32F405RE --address 0x08020000",
            2,
            &["nearest first: STM32F405, ", "RP2040", "ESP32-C3"],
        ),
        ("--format srec --address 0", 2, &["hex, elf, uf2, bin"]),
    ] {
        contains(
            &case.sla(&format!("export m.sla {line} -o out")).error(code),
            parts,
        );
    }
    contains(
        &case
            .sla("export m.sla --format bin --address 0 -o m.sla")
            .error(1),
        &["is read by this command"],
    );
    assert_eq!(before, case.list());
}

/// A firmware of one segment, `bytes` at `address` as far as its header tells.
fn firmware(case: &Case, address: u32, bytes: u32) -> Vec<u8> {
    case.sla(&format!(
        "export m.sla --format elf --address {address:#x} -o firmware.elf"
    ))
    .ok();
    let mut elf = std::fs::read(case.file("firmware.elf")).unwrap();
    // p_filesz of the only program header, behind the file header of 52 bytes.
    elf[52 + 16..][..4].copy_from_slice(&bytes.to_le_bytes());
    case.write("firmware.elf", &elf);
    elf
}

#[test]
fn a_uf2_file_keeps_off_the_sectors_of_the_firmware() {
    let case = Case::converted(&features_config());
    let bytes = std::fs::metadata(case.file("m.sla")).unwrap().len() as u32;
    let export = |line: &str| {
        case.sla(&format!(
            "export m.sla --firmware firmware.elf -o out {line}"
        ))
    };
    let (model, end) = (0x1002_0000, 0x1002_0000 + bytes);
    assert!(
        !bytes.is_multiple_of(4096),
        "the last sector has room behind the model"
    );
    // Directly behind the model: where a uf2 file's last sector is written, and no other file's
    // bytes are.
    firmware(&case, end.next_multiple_of(16), 16);
    let error = export(&format!("--format uf2 --chip RP2040 --address {model:#x}")).error(1);
    let behind = end.next_multiple_of(4096);
    let sectors = format!("whole sectors, {model:#x} to {behind:#x}, are erased");
    contains(
        &error,
        &[
            &sectors,
            "with them the firmware firmware.elf",
            &format!("is {behind:#x}"),
        ],
    );
    assert!(!case.file("out").exists());
    for format in ["hex", "elf", "bin"] {
        export(&format!("--format {format} --address {model:#x}")).ok();
    }
    // In the next sector, and in the one in front.
    firmware(&case, behind, 16);
    export(&format!("--format uf2 --chip RP2040 --address {model:#x}")).ok();
    firmware(&case, model - 16, 16);
    export(&format!("--format uf2 --chip RP2040 --address {model:#x}")).ok();
}

#[test]
fn mapped_flash_keeps_off_the_pages_of_the_firmware() {
    let case = Case::converted(&features_config());
    let export = |address: &str| {
        case.sla(&format!(
            "export m.sla --format elf --chip ESP32-C3 --firmware firmware.elf -o out --address {address}"
        ))
    };
    // Code that is mapped from 0x42000000 on takes the pages of the same numbers.
    for start in [0x3c01_0020, 0x4201_0020] {
        firmware(&case, start, 16);
        let error = export("0x3c010000").error(1);
        contains(
            &error,
            &[
                "0x3c010000 to 0x3c020000",
                "with room for the model is 0x3c020000",
            ],
        );
        export("0x3c020000").ok();
        export("0x3c000000").ok();
    }
    // Behind the model, in its last page.
    firmware(&case, 0x4200_fff0, 16);
    contains(
        &export("0x3c000000").error(1),
        &["0x3c000000 to 0x3c010000", "is 0x3c010000"],
    );
}

#[test]
fn what_is_no_firmware_is_refused() {
    let case = Case::converted(&features_config());
    let elf = firmware(&case, 0x0800_0000, 16);
    let refuse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = elf.clone();
        change(&mut bytes);
        case.write("bad.elf", bytes);
        case.sla("export m.sla --format hex --address 0x08100000 --firmware bad.elf -o out")
            .error(1)
    };
    let program_header = |at: usize, value: u32| {
        move |b: &mut Vec<u8>| b[52 + at..][..4].copy_from_slice(&value.to_le_bytes())
    };
    // An object file has no program headers: e_phoff, e_phnum.
    let object = |b: &mut Vec<u8>| {
        b[28..32].fill(0);
        b[44..46].fill(0);
    };
    contains(
        &refuse(&object),
        &["bad.elf: ", "without a loadable segment", "linker's output"],
    );
    contains(
        &refuse(&program_header(0, 6)),
        &["without a loadable segment"],
    );
    contains(
        &refuse(&program_header(16, 0)),
        &["without a loadable segment"],
    );
    contains(
        &refuse(&program_header(12, 0xffff_fff8)),
        &["0xfffffff8 to 0x100000008", "32-bit", "linker's output"],
    );
    contains(
        &refuse(&program_header(16, 0x10_0000)),
        &["bad.elf: cut off", "link the firmware again"],
    );
    contains(
        &refuse(&|b| b[4] = 2),
        &["no 32-bit ELF file", "linker's output"],
    );
    contains(&refuse(&|b| b.truncate(20)), &["no 32-bit ELF file"]);
    contains(&refuse(&|b| b.clear()), &["no 32-bit ELF file"]);
    contains(&refuse(&|b| b[0] = b'S'), &["no 32-bit ELF file"]);
}

#[test]
fn a_dry_run_of_flash_shows_sectors_and_refuses() {
    let case = Case::converted(&wide_config());
    let bytes = std::fs::metadata(case.file("m.sla")).unwrap().len();
    let flash = |line: &str| case.sla(&format!("flash m.sla --dry-run {line}"));
    // RM0090: sectors of 16, 16, 16, 16, 64, then 128 KiB.
    assert!((0x1_0000..0x3_0000).contains(&bytes), "two sectors");
    let text = flash("--chip STM32F405 --address 0x08010000").ok();
    let kept = 0x3_0000 - bytes;
    contains(
        &text,
        &[
            "would write m.sla",
            "STM32F405",
            "0x08010000 to 0x08040000, 2 of 65,536 and 131,072 bytes",
        ],
    );
    let digits: String = text
        .lines()
        .find(|line| line.contains("kept"))
        .unwrap()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    assert_eq!(digits, kept.to_string());
    contains(
        &flash("--chip nrf52840 --address 0x80000").ok(),
        &["of 4,096 bytes", "nRF52840"],
    );
    let target = flash("--chip STM32F103CB --address 0x08000000");
    match cfg!(feature = "flash") {
        true => contains(&target.ok(), &["of 1,024 bytes"]),
        false => contains(
            &target.error(2),
            &[
                "STM32F103CB",
                "with debug probes takes any target of probe-rs",
            ],
        ),
    }

    contains(
        &flash("--chip STM32F405 --address 0x08011000").error(1),
        &["inside a sector", "0x8020000"],
    );
    contains(
        &flash("--chip STM32F405 --address 0x20000000").error(1),
        &["not in the flash of STM32F405"],
    );
    contains(
        &flash("--chip STM32F405 --address -1").error(2),
        &["--address", "0x08080000"],
    );
    contains(
        &flash("--chip nRF52840 --address 0xff000").error(1),
        &["has only 4096"],
    );
    contains(
        &flash("--chip ESP32-C3 --address 0x42000000").error(1),
        &["ESP32-C3", "sla export"],
    );
    contains(
        &flash("--chip nrf52841 --address 0").error(2),
        &["nRF52840"],
    );
    case.sla("export m.sla --format elf --address 0x80000 --machine arm -o firmware.elf")
        .ok();
    // The firmware ends within the sector that the model would begin in.
    let error = flash(&format!(
        "--chip nRF52840 --address {:#x} --firmware firmware.elf",
        0x8_0000 + bytes / 4096 * 4096
    ));
    contains(
        &error.error(1),
        &["are erased for the model, and with them the firmware firmware.elf"],
    );
    let behind = (0x8_0000 + bytes).next_multiple_of(4096);
    flash(&format!(
        "--chip nRF52840 --address {behind:#x} --firmware firmware.elf"
    ))
    .ok();
    // The model ends in a sector that the firmware begins in.
    firmware(&case, behind as u32 - 16, 16);
    let error = flash("--chip nRF52840 --address 0x80000 --firmware firmware.elf").error(1);
    contains(
        &error,
        &[
            &format!("whole sectors, 0x80000 to {behind:#x}, are erased"),
            &format!("is {behind:#x}"),
        ],
    );
    // Without --dry-run: there is no probe, or no way to ask for one.
    let error = case
        .sla("flash m.sla --chip nRF52840 --address 0x80000")
        .error(1);
    match cfg!(feature = "flash") {
        true => contains(&error, &["no debug probe is connected", "sla export"]),
        false => contains(
            &error,
            &[
                "cargo install sla-converter --features flash",
                "cargo install --path converter --features flash",
                "sla export m.sla --format hex --address 0x80000 --chip nRF52840",
            ],
        ),
    }
}

#[test]
fn completions_and_man_pages_are_complete() {
    let case = Case::new(&synth::small(Backbone::RetNet));
    let commands = [
        "convert",
        "inspect",
        "eval",
        "compare",
        "logits",
        "run",
        "snapshot",
        "plan",
        "export",
        "flash",
        "completions",
        "man",
    ];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        contains(&case.sla(&format!("completions {shell}")).ok(), &commands);
    }
    contains(
        &case.sla("man -o pages").error(1),
        &["pages: no such folder"],
    );
    std::fs::create_dir(case.file("pages")).unwrap();
    contains(&case.sla("man -o pages").ok(), &["pages"]);
    for command in commands {
        let page = std::fs::read_to_string(case.file(&format!("pages/sla-{command}.1"))).unwrap();
        contains(&page, &[".TH", "Example", &format!("sla {command}")]);
        contains(
            &case.sla(&format!("{command} --help")).ok(),
            &["Example:", &format!("sla {command}")],
        );
    }
    contains(
        &std::fs::read_to_string(case.file("pages/sla.1")).unwrap(),
        &["Exit codes"],
    );
    contains(
        &case.sla("--help").ok(),
        &["Exit codes:", "--quiet", "--verbose"],
    );
    contains(&case.sla("completions tcsh").error(2), &["tcsh", "bash"]);
}

#[test]
fn warnings_can_be_silenced_and_nothing_is_coloured() {
    let case = Case::converted(&bytes_config(Backbone::RetNet));
    let (config, text) = (case.file("model/config.json"), "some text to look at");
    case.write("text", text);
    // Other weights of the same shape: a warning.
    let other = bytes_config(Backbone::RetNet);
    synth::write(
        &case.file("model"),
        &other,
        &synth::weights(&other, 4),
        &synth::Layout::default(),
    )
    .unwrap();
    assert!(config.exists());
    let line = "eval m.sla --checkpoint model --text text";
    let loud = case.sla(line);
    assert!(
        loud.stderr.starts_with("warning: ") && !loud.stderr.contains('\x1b'),
        "{}",
        loud.stderr
    );
    let quiet = case.sla(&format!("{line} --quiet"));
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    assert_eq!(quiet.stdout, loud.stdout);
    contains(
        &case.sla("plan m.sla --verbose").ok(),
        &["nRF52840: Nordic"],
    );
    contains(
        &case.sla(&format!("--quiet {line} --verbose")).error(2),
        &["--quiet", "--verbose"],
    );
}
