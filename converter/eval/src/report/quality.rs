//! Signal-to-noise ratios: a heat map of layers and vectors, and the residual stream along the
//! layers.

use maud::{Markup, html};

use super::canvas::Ink;
use super::plot::{Line, figure, legend, lines};
use super::subject::Subject;
use crate::numbers::decibel;
use crate::{Channel, Report};

/// What the three comparisons are called, in the order of their colours.
pub(super) const COMPARISONS: [&str; 3] = [
    "float → integer: everything",
    "weights alone",
    "arithmetic alone",
];

/// Widths of their lines: the first often coincides with the second and shows on both sides of it.
pub(super) const WIDTHS: [u32; 3] = [6, 2, 2];

/// Class of a cell: 0 from 70 dB on, one more every 10 dB below, 6 below 20 dB.
pub(super) fn heat(db: f64) -> u8 {
    match db {
        db if db >= 70.0 => 0,
        db if db.is_nan() => 6,
        db => (7.0 - (db / 10.0).floor()).clamp(0.0, 6.0) as u8,
    }
}

/// What the classes stand for.
pub(super) fn heat_legend() -> Markup {
    let names = [
        "70 dB and more",
        "60–70",
        "50–60",
        "40–50",
        "30–40",
        "20–30",
        "below 20",
    ];
    html! {
        p.legend { @for (i, name) in names.iter().enumerate() { span { i.{ "swatch heat" (i) } {} (name) } " " } }
    }
}

/// A ratio in a table of heat.
pub(super) fn heat_cell(db: Option<f64>) -> Markup {
    html! {
        @match db.filter(|db| !db.is_nan()) {
            Some(db) => td.{ "heat" (heat(db)) } { (decibel(Some(db))) },
            None => td.none { "–" },
        }
    }
}

pub(super) fn section(s: &Subject) -> Markup {
    let c = s.comparison;
    let reports = [&c.total, &c.weights_only, &c.dequantized];
    html! {
        p { "Signal-to-noise ratio of each vector inside the layers against the float model, in dB: 20 dB are 10 % noise, 40 dB 1 %, 60 dB 0.1 %. "
            "The stronger the colour, the more is lost there. Noise is inherited: what a layer receives, it passes on." }
        (heat_legend())
        div.pair {
            @for (name, report) in [(COMPARISONS[0], &c.total), (COMPARISONS[2], &c.dequantized)] {
                figure {
                    figcaption { (name) }
                    div.scroll tabindex="0" role="region" aria-label=(name) { (table(report)) }
                }
            }
        }
        (legend(COMPARISONS.iter().enumerate().map(|(i, name)| (Ink::Series(i as u8), *name))))
        div.split {
            figure { figcaption { "Residual stream along the layers" }
                div.scroll tabindex="0" role="region" aria-label="Residual stream along the layers" { (residual(&reports)) } }
            figure { figcaption { "The noisiest vectors, dB" } div.scroll tabindex="0" role="region" aria-label="The noisiest vectors" { (noisiest(&reports)) } }
        }
    }
}

/// Vectors with the lowest ratios, and what the weights and the arithmetic have in them.
fn noisiest([total, weights, arithmetic]: &[&Report; 3]) -> Markup {
    const SHOWN: usize = 6;
    let layers = || total.layers.iter().enumerate();
    let mut vectors: Vec<(usize, Channel, f64)> = layers()
        .flat_map(|(i, layer)| {
            Channel::ALL
                .into_iter()
                .filter_map(move |c| Some((i, c, layer.get(c)?)))
        })
        .filter(|v| v.2.is_finite())
        .collect();
    vectors.sort_by(|a, b| a.2.total_cmp(&b.2));
    let of =
        |report: &Report, layer: usize, c: Channel| report.layers.get(layer).and_then(|l| l.get(c));
    html! {
        table {
            thead { tr { th scope="col" { "vector" } @for name in ["everything", "weights", "arithmetic"] { th scope="col" { (name) } } } }
            tbody { @for (layer, c, db) in vectors.into_iter().take(SHOWN) {
                tr { th scope="row" { "layer " (layer) ", " (channel_name(c)) }
                    (heat_cell(Some(db))) (heat_cell(of(weights, layer, c))) (heat_cell(of(arithmetic, layer, c))) }
            } }
        }
    }
}

fn table(report: &Report) -> Markup {
    let shown = || {
        Channel::ALL
            .into_iter()
            .filter(|&c| report.layers.iter().any(|l| l.get(c).is_some()))
    };
    html! {
        table.map {
            thead { tr { th scope="col" { "layer" } @for c in shown() { th scope="col" { (channel_name(c)) } } } }
            tbody {
                tr {
                    th scope="row" { "input" }
                    @for c in shown() { (heat_cell(report.input_snr.filter(|_| c == Channel::Residual))) }
                }
                @for (i, layer) in report.layers.iter().enumerate() {
                    tr { th scope="row" { (i) } @for c in shown() { (heat_cell(layer.get(c))) } }
                }
            }
        }
    }
}

fn residual(reports: &[&Report; 3]) -> Markup {
    let layers = reports[0].layers.len();
    let places: Vec<String> = ["input".to_string()]
        .into_iter()
        .chain((0..layers).map(|i| format!("layer {i}")))
        .collect();
    let line = |(i, report): (usize, &&Report)| {
        let ratios = [report.input_snr]
            .into_iter()
            .chain(report.layers.iter().map(|l| l.get(Channel::Residual)));
        let finite = ratios.map(|db| db.filter(|db| db.is_finite()));
        let points = finite.enumerate().map(|(x, db)| (x as f64, db)).collect();
        Line {
            name: COMPARISONS[i].into(),
            ink: Ink::Series(i as u8),
            width: WIDTHS[i],
            points,
        }
    };
    let drawn: Vec<Line> = reports.iter().enumerate().map(line).collect();
    let description: Vec<String> = drawn
        .iter()
        .map(|l| {
            let values: Vec<String> = l.points.iter().map(|p| decibel(p.1)).collect();
            format!("{}: {}", l.name, values.join(", "))
        })
        .collect();
    figure(
        "Signal-to-noise ratio of the residual stream",
        &description.join("; "),
        (600, 260),
        |area| lines(area, &drawn, &places, "dB"),
    )
}

/// A vector's name for people.
pub(super) fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::QueryGate => "read gate",
        Channel::KeyGate => "write gate",
        Channel::MixerOut => "mixer output",
        Channel::Hidden => "MLP hidden",
        Channel::MlpOut => "MLP output",
        Channel::Residual => "residual",
    }
}
