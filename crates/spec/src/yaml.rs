//! From text to a tree. YAML 1.2 without anchors, aliases, merge keys and tags; JSON is a part of it.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::code::Code;
use crate::mistake::{At, Mistake, Place};
use crate::node::{Kind, Node, Style};
use crate::notes::Notes;

const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 10_000;

/// The tree, or `None` with at least one mistake noted.
pub(crate) fn parse(text: &str, notes: &mut Notes<'_>) -> Option<Node> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than 1 MiB", text.len());
        notes.mistake(Mistake::new(Code::TooLarge, message, Place::default(), "too large"));
        return None;
    }
    match (Builder::new(text).build(notes), notes.mistakes.is_empty()) {
        (Ok(node), true) => node,
        (Ok(_), false) => None,
        (Err(mistake), _) => {
            notes.mistake(*mistake);
            None
        }
    }
}

/// Bytes of a file as text.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, Box<(String, Mistake)>> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let place = Place::new(valid, valid + '\u{fffd}'.len_utf8());
        let mistake =
            Mistake::new(Code::NotUtf8, "the file is not UTF-8", place, "this byte belongs to no character")
                .help("save the file with the encoding UTF-8");
        Box::new((text, mistake))
    })
}

struct Builder<'a> {
    text: &'a str,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// The parser counts characters: the byte at which each begins, and the end.
    bytes: Vec<usize>,
    nodes: usize,
}

type Refused = Box<Mistake>;

enum Open {
    Sequence { start: Place, items: Vec<Node> },
    Mapping { start: Place, entries: Vec<(At<String>, Node)>, key: Option<At<String>> },
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let bytes = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { text, parser: Parser::new_from_str(text), bytes, nodes: 0 }
    }

    /// Without recursion, so that no nesting can exhaust the stack.
    fn build(mut self, notes: &mut Notes<'_>) -> Result<Option<Node>, Refused> {
        let mut open: Vec<Open> = Vec::new();
        let mut root = None;
        let mut documents = 0;
        while let Some(next) = self.parser.next_event() {
            let (event, span) = next.map_err(|error| Box::new(self.syntax(&error)))?;
            let place = self.place(span);
            let node = match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let mistake = Mistake::new(
                            Code::SeveralDocuments,
                            "a second document begins here",
                            place,
                            "second document",
                        );
                        return Err(Box::new(
                            mistake.help("one file holds one document: write the second into another file"),
                        ));
                    }
                    continue;
                }
                Event::Alias(_) => return Err(Box::new(anchor(place, "an alias"))),
                Event::Scalar(_, _, anchored, ref tag) if anchored > 0 || tag.is_some() => {
                    return Err(Box::new(anchor(place, if anchored > 0 { "an anchor" } else { "a tag" })));
                }
                Event::SequenceStart(anchored, ref tag) | Event::MappingStart(anchored, ref tag)
                    if anchored > 0 || tag.is_some() =>
                {
                    return Err(Box::new(anchor(place, if anchored > 0 { "an anchor" } else { "a tag" })));
                }
                Event::Scalar(text, style, ..) => {
                    let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                    let kind = Kind::Scalar { text: text.into_owned(), style };
                    Node { place, spot: place, kind }
                }
                Event::SequenceStart(..) => {
                    open.push(Open::Sequence { start: place, items: Vec::new() });
                    self.budget(place, open.len())?;
                    continue;
                }
                Event::MappingStart(..) => {
                    open.push(Open::Mapping { start: place, entries: Vec::new(), key: None });
                    self.budget(place, open.len())?;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                    Some(closed) => self.close(closed, place),
                    None => continue,
                },
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            };
            self.budget(node.place, open.len())?;
            match open.last_mut() {
                None => root = Some(node),
                Some(Open::Sequence { items, .. }) => items.push(node),
                Some(Open::Mapping { entries, key, .. }) => match key.take() {
                    None => *key = Some(as_key(node)?),
                    Some(key) => enter(entries, key, node, notes),
                },
            }
        }
        let empty = root.as_ref().is_none_or(Node::is_null);
        if empty {
            let mistake =
                Mistake::new(Code::EmptyDocument, "the file is empty", Place::default(), "nothing here");
            return Err(Box::new(mistake.help("`squall init` writes an experiment to start from")));
        }
        Ok(root)
    }

    fn close(&self, closed: Open, end: Place) -> Node {
        let (start, kind, last) = match closed {
            Open::Sequence { start, items } => {
                let last = items.last().map(|node| node.place.end);
                (start, Kind::Sequence(items), last)
            }
            Open::Mapping { start, entries, .. } => {
                let last = entries.last().map(|(key, node)| node.place.end.max(key.place.end));
                (start, Kind::Mapping(entries), last)
            }
        };
        let flow = self.text[start.start..].starts_with(['[', '{']);
        // The end of a block collection is where the next token begins, which may be lines away.
        let end = if flow { end.end } else { last.unwrap_or(start.end).max(start.start) };
        let place = Place::new(start.start, end.max(start.start));
        let spot = if flow && !self.text[place.start..place.end].contains('\n') {
            place
        } else {
            let line = self.text[place.start..place.end].lines().next().unwrap_or_default();
            Place::new(place.start, place.start + line.trim_end().len())
        };
        Node { place, spot, kind }
    }

    fn place(&self, span: Span) -> Place {
        let last = self.bytes.len() - 1;
        let byte = |index: usize| self.bytes[index.min(last)];
        let (start, end) = (byte(span.start.index()), byte(span.end.index()));
        Place::new(start, end.max(start))
    }

    fn budget(&mut self, place: Place, depth: usize) -> Result<(), Refused> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(Box::new(too_deep(place)));
        }
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values in one file");
            return Err(Box::new(Mistake::new(Code::TooLarge, message, place, "too much from here on")));
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Mistake {
        let start = self.bytes[error.marker().index().min(self.bytes.len() - 1)];
        let rest = &self.text[start..];
        let place =
            Place::new(start, start + rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8));
        if let Some(tab) = self.tab_before(start) {
            return Mistake::new(Code::TabIndentation, "a tab indents this line", tab, "a tab")
                .help("indent with spaces: two for each level");
        }
        if error.info().contains("recursion limit") {
            return too_deep(place);
        }
        let mistake = Mistake::new(Code::Syntax, "this is not YAML", place, plainly(error.info()));
        match self.text[..start].trim_end().chars().next_back() {
            _ if rest.starts_with(['>', '|', '%', '@', '`']) => {
                mistake.help("a text that begins with this character must stand in quotes: \"> 5 %\"")
            }
            _ if error.info().contains("block scalar") => {
                mistake.help("a text that begins with `>` or `|` must stand in quotes: \"> 5 %\"")
            }
            _ if error.info().contains("mapping values") => {
                mistake.help("a text with `: ` in it must stand in quotes")
            }
            _ if error.info().contains("did not find expected") => {
                mistake.help("is a quote, a bracket or a brace open, or the indentation another than above?")
            }
            _ => mistake,
        }
    }

    /// The tabs that indent the line of the byte, if any.
    fn tab_before(&self, byte: usize) -> Option<Place> {
        let from = self.text[..byte].rfind('\n').map_or(0, |at| at + 1);
        let line = &self.text[from..];
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let tab = from + line[..indent].find('\t')?;
        Some(Place::new(tab, tab + 1))
    }
}

fn as_key(node: Node) -> Result<At<String>, Refused> {
    match node.kind {
        Kind::Scalar { text, .. } if text == "<<" => Err(Box::new(anchor(node.place, "a merge key"))),
        Kind::Scalar { text, .. } => Ok(At { value: text, place: node.place }),
        _ => Err(Box::new(
            Mistake::new(Code::Syntax, "a key must be a text", node.spot, "this is a key")
                .help("is a quote missing around `{...}`?"),
        )),
    }
}

fn enter(entries: &mut Vec<(At<String>, Node)>, key: At<String>, mut node: Node, notes: &mut Notes<'_>) {
    if let Some((first, _)) = entries.iter().find(|(known, _)| known.value == key.value) {
        let message = format!("the key `{}` stands twice in one mapping", key.value);
        notes.mistake(
            Mistake::new(Code::DuplicateKey, message, key.place, "again here")
                .related(first.place, "first here"),
        );
        return;
    }
    let on_one_line = node.spot == node.place;
    if node.is_null() || !on_one_line {
        node.spot = key.place;
    }
    entries.push((key, node));
}

fn too_deep(place: Place) -> Mistake {
    let message = format!("nested deeper than {MAX_DEPTH} levels");
    Mistake::new(Code::TooLarge, message, place, "too deep from here on")
}

fn anchor(place: Place, what: &str) -> Mistake {
    Mistake::new(Code::Anchor, format!("{what} is not read here"), place, what).help(
        "write the value out where it is used; a text that begins with `&`, `*` or `!` must stand in quotes",
    )
}

/// The parser's words, without those that only its author understands.
fn plainly(info: &str) -> String {
    let plain = info.rsplit_once(", ").map_or(info, |(_, what)| what);
    plain.replace("did not find expected", "expected").replace("node content", "a value")
}
