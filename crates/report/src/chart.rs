//! Charts as a list of marks, drawn as SVG. Only [`timeline`] and [`strip`] know of experiments.

mod marks;
mod scale;
mod strip;
mod svg;
mod ticks;
mod timeline;

pub(crate) use self::svg::svg;
pub(crate) use self::timeline::{MOST_STRIPS, timeline};
