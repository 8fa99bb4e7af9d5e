#!/usr/bin/env python3
"""The integers of docs/numerics.md (N…) for a file of docs/format.md (F…), written from those documents.

    sla_integer.py FILE.sla                  64 steps of the test stream (F8.3)
    sla_integer.py FILE.sla --tokens N       N steps of the test stream
    sla_integer.py FILE.sla --self-test      the file's own test (F8.1), before the test stream if both are asked for

Prints the digest of the logits (F8.2), one line a stream. Slow and plain: the documents as a program, to compare
others with.
"""

import argparse
import struct
import sys
import zlib

import numpy as np

from session import Session
from sla_file import FEATURES, NONE, Model


def self_test(model):
    """Logits of every step of the file's own input (F8.1)."""
    steps = struct.unpack_from("<I", model.self_test, 4)[0]
    session = Session(model)
    width = model.inputs if model.input == FEATURES else 1
    words = np.frombuffer(model.self_test, "<i4", steps * width, 8).astype(np.int64).reshape(steps, width)
    for row in words:
        yield session.step(row if model.input == FEATURES else int(row[0]))


def test_stream(model, steps):
    """Logits of every step of the test stream (F8.3)."""
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


def check_self_test(model):
    if model.self_test is None:
        sys.exit("the file has no self-test")
    if show(self_test(model)) != struct.unpack_from("<I", model.self_test)[0]:
        sys.exit("the file was made with another digest")


def show(stream):
    crc, steps = digest(stream)
    print(f"digest {crc:08x} steps {steps}", flush=True)
    return crc


def main():
    parser = argparse.ArgumentParser(description="Runs a .sla file on the integers of docs/numerics.md.")
    parser.add_argument("file", metavar="FILE.sla")
    parser.add_argument("--tokens", metavar="N", type=int, help="steps of the test stream (64 without a self-test)")
    parser.add_argument("--self-test", action="store_true", help="the file's own test")
    options = parser.parse_args()
    with open(options.file, "rb") as file:
        model = Model(file.read())
    if options.self_test:
        check_self_test(model)
    if options.tokens is not None or not options.self_test:
        show(test_stream(model, 64 if options.tokens is None else options.tokens))


if __name__ == "__main__":
    main()
