//! What a chart is made of. Places are in pixels from the upper left corner.

/// A picture: its size and its marks, the lowest first.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) marks: Vec<Mark>,
}

/// One mark. `class` names its looks in the style sheet; `hint` is shown when the pointer rests on it.
#[derive(Debug)]
pub(crate) enum Mark {
    /// A box.
    Rect { x: f64, y: f64, width: f64, height: f64, class: &'static str, hint: Option<String> },
    /// A straight line.
    Rule { from: (f64, f64), to: (f64, f64), class: &'static str },
    /// Curves, each in one stroke.
    Curve { strokes: Vec<Vec<(f64, f64)>>, class: &'static str },
    /// Many equal signs.
    Signs { at: Vec<(f64, f64)>, sign: Sign, class: &'static str },
    /// Words on one line.
    Text { x: f64, y: f64, anchor: Anchor, class: &'static str, text: String, hint: Option<String> },
}

/// The form of a sign.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sign {
    /// A dot.
    Dot,
    /// A cross: nothing could be read here.
    Cross,
    /// A triangle that points down: something ended.
    Down,
    /// A triangle that points up: something started.
    Up,
    /// A short upright line.
    Tick,
    /// A long one.
    Tall,
}

/// Where a text stands in relation to its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

impl Picture {
    pub(crate) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &'static str) {
        self.marks.push(Mark::Rect { x, y, width, height, class, hint: None });
    }

    pub(crate) fn rule(&mut self, from: (f64, f64), to: (f64, f64), class: &'static str) {
        self.marks.push(Mark::Rule { from, to, class });
    }

    pub(crate) fn text(
        &mut self,
        (x, y): (f64, f64),
        anchor: Anchor,
        class: &'static str,
        text: impl Into<String>,
    ) {
        self.marks.push(Mark::Text { x, y, anchor, class, text: text.into(), hint: None });
    }

    pub(crate) fn signs(&mut self, at: Vec<(f64, f64)>, sign: Sign, class: &'static str) {
        if !at.is_empty() {
            self.marks.push(Mark::Signs { at, sign, class });
        }
    }
}
