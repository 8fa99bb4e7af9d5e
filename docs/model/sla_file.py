"""A .sla file (format.md F1 to F6, F12)."""

import struct
import zlib

import numpy as np

# F4.4
RETNET, GLA, GATED_DELTANET = 0, 1, 2
FEATURES = 1
GATE_NONE, GATE_SIGMOID = 0, 2
ON_QUERY, ON_OUTPUT = 1, 2
ON_KEY, ON_BETA = 1, 2
MAP_RELU, MAP_SILU, MAP_SIGMOID = 1, 2, 3

INT16_STATE = 1  # F10.1
NONE = 0xFFFFFFFF
LAYER_ROLES = "q k v g gk0 gk1 a b query_gate key_gate o mlp_gate mlp_up mlp_down q_conv k_conv v_conv decay".split()
GLOBAL_ROLES = "input head final_norm feature_mean rotary".split()
WORDS = (  # F4.1
    "backbone input output_gate query_gate key_gate feature_map layers hidden inputs outputs heads kv_heads "
    "state_heads d_k d_v intermediate gate_rank conv_width flags residual_frac unit_frac feature_frac decay_max"
).split()
ABSENT, INT8_MATRIX, INT16, INT32, REALS, UINT64, INT4_MATRIX = range(7)  # F6.1
MATRICES = (INT8_MATRIX, INT4_MATRIX)


def round_up(n, to):
    return -(-n // to) * to


class Tensor:
    """An entry of the table (F5.4) with its elements: an int64 array, or a list of reals or of Python integers."""

    def __init__(self, entry, weights):
        self.kind, _, self.shift, self.pre_shift, self.out_frac = struct.unpack_from("<BBbbi", entry)
        self.rows, self.cols, data, multiplier, bias, _, self.in_bits = struct.unpack_from("<IIIIIIB", entry, 8)
        self.weights = weights
        self.data = self.elements(data)
        channels = self.rows if self.kind in MATRICES else self.cols  # F6.3, F6.4
        self.multiplier = self.array(multiplier, "<i4", channels) if self.kind in (*MATRICES, INT16, INT32) else None
        self.bias = self.array(bias, "<i4", channels) if bias != NONE else None

    def array(self, offset, dtype, count):
        return np.frombuffer(self.weights, dtype, count, offset).astype(np.int64)

    def elements(self, offset):
        count = self.rows * self.cols
        if self.kind == INT8_MATRIX:
            return self.row_pairs(offset)
        if self.kind == INT4_MATRIX:
            return self.groups(offset)
        if self.kind in (INT16, INT32):
            flat = self.array(offset, "<i2" if self.kind == INT16 else "<i4", count)
            return flat.reshape(self.rows, self.cols) if self.rows > 1 else flat
        if self.kind == REALS:
            return list(struct.iter_unpack("<Ii", self.weights[offset : offset + 8 * count]))
        if self.kind == UINT64:
            return [v for (v,) in struct.iter_unpack("<Q", self.weights[offset : offset + 8 * count])]
        return None

    def row_pairs(self, offset):  # F6.2
        rows, cols = round_up(self.rows, 4), round_up(self.cols, 16)
        panels = self.array(offset, "<i2", rows // 2 * cols).reshape(rows // 4, cols // 8, 2, 8)
        pairs = panels.transpose(0, 2, 1, 3).reshape(rows // 2, cols)
        even = ((pairs + 128) & 255) - 128
        odd = (pairs - even) >> 8
        return np.stack([even, odd], axis=1).reshape(rows, cols)[: self.rows, : self.cols]

    def groups(self, offset):  # F6.7
        panels, groups = round_up(self.rows, 4) // 4, round_up(self.cols, 32) // 32
        words = self.array(offset, "<u4", panels * groups * 17).reshape(panels, groups, 17)
        shifts = np.array([4 * (c // 2) + 16 * (c % 2) for c in range(8)])
        integers = (words[:, :, :16, None] >> shifts & 15) - 8  # panel, group, run and row, column of the run
        integers = integers.reshape(panels, groups, 4, 4, 8).transpose(0, 3, 1, 2, 4)  # panel, row, group, run, column
        scales = (words[:, :, 16, None] >> 8 * np.arange(4) & 255).transpose(0, 2, 1)
        weights = integers.reshape(panels, 4, groups, 32) * scales[:, :, :, None]
        return weights.reshape(4 * panels, 32 * groups)[: self.rows, : self.cols]


class Model:
    """The description's fields (F4) by their names, `layer[i][role]`, `role[name]` and the self-test section."""

    def __init__(self, data):
        magic, version, crc, length, count = struct.unpack_from("<4sIIII", data)  # F2
        if (magic, version, length) != (b"SLA\x7f", 1, len(data)):
            raise ValueError("not a .sla file of version 1, or not all of it")
        if crc != zlib.crc32(data[12:], zlib.crc32(data[:8])):  # F2.3
            raise ValueError("the file is damaged")
        sections = [struct.unpack_from("<III", data, 32 + 16 * i) for i in range(count)]  # F3.1
        section = {kind: data[offset : offset + size] for kind, offset, size in sections}
        self.describe(section[1])
        self.self_test = section.get(6)
        self.ends = [id for (id,) in struct.iter_unpack("<I", section.get(9, b""))] or [self.eos]  # F12
        if any(id >= self.inputs for id in self.ends if id != NONE) or len(self.ends) > 64:  # F12.1
            raise ValueError("the section of tokens that end a text is invalid")
        self.states = section.get(8, bytes(self.layers))  # F10
        entries = (Tensor(section[2][i : i + 36], section[3]) for i in range(0, len(section[2]), 36))
        self.layer = [{role: next(entries) for role in LAYER_ROLES} for _ in range(self.layers)]  # F5.1
        self.role = {role: next(entries) for role in GLOBAL_ROLES}

    def describe(self, words):  # F4.1
        for i, name in enumerate(WORDS):
            setattr(self, name, struct.unpack_from("<i" if name.endswith("frac") else "<I", words, 4 * i)[0])
        reals = list(struct.iter_unpack("<Ii", words[92:124]))
        self.norm_eps, self.head_eps, self.query_scale, self.key_scale = reals
        self.bos, self.eos = struct.unpack_from("<II", words, 124)
        self.allow_neg_eigval, self.tied = self.flags & 1, self.flags >> 1 & 1  # F4.2
