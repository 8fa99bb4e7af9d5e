//! A plotters backend for SVG that lives in a page: colours are names that the style sheet defines
//! for light and dark, fonts are the page's, and what has the same colour is one path.

use std::convert::Infallible;
use std::fmt::Write;

use plotters::prelude::RGBColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};

/// A colour of the style sheet. plotters only knows numbers: they count these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Text.
    Text,
    /// Labels and axes.
    Muted,
    /// Lines of a grid.
    Grid,
    /// Limits.
    Limit,
    /// A series: 0 everything, 1 the weights, 2 the arithmetic.
    Series(u8),
    /// A head, or another kind of thing in a list; repeats after [`Ink::HEADS`].
    Head(usize),
}

impl Ink {
    /// Different colours of heads.
    pub(super) const HEADS: usize = 8;

    /// As plotters carries it.
    pub(super) fn color(self) -> RGBColor {
        let number = match self {
            Self::Text => 0,
            Self::Muted => 1,
            Self::Grid => 2,
            Self::Limit => 3,
            Self::Series(i) => 4 + i % 3,
            Self::Head(i) => 8 + (i % Self::HEADS) as u8,
        };
        RGBColor(number, 0, 0)
    }

    /// The custom property of the style sheet.
    pub(super) fn name(self) -> String {
        property(self.color().0)
    }
}

fn property(number: u8) -> String {
    match number {
        1 => "--muted".into(),
        2 => "--grid".into(),
        3 => "--limit".into(),
        4..8 => format!("--s{}", number - 4),
        8.. => format!("--h{}", number - 8),
        0 => "--text".into(),
    }
}

/// What a path is drawn with.
#[derive(Clone, Debug, PartialEq)]
struct Pen {
    color: u8,
    alpha: u8,
    /// 0 fills.
    width: u32,
}

impl Pen {
    fn of<S: BackendStyle>(style: &S, fill: bool) -> Self {
        let BackendColor {
            alpha,
            rgb: (color, ..),
        } = style.color();
        let width = if fill { 0 } else { style.stroke_width() };
        Self {
            color,
            alpha: (alpha.clamp(0.0, 1.0) * 100.0).round() as u8,
            width,
        }
    }
}

/// Appends to a string what is drawn.
pub(super) struct Canvas<'a> {
    out: &'a mut String,
    size: (u32, u32),
    path: Option<(Pen, String)>,
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl<'a> Canvas<'a> {
    pub(super) fn new(out: &'a mut String, size: (u32, u32)) -> Self {
        Self {
            out,
            size,
            path: None,
        }
    }

    /// The path that is open with this pen.
    fn path(&mut self, pen: Pen) -> &mut String {
        if self.path.as_ref().is_none_or(|(open, _)| *open != pen) {
            self.close();
        }
        &mut self.path.get_or_insert_with(|| (pen, String::new())).1
    }

    fn close(&mut self) {
        let Some((pen, d)) = self.path.take() else {
            return;
        };
        if pen.alpha == 0 || d.is_empty() {
            return;
        }
        let color = property(pen.color);
        let _ = match pen.width {
            0 => write!(self.out, r#"<path style="fill:var({color})" "#),
            width => write!(
                self.out,
                r#"<path fill="none" style="stroke:var({color});stroke-width:{width}" "#
            ),
        };
        if pen.alpha < 100 {
            let _ = write!(self.out, r#"opacity="{}" "#, f64::from(pen.alpha) / 100.0);
        }
        let _ = write!(self.out, r#"d="{d}"/>"#);
    }

    fn polyline(&mut self, pen: Pen, points: impl IntoIterator<Item = BackendCoord>, close: bool) {
        let path = self.path(pen);
        let mut command = 'M';
        for (x, y) in points {
            let _ = write!(path, "{command}{x} {y}");
            command = 'L';
        }
        if close {
            path.push('z');
        }
    }
}

/// Five characters have a meaning of their own in markup.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        self.close();
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.polyline(Pen::of(style, false), [from, to], false);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (width, height) = (right - x, bottom - y);
        let _ = write!(
            self.path(Pen::of(style, fill)),
            "M{x} {y}h{width}v{height}h{}z",
            -width
        );
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.polyline(Pen::of(style, false), path, false);
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.polyline(Pen::of(style, true), path, true);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (r, d) = (radius as i32, 2 * radius as i32);
        let _ = write!(
            self.path(Pen::of(style, fill)),
            "M{} {y}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 {} 0z",
            x - r,
            -d
        );
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Drawn {
        self.close();
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        // Of the height of capitals.
        let down = match style.anchor().v_pos {
            VPos::Top => 0.72,
            VPos::Center => 0.36,
            VPos::Bottom => 0.0,
        };
        let turn = match style.transform() {
            FontTransform::None => 0,
            FontTransform::Rotate90 => 90,
            FontTransform::Rotate180 => 180,
            FontTransform::Rotate270 => 270,
        };
        let (size, color) = (style.size(), property(style.color().rgb.0));
        let _ = write!(
            self.out,
            r#"<text x="{x}" y="{y}" dy="{down}em" font-size="{size}" style="fill:var({color})""#
        );
        if anchor != "start" {
            let _ = write!(self.out, r#" text-anchor="{anchor}""#);
        }
        if turn != 0 {
            let _ = write!(self.out, r#" transform="rotate({turn} {x} {y})""#);
        }
        self.out.push('>');
        escape(text, self.out);
        self.out.push_str("</text>");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::prelude::*;

    #[test]
    fn one_color_is_one_path_and_text_is_escaped() {
        let mut out = String::new();
        let area = Canvas::new(&mut out, (100, 100)).into_drawing_area();
        for x in [0, 10] {
            area.draw(&Rectangle::new(
                [(x, 0), (x + 5, 5)],
                Ink::Head(9).color().filled(),
            ))
            .unwrap();
        }
        area.draw(&Rectangle::new(
            [(0, 9), (5, 20)],
            Ink::Head(1).color().mix(0.5).filled(),
        ))
        .unwrap();
        area.draw(&Rectangle::new(
            [(0, 9), (5, 20)],
            Ink::Head(1).color().mix(0.0).filled(),
        ))
        .unwrap();
        let style = ("sans-serif", 12).into_font().color(&Ink::Text.color());
        area.draw(&Text::new("<script>\"&\0", (1, 2), style))
            .unwrap();
        area.present().unwrap();
        drop(area);
        assert_eq!(
            out,
            r#"<path style="fill:var(--h1)" d="M0 0h5v5h-5zM10 0h5v5h-5z"/><path style="fill:var(--h1)" opacity="0.5" d="M0 9h5v11h-5z"/><text x="1" y="2" dy="0.72em" font-size="12" style="fill:var(--text)">&lt;script&gt;&quot;&amp;�</text>"#
        );
    }
}
