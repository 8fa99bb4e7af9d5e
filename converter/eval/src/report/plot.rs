//! The figures that several sections draw: lines, panels of ranges, stacked bars.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Canvas, Ink};

/// Where something is drawn.
pub(super) type Area<'a> = DrawingArea<Canvas<'a>, Shift>;
/// A canvas cannot fail, plotters could.
pub(super) type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Size of text in a figure.
pub(super) const TEXT: u32 = 12;

/// An accessible figure of a size; nothing if it cannot be drawn.
pub(super) fn figure(
    title: &str,
    description: &str,
    size: (u32, u32),
    draw: impl FnOnce(&Area) -> Drawn,
) -> Markup {
    drawing(title, description, size, "xMidYMid", draw)
}

fn drawing(
    title: &str,
    description: &str,
    size: (u32, u32),
    aspect: &str,
    draw: impl FnOnce(&Area) -> Drawn,
) -> Markup {
    let mut svg = String::new();
    let area = Canvas::new(&mut svg, size).into_drawing_area();
    let drawn = draw(&area).and_then(|()| Ok(area.present()?));
    drop(area);
    html! {
        @if drawn.is_ok() {
            svg role="img" viewBox=(format!("0 0 {} {}", size.0, size.1)) width=(size.0) height=(size.1) preserveAspectRatio=(aspect) {
                title { (title) }
                desc { (description) }
                (PreEscaped(svg))
            }
        }
    }
}

/// Text of an ink.
pub(super) fn text(size: u32, ink: Ink) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&ink.color())
}

/// A named line through points; a gap where there is none.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) ink: Ink,
    pub(super) width: u32,
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// Names of lines with their colours.
pub(super) fn legend<'l>(entries: impl IntoIterator<Item = (Ink, &'l str)>) -> Markup {
    html! {
        p.legend {
            @for (ink, name) in entries { span { i.swatch style=(format!("background:var({})", ink.name())) {} (name) } " " }
        }
    }
}

/// Lines over named places, the first at 0.
pub(super) fn lines(area: &Area, lines: &[Line], places: &[String], y_label: &str) -> Drawn {
    let values = || {
        lines
            .iter()
            .flat_map(|line| line.points.iter().filter_map(|p| p.1))
    };
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    if !(low.is_finite() && high.is_finite()) {
        return Err("nothing to draw".into());
    }
    let (bottom, top) = ((low / 10.0).floor() * 10.0, (high / 10.0).ceil() * 10.0);
    let top = if top > bottom { top } else { bottom + 10.0 };
    let last = places.len().saturating_sub(1).max(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(16)
        .x_label_area_size(26)
        .y_label_area_size(50)
        .build_cartesian_2d(-0.2..last + 0.2, bottom..top)?;
    let place = |x: &f64| {
        let near = (x - x.round()).abs() < 1e-6;
        places
            .get(x.round() as usize)
            .filter(|_| near && *x > -0.1)
            .cloned()
            .unwrap_or_default()
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(Ink::Grid.color())
        .light_line_style(TRANSPARENT)
        .axis_style(Ink::Muted.color())
        .label_style(text(TEXT, Ink::Muted))
        .axis_desc_style(text(TEXT, Ink::Muted))
        .x_labels(0)
        .y_labels(6)
        .y_label_formatter(&|y| format!("{y:.0}"))
        .y_desc(y_label)
        .draw()?;
    let every = places.len().div_ceil(12).max(1);
    let (_, floor) = chart.backend_coord(&(0.0, bottom));
    for x in (0..places.len()).step_by(every) {
        let (at, _) = chart.backend_coord(&(x as f64, bottom));
        area.draw(&Text::new(
            place(&(x as f64)),
            (at, floor + 8),
            centered(text(TEXT, Ink::Muted)),
        ))?;
    }
    for line in lines {
        let points: Vec<(f64, f64)> = line
            .points
            .iter()
            .filter_map(|&(x, y)| Some((x, y?)))
            .collect();
        chart.draw_series(LineSeries::new(
            points.iter().copied(),
            line.ink.color().stroke_width(line.width),
        ))?;
        chart.draw_series(
            points
                .iter()
                .map(|&p| Circle::new(p, 2 + line.width / 3, line.ink.color().filled())),
        )?;
    }
    Ok(())
}

/// The same style, centred on its place.
pub(super) fn centered(style: TextStyle<'static>) -> TextStyle<'static> {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    style.pos(Pos::new(HPos::Center, VPos::Top))
}

/// The same style, ending at its place, centred in height.
pub(super) fn ending(style: TextStyle<'static>) -> TextStyle<'static> {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    style.pos(Pos::new(HPos::Right, VPos::Center))
}

/// A column of a panel of ranges: a thin line over `outer`, a bar over `inner`, a mark at `middle`.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) outer: [f64; 2],
    pub(super) inner: [f64; 2],
    pub(super) middle: f64,
}

/// Ranges side by side, with lines across at `limits`.
pub(super) fn ranges(
    area: &Area,
    columns: &[Column],
    y: Range<f64>,
    limits: &[f64],
    format: &dyn Fn(f64) -> String,
) -> Drawn {
    if !(y.start.is_finite() && y.end.is_finite() && y.start < y.end) {
        return Err("nothing to draw".into());
    }
    let count = columns.len().max(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .x_label_area_size(20)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..count, y.clone())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(Ink::Grid.color())
        .light_line_style(TRANSPARENT)
        .axis_style(Ink::Muted.color())
        .label_style(text(TEXT, Ink::Muted))
        .x_labels(0)
        .y_labels(5)
        .y_label_formatter(&|y| format(*y))
        .draw()?;
    let half = (0.28f64).min(0.45 * count / 8.0 + 0.1);
    let ink = Ink::Series(0).color();
    let bar = |x: f64, [low, high]: [f64; 2], half: f64| [(x - half, low), (x + half, high)];
    let mids = || columns.iter().enumerate().map(|(i, c)| (i as f64 + 0.5, c));
    chart.draw_series(
        mids().map(|(x, c)| Rectangle::new(bar(x, c.inner, half), ink.mix(0.45).filled())),
    )?;
    chart.draw_series(
        mids().map(|(x, c)| PathElement::new([(x, c.outer[0]), (x, c.outer[1])], ink)),
    )?;
    let tick = |x: f64, at: f64, width: u32| {
        PathElement::new([(x - half, at), (x + half, at)], ink.stroke_width(width))
    };
    chart.draw_series(mids().flat_map(|(x, c)| c.outer.map(|at| tick(x, at, 1))))?;
    chart.draw_series(mids().map(|(x, c)| tick(x, c.middle, 2)))?;
    let across =
        |&at: &f64| PathElement::new([(0.0, at), (count, at)], Ink::Limit.color().stroke_width(2));
    chart.draw_series(
        limits
            .iter()
            .filter(|at| (y.start..=y.end).contains(*at))
            .map(across),
    )?;
    let every = columns
        .iter()
        .map(|c| 7 * c.name.chars().count() + 6)
        .max()
        .unwrap_or(1);
    let room = area.dim_in_pixel().0 as usize / columns.len().max(1);
    for (i, column) in columns
        .iter()
        .enumerate()
        .step_by(every.div_ceil(room.max(1)).max(1))
    {
        let (x, floor) = chart.backend_coord(&(i as f64 + 0.5, y.start));
        area.draw(&Text::new(
            column.name.clone(),
            (x, floor + 6),
            centered(text(TEXT, Ink::Muted)),
        ))?;
    }
    Ok(())
}

/// Parts of a whole side by side, without text: it can be stretched.
pub(super) fn stacked(title: &str, description: &str, parts: &[(Ink, f64)], height: u32) -> Markup {
    const WIDTH: f64 = 4_000.0;
    const GAP: i32 = 6;
    let all: f64 = parts.iter().map(|p| p.1).sum();
    let bar = drawing(title, description, (WIDTH as u32, height), "none", |area| {
        let mut from = 0.0;
        for (ink, part) in parts {
            let to = from + part;
            let [left, right] = [from, to].map(|at| {
                if all > 0.0 {
                    (at / all * WIDTH).round() as i32
                } else {
                    0
                }
            });
            let right = (right - GAP).max(left + 1);
            area.draw(&Rectangle::new(
                [(left, 0), (right, height as i32)],
                ink.color().filled(),
            ))?;
            from = to;
        }
        Ok(())
    });
    html! { div.stacked style=(format!("height:{height}px")) { (bar) } }
}
