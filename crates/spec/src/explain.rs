//! The manual pages of mistakes and faults: `squall explain unknown-key`, `squall explain process-kill`.

use std::fmt::Write;

use serde_json::Value;
use squall_model::fault::Fault;

use crate::code::Code;
use crate::document::fault::InjectDocument;
use crate::shape::Shape;

/// The page of a mistake's code or of a kind of fault, as lines of text; `None` for any other word.
pub fn explain(word: &str) -> Option<String> {
    let code = Code::ALL.iter().find(|code| code.name() == word);
    code.map(|code| code.explanation().to_owned()).or_else(|| fault(word))
}

/// Every word that [`explain`] knows: codes first, then faults.
pub fn words() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.name()).chain(Fault::KINDS).collect()
}

/// The word that was probably meant.
pub fn nearest(word: &str) -> Option<String> {
    let known: Vec<String> = words().into_iter().map(str::to_owned).collect();
    crate::notes::nearest(word, &known).map(str::to_owned)
}

/// From the same words that editors show.
fn fault(kind: &str) -> Option<String> {
    let schema = InjectDocument::schema();
    let fault = schema["properties"].get(kind)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut page = text(&fault["description"]);
    let parameters = fault["properties"].as_object().filter(|parameters| !parameters.is_empty());
    if let Some(parameters) = parameters {
        let needed = fault["required"].as_array().cloned().unwrap_or_default();
        let width = parameters.keys().map(String::len).max().unwrap_or_default();
        page.push_str("\n\nParameters:\n");
        for (name, parameter) in parameters {
            let need = if needed.iter().any(|needed| needed == name) { " (needed)" } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(page, "  {name:width$}  {}{need}", text(&parameter["description"]));
        }
    }
    Some(page.trim_end().to_owned())
}
