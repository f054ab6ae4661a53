//! A path into a JSON document: `items[0].state`, `["a.b"].c`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A path into a JSON document. Keys are parted by dots; `[3]` is the fourth of a list; a key that
/// holds a dot or a bracket stands in `["..."]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    written: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{written}` is not a path into JSON: {why}")]
pub struct PathError {
    written: String,
    why: &'static str,
}

impl JsonPath {
    /// The value at the path. `None`: there is none.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }
}

impl FromStr for JsonPath {
    type Err = PathError;

    fn from_str(written: &str) -> Result<Self, PathError> {
        let wrong = |why| PathError { written: written.to_owned(), why };
        let mut steps = Vec::new();
        let mut rest = written;
        while !rest.is_empty() {
            let step;
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, tail) = quoted.split_once("\"]").ok_or_else(|| wrong("a `[\"` has no `\"]`"))?;
                (step, rest) = (Step::Key(key.to_owned()), tail);
            } else if let Some(opened) = rest.strip_prefix('[') {
                let (index, tail) = opened.split_once(']').ok_or_else(|| wrong("a `[` has no `]`"))?;
                let index = index.parse().map_err(|_| wrong("a number belongs between `[` and `]`"))?;
                (step, rest) = (Step::Index(index), tail);
            } else {
                let key = match (steps.is_empty(), rest.strip_prefix('.')) {
                    (false, Some(key)) => key,
                    (true, None) => rest,
                    (true, Some(_)) => return Err(wrong("it begins with a dot")),
                    (false, None) => return Err(wrong("a `.` or `[` belongs after a `]`")),
                };
                let end = key.find(['.', '[']).unwrap_or(key.len());
                if end == 0 {
                    return Err(wrong("a key is missing after a dot"));
                }
                if key[..end].contains(']') {
                    return Err(wrong("a `]` has no `[`"));
                }
                (step, rest) = (Step::Key(key[..end].to_owned()), &key[end..]);
            }
            steps.push(step);
        }
        if steps.is_empty() {
            return Err(wrong("it is empty"));
        }
        Ok(Self { written: written.to_owned(), steps })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str, document: &Value) -> Option<Value> {
        path.parse::<JsonPath>().unwrap().find(document).cloned()
    }

    // E3
    #[test]
    fn a_path_walks_objects_and_lists() {
        let document = json!({"a": {"b": [{"c": 7}, 8]}, "x.y": {"z[0]": true}});
        assert_eq!(found("a.b[0].c", &document), Some(json!(7)));
        assert_eq!(found("a.b[1]", &document), Some(json!(8)));
        assert_eq!(found("[\"x.y\"][\"z[0]\"]", &document), Some(json!(true)));
        assert_eq!(found("[1][0]", &json!([0, [5]])), Some(json!(5)));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let document = json!({"a": {"b": [1]}, "0": 1});
        for path in ["a.c", "a.b[1]", "a.b.c", "a[0]", "[0]", "b"] {
            assert_eq!(found(path, &document), None, "{path}");
        }
    }

    #[test]
    fn a_mistake_in_a_path_is_named() {
        for (path, why) in [
            ("", "it is empty"),
            (".a", "it begins with a dot"),
            ("a..b", "a key is missing after a dot"),
            ("a.", "a key is missing after a dot"),
            ("a[x]", "a number belongs between `[` and `]`"),
            ("a[-1]", "a number belongs between `[` and `]`"),
            ("a[1", "a `[` has no `]`"),
            ("a[\"b", "a `[\"` has no `\"]`"),
            ("a]b", "a `]` has no `[`"),
            ("a[0]b", "a `.` or `[` belongs after a `]`"),
        ] {
            assert_eq!(path.parse::<JsonPath>().map_err(|error| error.why), Err(why), "{path}");
        }
    }
}
