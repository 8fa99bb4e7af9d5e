//! The limits of the model description (docs/format.md F4), each at its value and one beyond it.

mod small_models;

use sla_format::{Backbone, FeatureMap, InputKind, KeyGate, ModelDesc, NONE, RealBits};
use small_models::{BACKBONES, ONE, desc};

fn put(file: &mut [u8], at: usize, word: u32) {
    file[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

/// Changes one field.
type Set<T> = fn(&mut ModelDesc, T);

#[test]
fn every_field_of_the_description_has_its_limits() {
    for backbone in BACKBONES {
        let base = desc(backbone);
        let retnet = backbone == Backbone::RetNet;
        let gla = backbone == Backbone::Gla;
        let delta = backbone == Backbone::GatedDeltaNet;
        assert!(base.is_consistent());
        let real = |mantissa, exponent| RealBits { mantissa, exponent };
        let holds = |is_good: bool, desc: ModelDesc, what: &str| {
            assert_eq!(
                desc.is_consistent(),
                is_good,
                "{backbone:?}: {what}: {desc:?}"
            );
            assert_eq!(ModelDesc::read(&desc.emit(), 0), Some(desc), "{what}");
        };
        let limits: [(&str, Set<u32>, u32, u32); 7] = [
            ("hidden", |d, x| d.hidden = x, 1, 1 << 16),
            ("intermediate", |d, x| d.intermediate = x, 1, 1 << 16),
            ("inputs", |d, x| d.inputs = x, 1, 1 << 24),
            ("outputs", |d, x| d.outputs = x, 1, 1 << 24),
            ("layers", |d, x| d.layers = x, 1, 1 << 12),
            ("flags", |d, x| (d.flags, d.outputs) = (x, d.inputs), 0, 3),
            (
                "d_v",
                |d, x| {
                    (d.d_v, d.d_k, d.layers, d.heads, d.kv_heads, d.state_heads) =
                        (x, 2, 1, 1, 1, 1)
                },
                1,
                1 << 16,
            ),
        ];
        for (name, set, least, most) in limits {
            let with = |x: u32, is_good: bool| {
                let mut desc = base;
                set(&mut desc, x);
                holds(is_good, desc, name);
            };
            with(least, true);
            with(most, true);
            with(most + 1, false);
            with(least.wrapping_sub(1), false);
            with(u32::MAX, false);
        }
        let features = ModelDesc {
            input: InputKind::Features,
            ..base
        };
        holds(
            true,
            ModelDesc {
                inputs: 1 << 16,
                ..features
            },
            "features",
        );
        holds(
            false,
            ModelDesc {
                inputs: (1 << 16) + 1,
                ..features
            },
            "features",
        );
        holds(
            false,
            ModelDesc {
                inputs: 0,
                ..features
            },
            "features",
        );
        holds(
            false,
            ModelDesc {
                flags: ModelDesc::TIED,
                outputs: features.inputs,
                ..features
            },
            "tied features",
        );
        holds(
            false,
            ModelDesc {
                flags: ModelDesc::TIED,
                ..base
            },
            "tied to another length",
        );
        let fracs: [(&str, Set<i32>, i32, i32); 3] = [
            ("residual_frac", |d, x| d.residual_frac = x, -30, 30),
            ("feature_frac", |d, x| d.feature_frac = x, -30, 30),
            ("unit_frac", |d, x| d.unit_frac = x, 8, 15),
        ];
        for (name, set, least, most) in fracs {
            for (x, is_good) in [
                (least, true),
                (most, true),
                (least - 1, false),
                (most + 1, false),
                (i32::MIN, false),
                (i32::MAX, false),
            ] {
                let mut desc = base;
                set(&mut desc, x);
                holds(is_good, desc, name);
            }
        }
        let reals: [Set<RealBits>; 4] = [
            |d, x| d.norm_eps = x,
            |d, x| d.head_eps = x,
            |d, x| d.query_scale = x,
            |d, x| d.key_scale = x,
        ];
        for set in reals {
            for (bits, is_good) in [
                (ONE, true),
                (real(0, 0), true),
                (real(0, 1), false),
                (real(1 << 30, 1_000), true),
                (real(1 << 30, -1_000), true),
                (real(1 << 30, 1_001), false),
                (real(1 << 30, -1_001), false),
                (real(1 << 30, i32::MIN), false),
                (real((1 << 31) - 1, 0), true),
                (real(1 << 31, 0), false),
                (real((1 << 30) - 1, 0), false),
                (real(1, 0), false),
                (real(3 << 30, 0), false),
            ] {
                let mut desc = base;
                set(&mut desc, bits);
                holds(is_good, desc, "a real");
            }
        }
        // Heads: how many, and how they divide each other.
        let heads = |heads, kv_heads, state_heads| ModelDesc {
            heads,
            kv_heads,
            state_heads,
            d_k: 2,
            d_v: 2,
            ..base
        };
        for (h, kv, state, is_good) in [
            (1, 1, 1, true),
            (256, 256, 256, true),
            (257, 257, 257, false),
            (0, 0, 0, false),
            (4, 0, 4, false),
            (0, 1, 0, false),
            (4, 4, 0, false),
            (4, 2, 4, !delta),
            (4, 3, 4, false),
            (4, 8, 4, false),
            (4, 4, 8, delta),
            (4, 4, 6, false),
            (4, 4, 2, false),
            (128, 128, 256, delta),
            (128, 128, 384, false),
            (1, 257, 1, false),
        ] {
            holds(is_good, heads(h, kv, state), "heads");
        }
        // Widths of all heads together.
        let wide = ModelDesc {
            layers: 1,
            heads: 2,
            kv_heads: 2,
            state_heads: 2,
            conv_width: 0,
            ..base
        };
        holds(
            true,
            ModelDesc {
                d_k: 1 << 15,
                d_v: 1,
                ..wide
            },
            "64 Ki key channels",
        );
        holds(
            false,
            ModelDesc {
                d_k: (1 << 15) + 2,
                d_v: 1,
                ..wide
            },
            "more",
        );
        holds(
            true,
            ModelDesc {
                d_v: 1 << 15,
                d_k: 2,
                ..wide
            },
            "64 Ki value channels",
        );
        holds(
            false,
            ModelDesc {
                d_v: (1 << 15) + 1,
                d_k: 2,
                ..wide
            },
            "more",
        );
        holds(false, ModelDesc { d_k: 0, ..wide }, "no key channels");
        holds(!retnet, ModelDesc { d_k: 5, ..base }, "an odd d_k");
        // The whole state, 2^28 words with the fields beside S: (d_v + 2) · d_k · heads · layers +
        // history.
        let large = ModelDesc {
            layers: 1 << 12,
            heads: 1,
            kv_heads: 1,
            state_heads: 1,
            conv_width: 0,
            ..base
        };
        holds(
            true,
            ModelDesc {
                d_k: 1 << 8,
                d_v: 254,
                ..large
            },
            "2^28 words",
        );
        holds(
            false,
            ModelDesc {
                d_k: 1 << 8,
                d_v: 255,
                ..large
            },
            "more",
        );
        if !retnet {
            let history = ModelDesc {
                conv_width: 64,
                d_k: 128,
                ..large
            };
            // (d_v + 2)·128 + 64·(2·128 + d_v) ≤ 2^16
            holds(
                true,
                ModelDesc {
                    d_v: 254,
                    ..history
                },
                "2^28 words with a history",
            );
            holds(
                false,
                ModelDesc {
                    d_v: 255,
                    ..history
                },
                "more",
            );
        }
        // Options of some backbones alone.
        holds(
            !retnet,
            ModelDesc {
                conv_width: 64,
                ..base
            },
            "a short convolution",
        );
        holds(
            false,
            ModelDesc {
                conv_width: 65,
                ..base
            },
            "a long one",
        );
        holds(
            false,
            ModelDesc {
                conv_width: u32::MAX,
                ..base
            },
            "a long one",
        );
        holds(
            gla,
            ModelDesc {
                gate_rank: 1,
                ..base
            },
            "a gate rank",
        );
        holds(
            !gla,
            ModelDesc {
                gate_rank: 0,
                ..base
            },
            "none",
        );
        holds(
            gla,
            ModelDesc {
                gate_rank: 1 << 16,
                ..base
            },
            "the largest",
        );
        holds(
            false,
            ModelDesc {
                gate_rank: (1 << 16) + 1,
                ..base
            },
            "more",
        );
        holds(
            delta,
            ModelDesc {
                key_gate: KeyGate::Beta,
                ..base
            },
            "a gate on β",
        );
        holds(
            true,
            ModelDesc {
                key_gate: KeyGate::None,
                ..base
            },
            "no gate",
        );
        holds(
            !delta,
            ModelDesc {
                feature_map: FeatureMap::Silu,
                ..base
            },
            "a feature map",
        );
        holds(
            true,
            ModelDesc {
                bos: 0,
                eos: NONE,
                decay_max: 0,
                ..base
            },
            "free fields",
        );
    }
}

/// Every enumeration of the description refuses the number after its last.
#[test]
fn unknown_codes_are_refused() {
    let base = desc(Backbone::Gla).emit();
    for (word, codes) in [(0, 3), (1, 2), (2, 3), (3, 3), (4, 3), (5, 4)] {
        for code in [0, codes - 1, codes, codes + 1, u32::MAX] {
            let mut bytes = base;
            put(&mut bytes, 4 * word, code);
            let read = ModelDesc::read(&bytes, 0);
            assert_eq!(read.is_some(), code < codes, "word {word}, code {code}");
            assert!(
                read.is_none_or(|desc| desc.emit() == bytes),
                "word {word}, code {code}"
            );
        }
    }
    assert!(ModelDesc::read(&base, 1).is_none());
    assert!(ModelDesc::read(&base, usize::MAX).is_none());
}
