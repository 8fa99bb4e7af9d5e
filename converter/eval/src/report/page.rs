//! The page: what it is about, the verdict, then the sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sla_format::TensorKind;
use sla_runtime::Model;

use super::json::Figures;
use super::quality::channel_name;
use super::subject::{Subject, size};
use super::{activations, errors, gates, memory, provenance, quality, weights};
use crate::numbers::{figure, grouped, percent};

const STYLE: &str = include_str!("style.css");

/// The page, a whole HTML document.
pub fn page(s: &Subject) -> String {
    let sections: [(&str, &str, Markup); 7] = [
        ("quality", "Where quality is lost", quality::section(s)),
        ("errors", "Errors of the logits", errors::section(s)),
        ("gates", "Heads over the text", gates::section(s)),
        ("weights", "Weights", weights::section(s)),
        ("activations", "Activations", activations::section(s)),
        ("memory", "Memory", memory::section(s)),
        ("provenance", "Provenance", provenance::section(s)),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (s.name) " – evaluation" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kind { (kind(s.model)) }
                    h1 { (s.name) }
                    p.verdict { (verdict(s)) }
                    (tiles(s))
                    nav aria-label="Sections" {
                        @for (id, title, _) in &sections { a href=(format!("#{id}")) { (title) } " " }
                    }
                }
                main {
                    @for (id, title, body) in &sections {
                        section id=(id) aria-labelledby=(format!("{id}-title")) {
                            h2 id=(format!("{id}-title")) { (title) }
                            (body)
                        }
                    }
                }
                footer { "Made by " code { "sla eval --report" } ". How to read it: docs/report.md." }
            }
        }
    };
    page.into_string()
}

/// `GLA with softmax gates over 8 heads, 4 layers, 128 wide`
fn kind(model: &Model) -> String {
    use sla_format::{InputKind, KeyGate, QueryGate};
    let d = model.desc();
    let backbone = d.backbone.title();
    let sla = match d.query_gate != QueryGate::None || d.key_gate != KeyGate::None {
        true => "softmax over the heads",
        false => "no softmax over the heads",
    };
    let input = match d.input {
        InputKind::Tokens => format!("{} tokens", grouped(d.inputs.into())),
        InputKind::Features => format!("{} features", grouped(d.inputs.into())),
    };
    format!(
        "{backbone}, {sla} · {} layers × {} heads · width {} · {input}",
        d.layers, d.heads, d.hidden
    )
}

/// `int8`, `int4` or both, as the matrices are stored.
fn weights_kind(s: &Subject) -> &'static str {
    let has = |kind| {
        s.tensors
            .iter()
            .any(|t| t.layer.is_some() && t.kind == kind)
    };
    match (has(TensorKind::I8), has(TensorKind::I4)) {
        (true, true) => "int4 and int8 weights",
        (false, true) => "int4 weights",
        _ => "int8 weights",
    }
}

/// The sentence to read if only one is read.
fn verdict(s: &Subject) -> Markup {
    let figures = Figures(s.json);
    let clips = figures.get("/clips").map(|clips| clips as u64);
    let change = figures.get("/ppl_ratio").filter(|_| clips.is_none());
    let plan = s.model.plan();
    html! {
        "With " (weights_kind(s)) " and integer arithmetic, "
        @if let Some(clips) = clips {
            (figures.data("/clips_same_label", |n| grouped(n as u64))) " of " (grouped(clips)) " clips keep their label and the worst logit error is "
            (figures.data("/last_frame_max_error", percent)) " of the logits’ size"
        } @else if let Some(ratio) = change {
            "perplexity changes by " strong { (figures.data("/ppl_ratio", |r| signed_percent(r - 1.0))) }
            @if ratio < 1.0 { " (below float by chance: the divergence is the measure)" }
            " and the output distribution by " (figures.data("/kl_mean", figure)) " nats"
        } @else {
            "the output distribution changes by " (figures.data("/kl_mean", figure)) " nats"
        }
        "."
        @if let Some(worst) = s.comparison.total.worst().filter(|w| w.snr.is_finite()) {
            " The noisiest vector is " strong { "layer " (worst.layer) "’s " (channel_name(worst.channel)) } " at "
            (figures.data(&format!("/layers/{}/{}", worst.layer, worst.channel.name()), |v| format!("{v:.1}"))) " dB."
        }
        " It takes " strong { (size(s.file.len())) } " of flash and " strong { (size(plan.state_bytes() + plan.scratch_bytes())) } " of RAM."
        @if s.comparison.total.saturated > 0 {
            " " strong.bad { (figures.data("/saturated", |n| grouped(n as u64))) " values saturated." }
        }
    }
}

fn signed_percent(share: f64) -> String {
    format!("{:+.2} %", 100.0 * share).replace('-', "−")
}

fn tiles(s: &Subject) -> Markup {
    let f = Figures(s.json);
    let plan = s.model.plan();
    let tile = |name: &str, value: Markup, note: Markup| html! { div.tile { dt { (name) } dd { (value) } dd.note { (note) } } };
    let count = |n: f64| grouped(n as u64);
    html! {
        dl.tiles {
            @if f.get("/clips").is_some() {
                (tile("same label", html! { (f.data("/clips_same_label", count)) " / " (f.data("/clips", count)) }, html! { "at the last frame" }))
                (tile("relative RMS", f.data("/relative_rms", percent), html! { "of all logits" }))
            } @else {
                @if f.get("/ppl_ratio").is_some() {
                    (tile("perplexity", html! { "× " (f.data("/ppl_ratio", |v| format!("{v:.5}"))) }, html! { "of the float model’s" }))
                }
                (tile("mean KL", f.data("/kl_mean", figure), html! { "nats; arithmetic alone " (f.data("/dequantized/kl_mean", figure)) }))
                (tile("same top token", f.data("/top1", percent), html! { "over " (f.data("/tokens", count)) " positions" }))
            }
            @if f.get("/accuracy_fixed").is_some() {
                (tile("accuracy", f.data("/accuracy_fixed", percent), html! { "float " (f.data("/accuracy_float", percent)) }))
            }
            (tile("flash", html! { (size(s.file.len())) }, html! { (grouped(s.file.len() as u64)) " bytes" }))
            (tile("RAM", html! { (size(plan.state_bytes() + plan.scratch_bytes())) },
                html! { "state " (size(plan.state_bytes())) ", scratch " (size(plan.scratch_bytes())) }))
            (tile("MACs a token", html! { (grouped(s.model.macs())) }, html! { "constant at any position" }))
        }
    }
}
