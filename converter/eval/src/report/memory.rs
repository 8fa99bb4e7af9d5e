//! Flash and RAM to scale, to the byte.

use maud::{Markup, html};
use sla_format::{
    GLOBAL_STATE_WORDS, HEADER_BYTES, Header, LAYER_ROLES, MemoryPlan, NONE, Role, Section,
    SectionKind, TensorKind, pad_rows,
};
use sla_runtime::Model;

use super::canvas::Ink;
use super::plot::stacked;
use super::subject::{Subject, size};
use crate::numbers::{grouped, percent};

/// A part of a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it holds.
    pub name: String,
    /// Its size.
    pub bytes: usize,
}

fn part(name: impl Into<String>, bytes: usize) -> Part {
    Part {
        name: name.into(),
        bytes,
    }
}

/// The parts of a file; they add up to its length.
pub fn flash(file: &[u8], model: &Model) -> Vec<Part> {
    let layers = model.desc().layers as usize;
    let input = tensor_bytes(model, 0, Role::Input, false);
    let head = tensor_bytes(model, 0, Role::Head, model.desc().tied());
    let others = [Role::FinalNorm, Role::FeatureMean, Role::Rotary]
        .map(|role| tensor_bytes(model, 0, role, false));
    let mut parts = vec![part("input", input)];
    let of_layer = |layer| {
        Role::ALL[..LAYER_ROLES]
            .iter()
            .map(|&role| tensor_bytes(model, layer, role, false))
            .sum()
    };
    parts.extend((0..layers).map(|layer| part(format!("layer {layer}"), of_layer(layer))));
    parts.push(part(
        if model.desc().tied() {
            "head (its own scales: tied)"
        } else {
            "head"
        },
        head,
    ));
    parts.push(part("norm, means, rotary", others.iter().sum()));
    let sections = Header::read(file).map_or(0, |header| header.sections as usize);
    for section in (0..sections).filter_map(|i| Section::read(file, i)) {
        let name = match SectionKind::from_u32(section.kind) {
            Some(SectionKind::Model) => "model description",
            Some(SectionKind::Tensors) => "tensor table",
            Some(SectionKind::Tokenizer) => "tokenizer",
            Some(SectionKind::Provenance) => "provenance",
            Some(SectionKind::SelfTest) => "self-test",
            Some(SectionKind::Labels) => "labels",
            Some(SectionKind::States) => "state kinds",
            Some(SectionKind::Ends) => "ends of text",
            Some(SectionKind::Weights) | None => continue,
        };
        parts.push(part(name, section.bytes as usize));
    }
    parts.push(part(
        "header and section table",
        HEADER_BYTES + sections * Section::BYTES,
    ));
    let named: usize = parts.iter().map(|p| p.bytes).sum();
    parts.push(part("alignment", file.len().saturating_sub(named)));
    parts.retain(|p| p.bytes > 0);
    parts
}

/// Elements, multipliers and biases of a tensor, padding of rows and columns included; `shared`
/// leaves the elements out.
fn tensor_bytes(model: &Model, layer: usize, role: Role, shared: bool) -> usize {
    let t = model.tensor(layer, role);
    if t.kind == TensorKind::Absent {
        return 0;
    }
    let constants = 4 * t.channels(role) * if t.bias == NONE { 1 } else { 2 };
    constants
        + if shared {
            0
        } else {
            t.data_bytes().unwrap_or(0)
        }
}

/// The parts of state and scratch; they add up to the plan.
pub fn ram(model: &Model) -> [Vec<Part>; 2] {
    let (d, plan) = (model.desc(), model.plan());
    let heads = d.state_heads as usize;
    let mut state: Vec<Part> = Vec::new();
    let mut rest = plan.state_bytes() - 4 * GLOBAL_STATE_WORDS;
    let (mut carries, mut convolutions) = (0, 0);
    for layer in 0..d.layers as usize {
        let kind = model.states().of(layer);
        let (all, matrices) = (
            MemoryPlan::layer_state_words(d, kind),
            heads * kind.head_words(d),
        );
        let small = d.carry_len() + 2 * heads;
        state.push(part(
            format!("S of layer {layer}, {}", kind.name()),
            4 * matrices,
        ));
        carries += 4 * small;
        convolutions += 4 * (all - matrices - small);
        rest -= 4 * all;
    }
    state.push(part("carries, fraction bits, masks", carries));
    state.push(part("convolution history", convolutions));
    state.push(part("position", 4 * GLOBAL_STATE_WORDS + rest));
    let rotary = usize::from(d.backbone.has_rotary()) * d.d_k as usize;
    let mut scratch = vec![
        part("residual stream", 4 * pad_rows(d.hidden as usize)),
        part("rotary angles", 4 * rotary),
        part("int16 activations", 4 * plan.act_words),
        part("work of mixer, MLP and head", 4 * plan.work_words),
    ];
    state.retain(|p| p.bytes > 0);
    scratch.retain(|p| p.bytes > 0);
    [state, scratch]
}

pub(super) fn section(s: &Subject) -> Markup {
    let flash = flash(s.file, s.model);
    let [state, scratch] = ram(s.model);
    let plan = s.model.plan();
    html! {
        p { "All sizes are exact and known at compile time. The file is used in place; the state is all that lives between tokens, "
            "whatever their number; the scratch is free between them." }
        (map("Flash", s.file.len(), &flash))
        (map("RAM: state", plan.state_bytes(), &state))
        (map("RAM: scratch", plan.scratch_bytes(), &scratch))
        p.note { "With room for two tokens of a prompt at once the scratch has " (grouped(plan.prompt_scratch_bytes() as u64)) " bytes." }
    }
}

/// A bar to scale and the table that explains its colours.
fn map(title: &str, total: usize, parts: &[Part]) -> Markup {
    let bar: Vec<(Ink, f64)> = parts
        .iter()
        .enumerate()
        .map(|(i, p)| (Ink::Head(i), p.bytes as f64))
        .collect();
    let described: Vec<String> = parts
        .iter()
        .map(|p| format!("{}: {} bytes", p.name, grouped(p.bytes as u64)))
        .collect();
    html! {
        h3 { (title) span.note { " · " (grouped(total as u64)) " bytes, " (size(total)) } }
        (stacked(&format!("{title}, to scale"), &described.join("; "), &bar, 34))
        ul.parts {
            @for (i, p) in parts.iter().enumerate() {
                li { i.swatch style=(format!("background:var({})", Ink::Head(i).name())) {}
                    span { (p.name) } b { (grouped(p.bytes as u64)) } span.note { (percent(p.bytes as f64 / total.max(1) as f64)) } }
            }
        }
    }
}
