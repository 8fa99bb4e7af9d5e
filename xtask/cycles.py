#!/usr/bin/env python3
"""Cycles of a mean instruction of a token: the `cycles` of converter/chips/src/plan/chips.toml (docs/plan.md).

    cycles.py MACHINE BENCH.elf MODEL.sla

Runs the machine's `bench` firmware (built with the feature external-model) in QEMU for two tokens and for three, with a trace of every
instruction, disassembles the firmware with llvm-objdump, and weighs each instruction of the third token with the least and most cycles
that the core's manual publishes for its class. MACHINE is the folder firmware-examples/qemu/MACHINE.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
ATTRIBUTES = {"m55": ["--mattr=+mve.fp"], "rv32": ["--mattr=+m,+a,+c"]}


def trace(machine, elf, model, tokens):
    """How often each pair of successive addresses is executed."""
    folder = ROOT / f"firmware-examples/qemu/{machine}"
    config = (folder / ".cargo/config.toml").read_text()
    runner = json.loads(re.search(r"^runner = (.*)$", config, re.M).group(1))
    address = re.search(r"MODEL\s*:\s*ORIGIN = (\w+)", (folder / "memory.x").read_text()).group(1)
    pairs, last = collections.Counter(), None
    with tempfile.NamedTemporaryFile() as log:
        options = ["-singlestep", "-d", "exec,nochain", "-D", log.name, "-append", f"tokens={tokens}"]
        loader = ["-device", f"loader,file={model},addr={address},force-raw=on"]
        subprocess.run(runner + [elf] + options + loader, stdout=subprocess.DEVNULL, check=True)
        for line in open(log.name):
            if line.startswith("Trace"):
                pc = int(line.split("[")[1].split("/")[1], 16)
                pairs[last, pc] += 1
                last = pc
    return pairs


def registers(operands):
    """Registers of a list such as {r0, r4-r7}."""
    count = 0
    for part in re.search(r"\{(.*?)\}", operands).group(1).split(","):
        ends = [int(n) for n in re.findall(r"r(\d+)", part)]
        count += ends[1] - ends[0] + 1 if len(ends) == 2 else 1
    return count


def riscv(name, is_taken):
    """A pipeline of four stages: no table is published."""
    if is_taken:
        return 2, 3
    if name in ("lw", "lh", "lb", "lhu", "lbu"):
        return 1, 2
    if name.startswith(("div", "rem")):
        return 8, 35
    return (1, 2) if name.startswith("mul") else (1, 1)


def arm(machine, name, operands, is_taken):
    """Arm DDI 0484C (M0+), DDI 0337I (M3), DDI 0439B (M4): table 3-1 each. The M33 and M55 have no such table: the least is what their
    buses and pipeline allow."""
    small, wide = machine == "m0", machine in ("m33", "m55")
    if name.startswith("v"):
        return 1, 2  # a vector takes two cycles; a load and a product overlap
    if name.startswith(("ldm", "stm", "pop", "push")):
        count, branch = registers(operands), (2 if small else 1) if is_taken else 0
        return (count if wide else 1 + count + branch), 1 + count + (3 if is_taken else 0)
    if name.startswith(("ldrd", "strd")):
        return (2 if wide else 3), 3
    if name.startswith(("ldr", "str")):
        return (2 if small else 1), 2
    if name in ("udiv", "sdiv"):
        return 2, 12
    if machine == "m3" and name.startswith(("mla", "mls")):
        return 2, 2
    if machine == "m3" and name.startswith(("smull", "umull")):
        return 3, 5
    if machine == "m3" and name.startswith(("smlal", "umlal")):
        return 4, 7
    if name.startswith("it"):
        return (1 if wide else 0), 1
    if name.startswith("le"):
        return 0, 3 if is_taken else 1
    if is_taken:
        return (1 if wide else 2), (3 if small or wide else 4)
    return 1, 1


def main(machine, elf, model):
    disassembly = subprocess.run(
        ["llvm-objdump", "-d", "--no-show-raw-insn", *ATTRIBUTES.get(machine, []), elf], capture_output=True, text=True, check=True
    ).stdout
    lines = re.findall(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$", disassembly, re.M)
    code = {int(at, 16): (name, operands) for at, name, operands in lines}
    behind = dict(zip(sorted(code), sorted(code)[1:]))
    pairs = trace(machine, elf, model, 3)
    pairs.subtract(trace(machine, elf, model, 2))
    total, least, most = 0, 0, 0
    for (at, to), count in pairs.items():
        name, operands = code.get(at, ("?", ""))
        is_taken = to != behind.get(at)
        name = name.removeprefix("c.").split(".")[0]
        low, high = riscv(name, is_taken) if machine == "rv32" else arm(machine, name, operands, is_taken)
        total, least, most = total + count, least + low * count, most + high * count
    print(f"{machine}: {total} instructions, {least / total:.3f} to {most / total:.3f} cycles each")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
