//! Marks as SVG, to stand inside an HTML page: looks come from the page's style sheet by class.

use std::fmt::Write;

use super::marks::{Anchor, Mark, Picture, Sign};
use crate::wording::{LONGEST_TEXT, escape, line};

/// The picture as one `svg` element. `label` says what it shows to those who cannot see it.
pub(crate) fn svg(picture: &Picture, label: &str) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg class=\"picture\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\">",
        short(picture.width),
        short(picture.height),
        escape(&line(label, LONGEST_TEXT)),
    );
    for mark in &picture.marks {
        draw(mark, &mut out);
    }
    out.push_str("</svg>");
    out
}

fn draw(mark: &Mark, out: &mut String) {
    match mark {
        Mark::Rect { x, y, width, height, class, hint } => {
            let (x, y, width, height) = (short(*x), short(*y), short(*width), short(*height));
            let _ = write!(
                out,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{}",
                closed("rect", hint.as_deref()),
            );
        }
        Mark::Rule { from, to, class } => {
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
                short(from.0),
                short(from.1),
                short(to.0),
                short(to.1),
            );
        }
        Mark::Curve { strokes, class } => {
            let _ = write!(out, "<path class=\"{class}\" d=\"");
            for stroke in strokes {
                stroked(stroke, out);
            }
            out.push_str("\"/>");
        }
        Mark::Signs { at, sign, class } => {
            let _ = write!(out, "<path class=\"{class}\" d=\"");
            for (x, y) in at {
                let _ = write!(out, "M{} {}{}", short(*x), short(*y), form(*sign));
            }
            out.push_str("\"/>");
        }
        Mark::Text { x, y, anchor, class, text, hint } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let title = hint.as_deref().map(title).unwrap_or_default();
            let _ = write!(
                out,
                "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}{title}</text>",
                short(*x),
                short(*y),
                escape(text),
            );
        }
    }
}

/// One place needs a line of no length, which round ends show as a dot.
fn stroked(stroke: &[(f64, f64)], out: &mut String) {
    let Some((x, y)) = stroke.first() else { return };
    let _ = write!(out, "M{} {}", short(*x), short(*y));
    if stroke.len() == 1 {
        out.push_str("h0");
    }
    for (x, y) in &stroke[1..] {
        let _ = write!(out, "L{} {}", short(*x), short(*y));
    }
}

fn form(sign: Sign) -> &'static str {
    match sign {
        Sign::Dot => "h0",
        Sign::Cross => "m-2.5-2.5l5 5m0-5l-5 5",
        Sign::Down => "m-4-3h8l-4 6z",
        Sign::Up => "m-4 3h8l-4-6z",
        Sign::Tick => "v-6",
        Sign::Tall => "v-22",
    }
}

fn closed(element: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| "/>".to_owned(), |hint| format!(">{}</{element}>", title(hint)))
}

fn title(hint: &str) -> String {
    format!("<title>{}</title>", escape(hint))
}

/// A tenth of a pixel is all that can be seen.
fn short(place: f64) -> String {
    let rounded = (place * 10.0).round() / 10.0;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_short_and_texts_are_escaped() {
        let mut picture = Picture { width: 10.0, height: 5.25, marks: Vec::new() };
        picture.marks.push(Mark::Curve {
            strokes: vec![vec![(0.0, 1.04)], vec![(1.0, 2.0), (3.333, -0.01)]],
            class: "c",
        });
        picture.text((1.0, 2.0), Anchor::End, "t", "<b> & \"");
        picture.marks.push(Mark::Rect {
            x: 0.0,
            y: 0.0,
            width: 1.0,
            height: 1.0,
            class: "r",
            hint: Some("</title>".into()),
        });
        insta::assert_snapshot!(svg(&picture, "a 'label'"), @r#"<svg class="picture" viewBox="0 0 10 5.3" role="img" aria-label="a &#39;label&#39;" xmlns="http://www.w3.org/2000/svg"><path class="c" d="M0 1h0M1 2L3.3 0"/><text class="t" x="1" y="2" text-anchor="end">&lt;b&gt; &amp; &quot;</text><rect class="r" x="0" y="0" width="1" height="1"><title>&lt;/title&gt;</title></rect></svg>"#);
    }
}
