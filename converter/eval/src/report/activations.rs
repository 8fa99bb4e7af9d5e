//! How many of an int32's bits the values inside a step take, against the end of the format and the
//! proven bounds.

use maud::{Markup, html};
use sla_format::{LAYER_ROLES, Role};
use sla_runtime::{Model, Op};

use super::plot::{Column, figure, ranges};
use super::subject::Subject;
use crate::numbers::{figure as number, grouped};
use crate::{LayerObserved, SHOWN};

/// Bits of an int32 beside its sign.
const END: f64 = 31.0;

pub(super) fn section(s: &Subject) -> Markup {
    let bound = residual_bound(s.model);
    html! {
        p { @if bound.is_some() { "No format depends on what was seen in calibration: all follow from bounds. " }
            @else { "The residual stream’s format is calibrated; all others follow from bounds. " }
            "Here is what the integers really take, in bits without the sign. "
            "Bar: from the median to all but a thousandth; line: up to the largest; the line across is where int32 ends." }
        div.multiples { @for op in SHOWN { (panel(s, op, bound.filter(|_| op == Op::Residual))) } }
        @if let Some((name, bound)) = accumulator(s.model) {
            p { "Sums of products are proven to fit 32 bits: the largest bound of an accumulator is " strong { (grouped(bound.into())) } " (" (name) "), "
                (format!("{:.1}", (f64::from(i32::MAX) / f64::from(bound)).log2())) " bits below the end." }
        }
        details { summary { "The same as a table" } div.scroll { (table(s)) } }
    }
}

fn title(op: Op) -> &'static str {
    match op {
        Op::Heads => "heads, gated (input of o)",
        Op::MixerOut => "mixer output",
        Op::Hidden => "MLP hidden (input of down)",
        Op::MlpOut => "MLP output",
        _ => "residual stream",
    }
}

/// Layers by name; the last entry is the input of the first, which comes before it.
fn named(layers: &[LayerObserved]) -> impl Iterator<Item = (String, &LayerObserved)> {
    let last = layers.len().saturating_sub(1);
    let input = layers.last().map(|input| ("in".to_string(), input));
    input.into_iter().chain(
        layers
            .iter()
            .take(last)
            .enumerate()
            .map(|(i, layer)| (i.to_string(), layer)),
    )
}

fn panel(s: &Subject, op: Op, bound: Option<f64>) -> Markup {
    let columns: Vec<Column> = named(&s.observed.layers)
        .filter_map(|(name, layer)| {
            let range = layer.range(op)?;
            let [median, high] = [0.5, 0.999].map(|share| f64::from(range.bits(share)));
            let largest = END - range.headroom();
            Some(Column {
                name,
                outer: [median, largest],
                inner: [median, high.min(largest.max(median))],
                middle: median,
            })
        })
        .collect();
    let described: Vec<String> = columns
        .iter()
        .map(|c| format!("{}: largest {:.1} bits", c.name, c.outer[1]))
        .collect();
    let limits: Vec<f64> = [END].into_iter().chain(bound).collect();
    html! {
        figure { figcaption { (title(op)) @if let Some(bits) = bound { span.note { " · proven bound at " (format!("{bits:.1}")) " bits" } } }
            (figure(&format!("Bits of {}", title(op)), &described.join("; "), (280, 190), |area| {
                ranges(area, &columns, 0.0..32.0, &limits, &|y| format!("{y:.0}"))
            })) }
    }
}

/// The proven bound of the residual stream, in bits of its integers; `None` where the format is not
/// proven.
fn residual_bound(model: &Model) -> Option<f64> {
    let value = |wanted: &str| {
        let mut lines = model
            .provenance()
            .lines()
            .filter_map(|line| line.split_once('='));
        lines
            .find(|(key, _)| *key == wanted)
            .map(|(_, value)| value)
    };
    let proven = value("residual_format")?.ends_with("proven");
    let bound: f64 = value("residual_bound")?.parse().ok()?;
    let bits = bound.log2() + f64::from(model.desc().residual_frac);
    (proven && bits.is_finite()).then_some(bits)
}

/// The tensor with the largest proven accumulator.
fn accumulator(model: &Model) -> Option<(String, u32)> {
    let layers = model.desc().layers as usize;
    let table =
        (0..layers).flat_map(|l| Role::ALL[..LAYER_ROLES].iter().map(move |&r| (Some(l), r)));
    let all = table.chain([(None, Role::Input), (None, Role::Head)]);
    let bounds = all.map(|(layer, role)| {
        (
            layer,
            role,
            model.tensor(layer.unwrap_or(0), role).acc_bound,
        )
    });
    let (layer, role, bound) = bounds.max_by_key(|b| b.2).filter(|b| b.2 > 0)?;
    Some((
        layer.map_or(role.name().into(), |l| {
            format!("layers.{l}.{}", role.name())
        }),
        bound,
    ))
}

fn table(s: &Subject) -> Markup {
    html! {
        table {
            thead { tr { @for name in ["vector", "layer", "median, bits", "99.9 %, bits", "largest, bits", "headroom, bits", "largest, real", "format"] { th scope="col" { (name) } } } }
            tbody {
                @for op in SHOWN { @for (name, layer) in named(&s.observed.layers) {
                    @if let Some(range) = layer.range(op) {
                        tr {
                            th scope="row" { (title(op)) } td { (name) }
                            td { (range.bits(0.5)) } td { (range.bits(0.999)) }
                            td { (format!("{:.1}", END - range.headroom())) } td { (format!("{:.1}", range.headroom())) }
                            td { (number(range.largest_real())) } td { "Q" (range.frac()) }
                        }
                    }
                } }
            }
        }
    }
}
