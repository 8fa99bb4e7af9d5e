"""Reading a .sla file (format.md F1 to F6)."""

import struct
import zlib

import numpy as np

# --- The file (F1 to F6) ---------------------------------------------------------------------------------------------------

LAYER_ROLES = ("q k v g gk0 gk1 a b query_gate key_gate o mlp_gate mlp_up mlp_down q_conv k_conv v_conv decay").split()
GLOBAL_ROLES = ("input head final_norm feature_mean rotary").split()
WORDS = (  # F4.1
    "backbone input output_gate query_gate key_gate feature_map layers hidden inputs outputs heads kv_heads state_heads d_k "
    "d_v intermediate gate_rank conv_width flags residual_frac feature_frac decay_max"
).split()


class Tensor:
    """One entry of F5.4 with its elements (F6)."""

    def __init__(self, entry, weights):
        (self.kind, self.block_tiles, self.shift, self.pre_shift, self.out_frac, self.rows, self.cols, data, multiplier,
         bias, self.acc_bound, _) = struct.unpack("<BBbbiIIIIIII", entry)

        def array(offset, dtype, count):
            return np.frombuffer(weights, dtype, count, offset).astype(np.int64)

        if self.kind == 1:  # F6.2
            rows, cols = -(-self.rows // 4) * 4, -(-self.cols // 16) * 16
            words = array(data, "<i2", rows * cols // 2).reshape(rows // 4, cols // 8, 2, 8)
            pairs = words.transpose(0, 2, 1, 3).reshape(rows // 2, cols)
            even = ((pairs + 128) & 255) - 128
            odd = (pairs - even) >> 8
            self.data = np.stack([even, odd], axis=1).reshape(rows, cols)[: self.rows, : self.cols]
        elif self.kind == 4:  # F4.5
            words = np.frombuffer(weights, "<u4", 2 * self.rows * self.cols, data)
            self.data = [(int(m), int(np.int32(e))) for m, e in zip(words[::2], words[1::2].view(np.int32))]
        elif self.kind == 5:
            self.data = np.frombuffer(weights, "<u8", self.rows * self.cols, data)
        elif self.kind in (2, 3):
            dtype = "<i2" if self.kind == 2 else "<i4"
            self.data = array(data, dtype, self.rows * self.cols).reshape(self.rows, self.cols)
        count = self.cols if self.kind in (2, 3) else self.rows  # F6.3, F6.4
        self.multiplier = array(multiplier, "<i4", count) if multiplier != NONE and self.kind in (1, 2, 3) else None
        self.bias = array(bias, "<i4", count) if bias != NONE else None


class Model:
    """The description (F4) as attributes, the tensors by role."""

    def __init__(self, data):
        magic, version, crc, length, count = struct.unpack_from("<4sIIII", data)  # F2
        assert magic == b"SLA\x7f" and version == 1 and length == len(data), "not a .sla file of version 1"
        assert crc == zlib.crc32(data[12:], zlib.crc32(data[:8])), "the file is damaged"
        table_ = [struct.unpack_from("<III", data, 32 + 16 * i) for i in range(count)]  # F3
        sections = {kind: data[offset : offset + size] for kind, offset, size in table_}
        self.describe(sections[1])
        self.self_test = sections.get(6)
        entries = (Tensor(sections[2][i : i + 36], sections[3]) for i in range(0, len(sections[2]), 36))
        self.layer = [{role: next(entries) for role in LAYER_ROLES} for _ in range(self.layers)]  # F5.1
        self.role = {role: next(entries) for role in GLOBAL_ROLES}

    def describe(self, words):
        for i, name in enumerate(WORDS):
            setattr(self, name, struct.unpack_from("<i" if name.endswith("frac") else "<I", words, 4 * i)[0])
        reals = struct.unpack_from("<IiIiIiIi", words, 88)
        self.norm_eps, self.head_eps, self.query_scale, self.key_scale = zip(reals[::2], reals[1::2])
        self.bos, self.eos = struct.unpack_from("<II", words, 120)
        self.allow_neg_eigval, self.tied = self.flags & 1, self.flags & 2  # F4.2


