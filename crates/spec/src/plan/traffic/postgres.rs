//! Statements of PostgreSQL.

use serde_json::json;
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::Percent;

use super::{Gathered, millis, nothing};
use crate::code::Code;
use crate::document::traffic::PostgresDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::text;
use crate::word::Texts;

const KINDS: [&str; 15] = [
    "connect",
    "select",
    "insert",
    "update",
    "delete",
    "merge",
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "copy",
    "ddl",
    "set",
    "notify",
    "other",
];

/// The fault, or `None` with a mistake noted.
pub(crate) fn postgres(
    postgres: &PostgresDocument,
    place: Place,
    percent: Percent,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let mut rule = Gathered::default();
    rule.delay(postgres.delay.as_ref(), &postgres.spread, notes)?;
    if let Some(pause) = &postgres.row_delay {
        rule.put("row_delay", millis(pause, notes)?);
        rule.say(format!("{} a row", pause.value));
    }
    if let (Some(error), Some(cut)) = (&postgres.error, &postgres.cut) {
        let message = "a statement cannot be hit in two ways at once";
        let mistake = Mistake::new(Code::SeveralChoices, message, cut.place, "the second way");
        notes.mistake(mistake.related(error.place, "the first").help("keep one of `error` and `cut`"));
        return None;
    }
    if let Some(error) = &postgres.error {
        rule.put("error", json!({ "sqlstate": sqlstate(error, notes)? }));
        rule.say(format!("error {}", error.value));
    }
    if let Some(cut) = &postgres.cut {
        rule.put("cut", cut.value.name());
        rule.say(format!("cut at the {}", cut.value.name()));
    }
    if rule.attributes.is_empty() {
        nothing(place, "postgres: { kinds: [update], error: \"40001\" }", notes);
        return None;
    }
    if let Some(statement) = &postgres.statement {
        rule.put("statement", json!({ "regex": text::regex(statement, notes)? }));
        rule.say(format!("on /{}/", statement.value));
    }
    for kind in postgres.kinds.iter().flat_map(|Texts(kinds)| kinds) {
        if !KINDS.contains(&kind.value.as_str()) {
            let known: Vec<String> = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
            notes.unknown(Code::UnknownWord, "kind of statement", &kind.value, kind.place, &known);
            return None;
        }
    }
    rule.texts("kind", postgres.kinds.as_ref(), "on");
    rule.texts("database", postgres.databases.as_ref(), "in");
    rule.texts("user", postgres.users.as_ref(), "by");
    rule.texts("client", postgres.clients.as_ref(), "from");
    rule.nth(&postgres.nth, notes)?;
    Some(rule.done(Protocol::Postgres, percent))
}

/// Five digits or capitals (PostgreSQL, "Error Codes").
fn sqlstate<'a>(written: &'a At<String>, notes: &mut Notes<'_>) -> Option<&'a str> {
    let code = &written.value;
    if code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        return Some(code);
    }
    let mistake =
        Mistake::new(Code::UnknownWord, format!("`{code}` is no SQLSTATE"), written.place, "not a code");
    notes.mistake(mistake.help("write five digits or capitals: 40001, 57P01, 53300"));
    None
}
