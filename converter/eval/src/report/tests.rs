//! The style sheet's promises, and memory maps that add up.

use sla_reference::{Backbone, Config, Input};

use super::{flash, ram};
use crate::owned_model::OwnedModel;
use sla_convert::{ConvertOptions, convert};
use sla_format::StateKind;
use sla_test_models as synth;

const STYLE: &str = include_str!("style.css");

/// Relative luminance of `#rrggbb` (WCAG 2.2).
fn luminance(color: &str) -> f64 {
    let channel = |i: usize| {
        let c = f64::from(u8::from_str_radix(&color[i..i + 2], 16).unwrap()) / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn colors_can_be_read_in_both_modes() {
    let (_, dark) = STYLE.split_once("(prefers-color-scheme: dark)").unwrap();
    for style in [STYLE, dark] {
        let color = |name: &str| {
            let (_, rest) = style
                .split_once(&format!("{name}: "))
                .unwrap_or_else(|| panic!("{name}"));
            &rest[..7]
        };
        for text in ["--text", "--muted", "--link", "--limit"] {
            for ground in ["--page", "--card"] {
                let ratio = contrast(color(text), color(ground));
                assert!(ratio >= 4.5, "{text} on {ground}: {ratio:.2}");
            }
        }
        for step in 0..7 {
            let ratio = contrast(
                color(&format!("--ink{step}")),
                color(&format!("--heat{step}")),
            );
            assert!(ratio >= 4.5, "heat {step}: {ratio:.2}");
        }
        // What is drawn and not read.
        for mark in (0..3)
            .map(|i| format!("--s{i}"))
            .chain((0..8).map(|i| format!("--h{i}")))
        {
            let ratio = contrast(color(&mark), color("--card"));
            assert!(ratio >= 3.0, "{mark}: {ratio:.2}");
        }
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains("</"));
}

#[test]
fn maps_add_up_to_the_byte() {
    let features = Input::Features {
        size: 3,
        mean: vec![0.0; 3],
        std: vec![1.0; 3],
    };
    let mut configs = Vec::new();
    for backbone in [Backbone::RetNet, Backbone::Gla, Backbone::GatedDeltaNet] {
        configs.push((synth::small(backbone), StateKind::Int32));
    }
    configs.push((
        Config {
            input: features,
            outputs: 4,
            ..synth::small(Backbone::Gla)
        },
        StateKind::Int16,
    ));
    configs.push((
        Config {
            tied: true,
            ..synth::small(Backbone::GatedDeltaNet)
        },
        StateKind::Int16,
    ));
    for (config, state) in configs {
        let dir = synth::TempDir::new();
        synth::write(
            dir.path(),
            &config,
            &synth::weights(&config, 5),
            &synth::Layout::default(),
        )
        .unwrap();
        let options = ConvertOptions {
            state: vec![state],
            ..ConvertOptions::default()
        };
        let file = convert(
            sla_checkpoint::load(dir.path()).unwrap(),
            &options,
            &mut |_, _| (),
        )
        .unwrap()
        .file;
        let owned = OwnedModel::from_bytes(&file).unwrap();
        let model = owned.model();
        let flash = flash(owned.bytes(), &model);
        assert_eq!(flash.iter().map(|p| p.bytes).sum::<usize>(), file.len());
        // What is left over is only what aligns: less than 16 bytes a tensor part or section.
        let alignment = flash
            .iter()
            .find(|p| p.name == "alignment")
            .map_or(0, |p| p.bytes);
        assert!(alignment < 16 * 3 * 18 * (config.layers + 1), "{flash:?}");
        let [state, scratch] = ram(&model);
        let sum = |parts: &[super::Part]| parts.iter().map(|p| p.bytes).sum::<usize>();
        assert_eq!(
            (sum(&state), sum(&scratch)),
            (model.plan().state_bytes(), model.plan().scratch_bytes())
        );
        // No rest is hidden in the position's words.
        assert!(
            state.iter().any(|p| p.name == "position" && p.bytes == 16),
            "{state:?}"
        );
    }
}
