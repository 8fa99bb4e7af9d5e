#!/usr/bin/env python3
"""The integers of docs/numerics.md (N…) for a file of docs/format.md (F…), written from those documents.

    sla_integer.py FILE.sla [--tokens N]     the exercise stream (F8.3), 64 steps unless told
    sla_integer.py FILE.sla --self-test      the file's own test (F8.1)

Prints the digest of the logits (F8.2). Slow and plain: the documents as a program, to compare others with.
"""

import argparse
import struct
import sys
import zlib

import numpy as np

from sla_file import FEATURES, NONE, Model
from session import Session


def self_test(model):
    """Logits of every step of the file's own input (F8.1)."""
    steps = struct.unpack_from("<I", model.self_test, 4)[0]
    session = Session(model)
    width = model.inputs if model.input == FEATURES else 1
    words = np.frombuffer(model.self_test, "<i4", steps * width, 8).astype(np.int64).reshape(steps, width)
    for row in words:
        yield session.step(row if model.input == FEATURES else int(row[0]))


def exercise(model, steps):
    """Logits of every step of the exercise (F8.3)."""
    session, noise = Session(model), 1
    token = min(10, model.inputs - 1) if model.bos == NONE else model.bos
    for _ in range(steps):
        if model.input == FEATURES:
            frame, noise = next_frame(model, noise)
            yield session.step(frame)
        else:
            logits = session.step(token)
            token = int(np.argmax(logits))
            yield logits


def next_frame(model, noise):  # F8.3
    frame = []
    for mean in model.role["feature_mean"].data:
        noise = (noise * 1_664_525 + 1_013_904_223) % 2**32
        signed = noise - 2**32 if noise >= 2**31 else noise
        value = int(mean) + (signed >> min(max(29 - model.feature_frac, 0), 31))
        frame.append(min(max(value, -(2**31)), 2**31 - 1))
    return np.array(frame, np.int64), noise


def digest(stream):
    """The checksum and the number of steps (F8.2)."""
    crc, steps = 0, 0
    for logits in stream:
        crc, steps = zlib.crc32(logits.astype("<i4").tobytes(), crc), steps + 1
    return crc, steps


def main():
    parser = argparse.ArgumentParser(description="Runs a .sla file on the integers of docs/numerics.md.")
    parser.add_argument("file", metavar="FILE.sla")
    parser.add_argument("--tokens", metavar="N", type=int, default=64, help="steps of the exercise stream (64)")
    parser.add_argument("--self-test", action="store_true", help="the file's own test instead")
    options = parser.parse_args()
    with open(options.file, "rb") as file:
        model = Model(file.read())
    if options.self_test and model.self_test is None:
        sys.exit("the file has no self-test")
    crc, steps = digest(self_test(model) if options.self_test else exercise(model, options.tokens))
    print(f"digest {crc:08x} steps {steps}")
    if options.self_test and crc != struct.unpack_from("<I", model.self_test)[0]:
        sys.exit("the file was made with another digest")


if __name__ == "__main__":
    main()
