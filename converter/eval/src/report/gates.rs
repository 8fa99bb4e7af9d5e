//! The softmax over the heads at work: who reads and who writes, token by token.

use maud::{Markup, html};
use plotters::prelude::*;
use sla_runtime::Model;

use super::canvas::Ink;
use super::plot::{Area, Drawn, centered, ending, figure, legend, stacked, text};
use super::subject::Subject;
use crate::{Side, winner};

/// Cells of all heat maps together, about.
const CELLS: usize = 8_192;
/// Positions in a line.
const LINE: usize = 64;
/// Fewest and most positions shown.
const POSITIONS: [usize; 2] = [32, 128];
/// Steps of a cell's strength.
const STEPS: f64 = 10.0;
/// Longest text of a token, in characters.
const LABEL: usize = 10;

/// Positions of the first row that the page has room for.
pub fn sample_len(model: &Model) -> usize {
    let d = model.desc();
    let column = 2 * (d.layers * d.heads) as usize;
    (CELLS / column.max(1)).clamp(POSITIONS[0], POSITIONS[1])
}

/// The layers that are drawn: all, or evenly spaced ones when they are too many.
fn drawn_layers(layers: usize, column: usize) -> Vec<usize> {
    let most = (CELLS / (column * POSITIONS[0]).max(1)).clamp(1, layers.max(1));
    let last = layers.saturating_sub(1);
    let mut drawn: Vec<usize> = match most {
        1 => vec![last],
        _ => (0..most)
            .map(|i| (i * last + (most - 1) / 2) / (most - 1))
            .collect(),
    };
    drawn.dedup();
    drawn
}

pub(super) fn section(s: &Subject) -> Markup {
    let sides = &s.observed.sides;
    if sides.is_empty() {
        return html! { p.absent { "This model has no softmax over its heads: there are no gates to show." } };
    }
    let d = s.model.desc();
    let (layers, heads) = (d.layers as usize, d.heads as usize);
    let drawn = drawn_layers(layers, heads * sides.len());
    let labels = labels(s);
    let names: Vec<String> = (0..heads.min(Ink::HEADS))
        .map(|h| format!("head {h}"))
        .collect();
    html! {
        p { "The gates are a softmax over the heads: at each position the heads share one budget. "
            @if sides.contains(&Side::Read) { "The read gate decides whose memory is heard. " }
            @if sides.contains(&Side::Write) { "The write gate decides whose memory takes the token in. " }
            "The stronger a cell, the larger the head’s share (full: the largest share in the drawing); the ribbon beside the text has the colour of the head with the largest." }
        (legend(names.iter().enumerate().map(|(h, name)| (Ink::Head(h), name.as_str()))))
        @if heads > Ink::HEADS { p.note { "Colours repeat every " (Ink::HEADS) " heads; heads stand in order, the first on top." } }
        h3 { "Who has the largest gate, over all positions" }
        div.multiples.wins {
            @for &side in sides { div { h4 { (name(side)) }
                @for layer in 0..layers {
                    @let wins = s.observed.layers[layer].gate(side).wins();
                    div.bar { span { "layer " (layer) } (stacked(
                        &format!("{} of layer {layer}: share of positions that each head wins", name(side)),
                        &most(&wins),
                        &wins.iter().enumerate().map(|(h, &w)| (Ink::Head(h), w)).collect::<Vec<_>>(), 14)) }
                } } }
        }
        details { summary { "The same as a table, with each head’s mean share" } div.scroll { (table(s)) } }
        h3 { @match labels.frames { true => "The first clip", false => "The beginning of the text" } ", " (s.observed.sample.len) " positions" }
        @if drawn.len() < layers { p.note { (drawn.len()) " of " (layers) " layers, evenly spaced." } }
        div.maps {
            @for &layer in &drawn {
                figure.gates {
                    figcaption { "layer " (layer) }
                    div.scroll tabindex="0" role="region" aria-label=(format!("gates of layer {layer}")) {
                        (map(s, layer, &labels))
                    }
                }
            }
        }
    }
}

/// The head that wins most; the table has the others.
fn most(wins: &[f64]) -> String {
    let head = winner(wins);
    format!(
        "head {head} most often, at {:.1} %",
        100.0 * wins.get(head).copied().unwrap_or(0.0)
    )
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Read => "read gate",
        Side::Write => "write gate",
    }
}

fn table(s: &Subject) -> Markup {
    let heads = s.model.desc().heads as usize;
    let shown = |v: Option<&f64>| v.map_or("–".into(), |v| format!("{:.1}", 100.0 * v));
    html! {
        table {
            thead { tr { th scope="col" { "wins % / mean share %" } @for h in 0..heads { th scope="col" { "head " (h) } } } }
            tbody {
                @for layer in 0..s.model.desc().layers as usize { @for &side in &s.observed.sides {
                    @let gate = s.observed.layers[layer].gate(side);
                    @let (wins, means) = (gate.wins(), gate.means());
                    tr { th scope="row" { "layer " (layer) ", " (name(side)) }
                        @for h in 0..heads { td { (shown(wins.get(h))) " / " (shown(means.get(h))) } } }
                } }
            }
        }
    }
}

/// What stands under the columns.
struct Labels {
    /// One a position; empty where nothing stands.
    texts: Vec<String>,
    /// Frames have no text, only numbers.
    frames: bool,
}

fn labels(s: &Subject) -> Labels {
    let sample = &s.observed.sample;
    if sample.ids.is_empty() {
        let every_tenth = |t: usize| {
            if t.is_multiple_of(10) {
                t.to_string()
            } else {
                String::new()
            }
        };
        return Labels {
            texts: (0..sample.len).map(every_tenth).collect(),
            frames: true,
        };
    }
    let short = |id: &u32| {
        let label = (s.label)(*id);
        match label.chars().count() > LABEL {
            true => label.chars().take(LABEL - 1).chain(['…']).collect(),
            false => label,
        }
    };
    Labels {
        texts: sample.ids.iter().map(short).collect(),
        frames: false,
    }
}

/// Geometry of a layer's map, in pixels.
struct Grid {
    heads: i32,
    sides: Vec<Side>,
    /// Whether labels are turned to fit their column.
    turned: bool,
    text: i32,
}

impl Grid {
    const LEFT: i32 = 52;
    const COLUMN: i32 = 15;
    const RIBBON: i32 = 5;
    const GAP: i32 = 14;

    fn cell(&self) -> i32 {
        if self.heads > 8 { 7 } else { 10 }
    }

    fn block(&self) -> i32 {
        self.heads * self.cell() + Self::RIBBON + 2
    }

    fn line(&self) -> i32 {
        self.sides.len() as i32 * self.block() + self.text + Self::GAP
    }
}

fn map(s: &Subject, layer: usize, labels: &Labels) -> Markup {
    let longest = labels
        .texts
        .iter()
        .map(|l| l.chars().count())
        .max()
        .unwrap_or(0);
    let turned = longest > 2 && !labels.frames;
    let text = if turned { 8 * longest as i32 + 6 } else { 18 };
    let grid = Grid {
        heads: s.model.desc().heads as i32,
        sides: s.observed.sides.clone(),
        turned,
        text,
    };
    let len = s.observed.sample.len;
    let lines = len.div_ceil(LINE).max(1) as i32;
    let size = (
        Grid::LEFT + Grid::COLUMN * LINE.min(len) as i32 + 2,
        lines * grid.line(),
    );
    let title = format!("Gates of layer {layer} over {len} positions");
    let described = |side: &Side| {
        let winners: Vec<String> = s
            .observed
            .sample
            .shares(layer, *side)
            .iter()
            .map(|shares| winner(shares).to_string())
            .collect();
        format!(
            "{}: head with the largest share at each position: {}",
            name(*side),
            winners.join(" ")
        )
    };
    let description: Vec<String> = grid.sides.iter().map(described).collect();
    figure(
        &title,
        &description.join("; "),
        (size.0 as u32, size.1 as u32),
        |area| {
            for line in 0..lines {
                draw_line(area, s, layer, labels, &grid, line)?;
            }
            Ok(())
        },
    )
}

/// A line of text between its gates: reads above, writes below.
fn draw_line(
    area: &Area,
    s: &Subject,
    layer: usize,
    labels: &Labels,
    grid: &Grid,
    line: i32,
) -> Drawn {
    let sample = &s.observed.sample;
    let top = line * grid.line();
    let reads = grid.sides.first() == Some(&Side::Read);
    let text_top = top + if reads { grid.block() } else { 0 };
    let positions = line as usize * LINE..sample.len.min((line as usize + 1) * LINE);
    for &side in &grid.sides {
        let shares = sample
            .shares(layer, side)
            .get(positions.clone())
            .unwrap_or(&[]);
        let cells = if side == Side::Read {
            top
        } else {
            text_top + grid.text + Grid::RIBBON + 2
        };
        let ribbon = if side == Side::Read {
            text_top - Grid::RIBBON
        } else {
            text_top + grid.text
        };
        let full = sample
            .shares(layer, side)
            .iter()
            .flatten()
            .fold(0.0f64, |m, &share| m.max(share));
        draw_cells(area, shares, full, cells, grid)?;
        for (x, shares) in shares.iter().enumerate() {
            let left = Grid::LEFT + x as i32 * Grid::COLUMN;
            let corner = [(left, ribbon), (left + Grid::COLUMN, ribbon + Grid::RIBBON)];
            area.draw(&Rectangle::new(
                corner,
                Ink::Head(winner(shares)).color().filled(),
            ))?;
        }
        let middle = cells + grid.heads * grid.cell() / 2;
        let label = if side == Side::Read { "read" } else { "write" };
        area.draw(&Text::new(
            label,
            (Grid::LEFT - 8, middle),
            ending(text(12, Ink::Muted)),
        ))?;
    }
    for (x, label) in labels
        .texts
        .get(positions)
        .unwrap_or(&[])
        .iter()
        .enumerate()
    {
        let middle = Grid::LEFT + x as i32 * Grid::COLUMN + Grid::COLUMN / 2;
        if label.is_empty() {
            continue;
        }
        if grid.turned {
            let style = ending(text(11, Ink::Text)).transform(FontTransform::Rotate270);
            area.draw(&Text::new(label.clone(), (middle, text_top + 3), style))?;
        } else {
            let size = if label.chars().count() > 1 { 10 } else { 13 };
            let down = if label.chars().count() > 1 { 5 } else { 4 };
            area.draw(&Text::new(
                label.clone(),
                (middle, text_top + down),
                centered(text(size, Ink::Text)),
            ))?;
        }
    }
    Ok(())
}

/// Cells in order of colour and strength, neighbours in one piece: few and short paths.
fn draw_cells(area: &Area, shares: &[Vec<f64>], full: f64, top: i32, grid: &Grid) -> Drawn {
    let strength = |x: usize, head: usize| {
        let share = shares
            .get(x)
            .and_then(|s| s.get(head))
            .copied()
            .unwrap_or(0.0);
        if full > 0.0 {
            (share / full * STEPS).round() as u32
        } else {
            0
        }
    };
    for head in 0..grid.heads as usize {
        let y = top + head as i32 * grid.cell();
        for step in 1..=STEPS as u32 {
            let mut x = 0;
            while x < shares.len() {
                let from = x;
                while x < shares.len() && strength(x, head) == step {
                    x += 1;
                }
                if x > from {
                    let at = |x: usize| Grid::LEFT + x as i32 * Grid::COLUMN;
                    let corner = [(at(from), y), (at(x), y + grid.cell() - 1)];
                    let color = Ink::Head(head).color().mix(f64::from(step) / STEPS);
                    area.draw(&Rectangle::new(corner, color.filled()))?;
                }
                x = x.max(from + 1);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_layers_span_the_model() {
        assert_eq!(drawn_layers(4, 16), [0, 1, 2, 3]);
        for (layers, column) in [(24, 32), (48, 64), (1, 8), (96, 512)] {
            let drawn = drawn_layers(layers, column);
            assert!(drawn.windows(2).all(|w| w[0] < w[1]), "{drawn:?}");
            assert_eq!(drawn.last(), Some(&(layers - 1)));
            assert!(
                drawn.len() == 1 || (drawn[0] == 0 && drawn.len() * column * POSITIONS[0] <= CELLS),
                "{drawn:?}"
            );
        }
    }
}
