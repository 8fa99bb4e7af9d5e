//! The figures of the three comparisons, and how large the errors of the logits are.

use maud::{Markup, html};
use plotters::prelude::*;

use super::canvas::Ink;
use super::json::Figures;
use super::plot::{Drawn, TEXT, figure, legend, text};
use super::quality::{COMPARISONS, WIDTHS};
use super::subject::Subject;
use crate::numbers::{figure as number, grouped, percent};
use crate::{Histogram, Report};

pub(super) fn section(s: &Subject) -> Markup {
    let c = s.comparison;
    let reports = [&c.total, &c.weights_only, &c.dequantized];
    html! {
        p { "Every logit of every position, by how far it is from the other model’s. "
            @if let (Some(half), Some(most)) = (below(&c.total.errors, 0.5), below(&c.total.errors, 0.99)) {
                "Of the whole conversion’s errors half are below " (number(half)) " and 99 % below " (number(most)) "; "
            }
            "a logit step of 1 is a factor of 2.7 in probability." }
        (legend(COMPARISONS.iter().enumerate().map(|(i, name)| (Ink::Series(i as u8), *name))))
        div.split {
            figure { div.scroll tabindex="0" role="region" aria-label="Histogram of logit errors" { (histogram(&reports)) } }
            div.scroll tabindex="0" role="region" aria-label="Figures" { (table(s)) }
        }
    }
}

/// What so large a share of the errors is below; `None` where only infinity is above them.
fn below(errors: &Histogram, share: f64) -> Option<f64> {
    errors.quantile(share).filter(|bound| bound.is_finite())
}

/// How a figure is shown.
type Show = fn(f64) -> String;

fn table(s: &Subject) -> Markup {
    let f = Figures(s.json);
    let nll: Show = |v| format!("{v:.6}");
    let plain: Show = |v| number(v);
    let share: Show = |v| percent(v);
    let count: Show = |v| grouped(v as u64);
    let rows: [(&str, &str, Show); 14] = [
        ("NLL, first model", "nll_float", nll),
        ("NLL, second model", "nll_fixed", nll),
        ("perplexity ratio", "ppl_ratio", nll),
        ("mean KL, nats", "kl_mean", plain),
        ("largest KL, nats", "kl_max", plain),
        ("same argmax", "top1", share),
        ("largest logit error", "max_abs_logit", plain),
        ("relative RMS error", "relative_rms", share),
        ("accuracy, first model", "accuracy_float", share),
        ("accuracy, second model", "accuracy_fixed", share),
        (
            "last frame, worst error / RMS",
            "last_frame_max_error",
            share,
        ),
        ("last frame, relative RMS", "last_frame_relative_rms", share),
        ("all frames, relative RMS", "clip_relative_rms", share),
        ("saturated values", "saturated", count),
    ];
    let places = ["", "/weights_only", "/dequantized"];
    let present = |key: &str| {
        places
            .iter()
            .any(|at| f.get(&format!("{at}/{key}")).is_some())
    };
    html! {
        table {
            thead { tr { th scope="col" { "" } @for name in ["everything", "weights", "arithmetic"] { th scope="col" { (name) } } } }
            tbody {
                @for (name, key, show) in rows {
                    @if present(key) {
                        tr { th scope="row" { (name) } @for at in places { td { (f.data(&format!("{at}/{key}"), show)) } } }
                    }
                }
            }
        }
    }
}

/// Counts over magnitudes, both logarithmic.
fn histogram(reports: &[&Report; 3]) -> Markup {
    let shown: Vec<&Histogram> = reports.iter().map(|r| &r.errors).collect();
    let describe = |(name, h): (&str, &&Histogram)| match (below(h, 0.5), below(h, 0.99)) {
        (Some(half), Some(most)) => format!(
            "{name}: half below {}, 99 % below {}",
            number(half),
            number(most)
        ),
        _ => format!("{name}: without a finite bound"),
    };
    let description: Vec<String> = COMPARISONS.into_iter().zip(&shown).map(describe).collect();
    figure(
        "Histogram of logit errors",
        &description.join("; "),
        (600, 300),
        |area| draw(area, &shown),
    )
}

fn draw(area: &super::plot::Area, shown: &[&Histogram]) -> Drawn {
    // Zero and infinity have no place on a logarithmic axis.
    let ends = |from: f64, to: f64| {
        let from = if from > 0.0 { from } else { Histogram::LEAST };
        (from, if to.is_finite() { to } else { Histogram::MOST })
    };
    let all = || {
        shown
            .iter()
            .flat_map(|h| h.bins())
            .map(|b| (ends(b.from, b.to), b.count))
    };
    let low = all().map(|(b, _)| b.0).fold(f64::INFINITY, f64::min);
    let high = all().map(|(b, _)| b.1).fold(0.0, f64::max);
    let most = all().map(|(_, n)| n).max().unwrap_or(0);
    if most == 0 {
        return Err("no errors".into());
    }
    let top = 10f64.powf((most as f64).log10().ceil() + 0.1);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(16)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d((low..high).log_scale(), (0.8..top).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(Ink::Grid.color())
        .light_line_style(TRANSPARENT)
        .axis_style(Ink::Muted.color())
        .label_style(text(TEXT, Ink::Muted))
        .axis_desc_style(text(TEXT, Ink::Muted))
        .x_labels(8)
        .y_labels(8)
        .x_desc("|difference of a logit|")
        .y_desc("logits")
        .x_label_formatter(&|x| power(*x))
        .y_label_formatter(&|y| {
            if *y < 1e4 {
                grouped(y.round() as u64)
            } else {
                power(*y)
            }
        })
        .draw()?;
    for (i, h) in shown.iter().enumerate() {
        let ink = Ink::Series(i as u8).color();
        let mut outline = Vec::new();
        for bin in h.bins() {
            let (from, to) = ends(bin.from, bin.to);
            let count = (bin.count as f64).max(0.8);
            outline.extend([(from, count), (to, count)]);
        }
        if let (Some(first), Some(last)) = (outline.first().copied(), outline.last().copied()) {
            outline.insert(0, (first.0, 0.8));
            outline.push((last.0, 0.8));
            chart.draw_series([Polygon::new(outline.clone(), ink.mix(0.1))])?;
            chart.draw_series(LineSeries::new(outline, ink.stroke_width(WIDTHS[i])))?;
        }
    }
    Ok(())
}

/// `1e-3`, as 10⁻³.
fn power(value: f64) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let exponent = value.log10();
    if (exponent - exponent.round()).abs() > 1e-6 {
        return number(value);
    }
    let digits: String = format!("{:.0}", exponent.abs())
        .chars()
        .filter_map(|c| c.to_digit(10))
        .map(|d| DIGITS[d as usize])
        .collect();
    format!(
        "10{}{digits}",
        if exponent.round() < 0.0 { "⁻" } else { "" }
    )
}
