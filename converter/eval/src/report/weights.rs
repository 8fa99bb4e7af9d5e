//! The weights of every matrix and convolution: where they lie, and how close the file's integers
//! are.

use maud::{Markup, html};
use sla_format::{GROUP, Role, TensorKind};

use super::plot::{Column, figure, ranges};
use super::quality::{heat_cell, heat_legend};
use super::subject::Subject;
use crate::TensorFigures;
use crate::numbers::{figure as number, grouped};

pub(super) fn section(s: &Subject) -> Markup {
    let mut roles: Vec<Role> = Vec::new();
    for t in s.tensors.iter().filter(|t| t.layer.is_some()) {
        if !roles.contains(&t.role) {
            roles.push(t.role);
        }
    }
    let layers = s.model.desc().layers as usize;
    let of = |layer: Option<usize>, role: Role| {
        s.tensors
            .iter()
            .find(|t| t.layer == layer && t.role == role)
    };
    let global: Vec<&TensorFigures> = s.tensors.iter().filter(|t| t.layer.is_none()).collect();
    html! {
        p { "How much of each matrix survives rounding: the ratio of the weights to their rounding error, in dB. An int8 matrix has about 40 dB or more, "
            "an int4 matrix about 20 dB, the int16 taps of a convolution about 95 dB; a low value means a few large weights among many small ones." }
        (heat_legend())
        figure {
            figcaption { "Weights against their rounding error, dB" }
            div.scroll tabindex="0" role="region" aria-label="Weights against their rounding error" {
                table.map {
                    thead { tr { th scope="col" { "layer" } @for &role in &roles { th scope="col" { (short(role)) } } } }
                    tbody {
                        @for layer in 0..layers {
                            tr { th scope="row" { (layer) } @for &role in &roles { (heat_cell(of(Some(layer), role).and_then(|t| t.snr))) } }
                        }
                    }
                }
            }
            div.scroll {
                table.map.global { tbody { @for t in &global { tr { th scope="row" { (short(t.role)) } (heat_cell(t.snr)) } } } }
            }
            @if s.model.desc().tied() { p.note { "The head is tied: it reads the embedding." } }
        }
        h3 { "Where the weights lie" }
        p.note { "Bar: 99.8 % of the weights; line: the smallest to the largest; one column a layer." }
        div.multiples {
            @for &role in &roles { (panel(short(role), &(0..layers).filter_map(|l| Some((l.to_string(), of(Some(l), role)?))).collect::<Vec<_>>())) }
            @if !global.is_empty() { (panel("input and head", &global.iter().map(|t| (short(t.role).to_string(), *t)).collect::<Vec<_>>())) }
        }
        details { summary { "All matrices as a table" } div.scroll { (table(s)) } }
    }
}

fn panel(title: &str, tensors: &[(String, &TensorFigures)]) -> Markup {
    let column = |(name, t): &(String, &TensorFigures)| Column {
        name: name.clone(),
        outer: [t.spread.min, t.spread.max],
        inner: [t.spread.low, t.spread.high],
        middle: t.spread.median,
    };
    let columns: Vec<Column> = tensors.iter().map(column).collect();
    let reach = columns
        .iter()
        .flat_map(|c| c.outer)
        .fold(0.0f64, |m, v| m.max(v.abs()))
        * 1.08;
    let reach = if reach > 0.0 { reach } else { 1.0 };
    let described: Vec<String> = columns
        .iter()
        .map(|c| {
            format!(
                "{}: {} to {}",
                c.name,
                number(c.outer[0]),
                number(c.outer[1])
            )
        })
        .collect();
    html! {
        figure { figcaption { (title) }
            (figure(&format!("Range of the weights of {title}"), &described.join("; "), (280, 170), |area| {
                ranges(area, &columns, -reach..reach, &[], &|y| axis(y, reach))
            })) }
    }
}

/// A value on an axis that reaches so far: three digits, and 0 where only rounding differs from it.
fn axis(y: f64, reach: f64) -> String {
    if y.abs() < 1e-9 * reach {
        "0".into()
    } else {
        format!("{}", format!("{y:.2e}").parse::<f64>().unwrap_or(y))
    }
}

/// A role without the part of the layer that it is in.
fn short(role: Role) -> &'static str {
    role.name()
        .split_once('.')
        .map_or(role.name(), |(_, name)| name)
        .trim_end_matches("_proj")
}

fn bits(kind: TensorKind) -> String {
    match kind {
        TensorKind::I4 => format!("{:.2}", 4.0 + 8.0 / GROUP as f64),
        TensorKind::I16 => "16".into(),
        _ => "8".into(),
    }
}

fn table(s: &Subject) -> Markup {
    html! {
        table {
            thead { tr { @for name in ["tensor", "shape", "bits", "min", "0.1 %", "median", "99.9 %", "max", "SNR, dB"] { th scope="col" { (name) } } } }
            tbody {
                @for t in s.tensors {
                    tr {
                        th scope="row" { @if let Some(layer) = t.layer { "layers." (layer) "." } (t.role.name()) }
                        td { (grouped(t.shape[0] as u64)) " × " (grouped(t.shape[1] as u64)) }
                        td { (bits(t.kind)) }
                        @for v in [t.spread.min, t.spread.low, t.spread.median, t.spread.high, t.spread.max] { td { (number(v)) } }
                        (heat_cell(t.snr))
                    }
                }
            }
        }
    }
}
