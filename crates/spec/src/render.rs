//! Mistakes as people see them: the line, the underlined place, the reason and the help.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    Severity, SourceCode, SourceSpan, SpanContents, ThemeCharacters,
};

use crate::mistake::{Lints, Mistake, Mistakes, Source};

/// The characters of frames and pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Readable everywhere.
    Ascii,
    /// Box drawing.
    Unicode,
}

/// Whether colours repeat what the words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    On,
    /// None.
    Off,
}

/// How mistakes are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The characters.
    pub glyphs: Glyphs,
    /// The colours.
    pub colour: Colour,
}

/// No wider than a page of text, so that help stays readable on wide screens.
const WIDTH: usize = 100;

struct Shown<'a> {
    mistake: &'a Mistake,
    lines: Lines<'a>,
    severity: Severity,
    message: String,
    help: Option<String>,
}

/// The text, of which whole lines are shown: those of the labels, and none beside them.
struct Lines<'a>(&'a Source);

impl Theme {
    /// Without colour, in ASCII: for files and tests.
    pub const PLAIN: Self = Self { glyphs: Glyphs::Ascii, colour: Colour::Off };

    fn handler(self) -> GraphicalReportHandler {
        let mut theme = match (self.glyphs, self.colour) {
            (Glyphs::Ascii, Colour::Off) => GraphicalTheme::none(),
            (Glyphs::Ascii, Colour::On) => GraphicalTheme::ascii(),
            (Glyphs::Unicode, Colour::Off) => GraphicalTheme::unicode_nocolor(),
            (Glyphs::Unicode, Colour::On) => GraphicalTheme::unicode(),
        };
        if self.glyphs == Glyphs::Ascii {
            theme.characters = ThemeCharacters { underline: '-', underbar: '+', ..ThemeCharacters::ascii() };
        }
        // The texts come wrapped: miette's own wrapping breaks `quoted-words` at their hyphens.
        GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_wrap_lines(false)
            .with_context_lines(1)
    }
}

impl Mistakes {
    /// The whole text for a person, ending with a line break.
    pub fn render(&self, theme: Theme) -> String {
        self.draw(theme, Severity::Error)
    }

    fn draw(&self, theme: Theme, severity: Severity) -> String {
        let handler = theme.handler();
        let mut text = String::new();
        for file in &self.files {
            for mistake in &file.list {
                if !text.is_empty() {
                    text.push('\n');
                }
                let message = wrapped(&mistake.message, WIDTH - 4);
                let help = mistake.help.as_ref().map(|help| wrapped(help, WIDTH - 8));
                let shown = Shown { mistake, lines: Lines(&file.source), severity, message, help };
                // Writing to a string cannot fail, and a place outside of its text falls back to the message.
                if handler.render_report(&mut text, &shown).is_err() {
                    text.push_str(&mistake.message);
                    text.push('\n');
                }
            }
        }
        text
    }
}

impl Lints {
    /// The whole text for a person, ending with a line break.
    pub fn render(&self, theme: Theme) -> String {
        self.0.draw(theme, Severity::Warning)
    }
}

impl SourceCode for Lines<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let Source { name, text } = self.0;
        let end = (span.offset() + span.len()).min(text.len());
        let start = span.offset().min(end);
        let (line, column) = self.0.line_column(start);
        // Without context the very span is asked for, which is how the position in the header is found.
        let (from, to, column) = if (before, after) == (0, 0) {
            (start, end, column - 1)
        } else {
            let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
            (from, text[end..].find('\n').map_or(text.len(), |at| end + at), 0)
        };
        let (data, shown) = (&text.as_bytes()[from..to], SourceSpan::from((from, to - from)));
        let count = text[from..to].lines().count();
        Ok(Box::new(MietteSpanContents::new_named(name.clone(), data, shown, line - 1, column, count)))
    }
}

/// Broken at spaces, but not within `quotes`.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::with_capacity(text.len());
    let (mut used, mut quoted) = (0, false);
    for (index, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && used + 1 + length > width && !quoted {
            lines.push('\n');
            used = 0;
        } else if index > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    lines
}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.lines)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Mistake { place, label, related, .. } = self.mistake;
        let main =
            LabeledSpan::new_primary_with_span(Some(label.clone()), (place.start, place.end - place.start));
        let related = related.iter().map(|(place, label)| {
            LabeledSpan::new_with_span(Some(label.clone()), (place.start, place.end - place.start))
        });
        Some(Box::new(std::iter::once(main).chain(related)))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}
