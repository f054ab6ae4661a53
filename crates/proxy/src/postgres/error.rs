//! Errors as a server says them.

use bytes::Bytes;
use serde::Deserialize;

use crate::mistake::Mistake;

/// An error in the server's place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorReply {
    /// Five digits or capitals: `40001` (PostgreSQL, "Error Codes").
    pub sqlstate: String,
    /// What is said; the server's own words for common codes, where it is left away.
    #[serde(default)]
    pub message: Option<String>,
    /// Whether the session ends; as with the server for common codes, where it is left away.
    #[serde(default)]
    pub severity: Option<Severity>,
}

/// What becomes of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// It goes on.
    Error,
    /// It ends.
    Fatal,
}

impl ErrorReply {
    /// Whether it can be sent.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        let code = &self.sqlstate;
        if code.len() != 5 || !code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return Err(Mistake::at(
                "error.sqlstate",
                format!("`{}` is no code", code.escape_debug()),
                "five digits or capitals: 40001, 57P01, 53300",
            ));
        }
        if matches!(&code[..2], "00" | "01" | "02") {
            let hint = "codes that begin with 00, 01 and 02 are success and warnings";
            return Err(Mistake::at("error.sqlstate", format!("`{code}` is no error"), hint));
        }
        match &self.message {
            Some(message) if message.contains('\0') || message.len() > 1024 || message.is_empty() => {
                Err(Mistake::at("error.message", "it cannot be sent", "1 to 1024 bytes without a zero byte"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the session ends.
    pub(super) fn is_fatal(&self) -> bool {
        let fatal = matches!(self.sqlstate.as_str(), "57P01" | "57P02" | "57P03" | "57P05" | "53300")
            || self.sqlstate.starts_with("28");
        self.severity.map_or(fatal, |severity| severity == Severity::Fatal)
    }

    /// The message `ErrorResponse`; at the start of a session every error ends it.
    pub(super) fn bytes(&self, at_start: bool) -> Bytes {
        let severity = if at_start || self.is_fatal() { "FATAL" } else { "ERROR" };
        let message = self.message.as_deref().unwrap_or_else(|| said(&self.sqlstate));
        let mut fields = Vec::with_capacity(64 + message.len());
        // Severity, the same never translated, code, message, and where it comes from.
        for (field, value) in
            [(b'S', severity), (b'V', severity), (b'C', &self.sqlstate), (b'M', message), (b'R', "squall")]
        {
            fields.push(field);
            fields.extend_from_slice(value.as_bytes());
            fields.push(0);
        }
        fields.push(0);
        let mut bytes = vec![b'E'];
        bytes.extend_from_slice(&(fields.len() as u32 + 4).to_be_bytes());
        bytes.extend_from_slice(&fields);
        bytes.into()
    }
}

/// The words of PostgreSQL 15.
fn said(code: &str) -> &'static str {
    match code {
        "40001" => "could not serialize access due to concurrent update",
        "40P01" => "deadlock detected",
        "57P01" => "terminating connection due to administrator command",
        "57P02" => "terminating connection because of crash of another server process",
        "57P03" => "the database system is starting up",
        "57014" => "canceling statement due to statement timeout",
        "53300" => "sorry, too many clients already",
        "53100" => "could not extend file: No space left on device",
        "53200" => "out of memory",
        "55P03" => "could not obtain lock on row",
        "25006" => "cannot execute in a read-only transaction",
        "23505" => "duplicate key value violates unique constraint",
        "28P01" => "password authentication failed",
        _ => "injected fault",
    }
}
