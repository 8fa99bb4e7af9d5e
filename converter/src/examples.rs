//! One example for each command: a test parses them all.

/// Command and example, after `sla`.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    (
        "convert",
        "convert models/shakespeare-sla-gla -o shakespeare.sla --weights int4",
    ),
    ("inspect", "inspect shakespeare.sla"),
    (
        "eval",
        "eval shakespeare.sla --checkpoint models/shakespeare-sla-gla --text models/demo.txt",
    ),
    (
        "compare",
        "compare int8.sla int4.sla --checkpoint models/shakespeare-sla-gla --text models/demo.txt",
    ),
    (
        "logits",
        "logits --model shakespeare.sla --input tokens.safetensors -o logits.safetensors",
    ),
    ("run", "run shakespeare.sla --prompt ROMEO: -n 200 --seed 1"),
    (
        "snapshot",
        "snapshot shakespeare.sla --prompt ROMEO: -o romeo.slas",
    ),
    ("tokenize", "tokenize classics.sla Hello --json"),
    ("plan", "plan shakespeare.sla --chip nRF52840"),
    (
        "export",
        "export shakespeare.sla --format hex --address 0x08020000 --chip STM32F405 -o shakespeare.hex",
    ),
    (
        "flash",
        "flash shakespeare.sla --chip STM32F405 --address 0x08020000 --firmware firmware.elf --dry-run",
    ),
    (
        "completions",
        "completions bash > ~/.local/share/bash-completion/completions/sla",
    ),
    ("man", "man -o ~/.local/share/man/man1"),
];

/// What stands below the help of `sla` itself.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed, or the model does not fit the chip that `plan --chip` names: one line on stderr says why and what to do
  2  the command line makes no sense: one line on stderr says what is wrong";
