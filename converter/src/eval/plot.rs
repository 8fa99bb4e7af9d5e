//! The drift curve of a stream as SVG.

use std::ops::Range;

use plotters::prelude::*;
use sla_eval::{StreamReport, Window};

use crate::table::grouped;

const SIZE: (u32, u32) = (860, 500);
const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xea);

/// A line of the drawing. Colours are such that people of any colour vision can tell them apart.
struct Curve {
    name: &'static str,
    color: RGBColor,
    width: u32,
    kl: fn(&Window) -> f64,
}

/// The first two nearly coincide where the arithmetic costs little: the wide one shows on both
/// sides of the other.
const CURVES: [Curve; 3] = [
    Curve {
        name: "integer run against float",
        color: RGBColor(0xf0, 0xa3, 0x5e),
        width: 7,
        kl: |w| w.fixed.kl,
    },
    Curve {
        name: "weights alone: float over the file's weights against float",
        color: RGBColor(0x00, 0x5a, 0x9c),
        width: 2,
        kl: |w| w.dequantized.kl,
    },
    Curve {
        name: "arithmetic alone: integer run against float over the file's weights",
        color: RGBColor(0x00, 0x8a, 0x64),
        width: 2,
        kl: |w| w.arithmetic.kl,
    },
];

/// Mean KL over the position, both logarithmic, on a white ground of its own. `None` if there is
/// nothing above 0 to draw.
pub(super) fn svg(model: &str, report: &StreamReport) -> Option<String> {
    let values = || {
        CURVES
            .iter()
            .flat_map(|c| report.curve.iter().map(c.kl))
            .filter(|&kl| kl > 0.0)
    };
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(0.0, f64::max),
    );
    if !low.is_finite() || report.all.last < 2 {
        return None;
    }
    // Whole decades, and a quarter more above the curves for the legend.
    let (bottom, top) = (low.log10().floor(), high.log10().ceil());
    let range = 10f64.powf(bottom)..10f64.powf(top + 0.25 * (top - bottom).max(1.0));
    let mut svg = String::new();
    draw(
        SVGBackend::with_string(&mut svg, SIZE),
        model,
        report,
        range,
    )
    .ok()?;
    Some(svg)
}

fn draw<B: DrawingBackend>(
    backend: B,
    model: &str,
    report: &StreamReport,
    range: Range<f64>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("{model}: {} steps of one stream", grouped(report.all.last));
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20).into_font().color(&INK))
        .margin(14)
        .margin_right(44)
        .x_label_area_size(48)
        .y_label_area_size(74)
        .build_cartesian_2d((1.0..report.all.last as f64).log_scale(), range.log_scale())?;
    let label = ("sans-serif", 14).into_font().color(&INK);
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(label.clone())
        .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
        .x_desc("position in the stream")
        .y_desc("mean KL divergence of a window, nats")
        .x_label_formatter(&|x| grouped(x.round() as u64))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .draw()?;
    for Curve {
        name,
        color,
        width,
        kl,
    } in CURVES
    {
        // A window stands at its geometric middle.
        let points = report
            .curve
            .iter()
            .map(|w| ((w.first as f64 * w.last as f64).sqrt(), kl(w)));
        let points: Vec<_> = points.filter(|(_, kl)| *kl > 0.0).collect();
        chart
            .draw_series(LineSeries::new(
                points.iter().copied(),
                color.stroke_width(width),
            ))?
            .label(name)
            .legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 22, y)], color.stroke_width(width))
            });
        chart.draw_series(
            points
                .iter()
                .map(|&point| Circle::new(point, width.max(5) / 2, color.filled())),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(10)
        .legend_area_size(28)
        .background_style(WHITE)
        .border_style(GRID)
        .label_font(label)
        .draw()?;
    area.present()
}
