//! What a statement does, from its first words.

/// A kind of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The start of a session, before any statement.
    Connect,
    /// `SELECT`, `VALUES`, `TABLE`; `WITH` by what comes after it.
    Select,
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `MERGE`.
    Merge,
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`, also to a savepoint.
    Rollback,
    /// `SAVEPOINT`, `RELEASE`.
    Savepoint,
    /// `COPY`.
    Copy,
    /// What changes the schema or rights: `CREATE`, `ALTER`, `DROP`, `TRUNCATE`, `GRANT`, ...
    Ddl,
    /// `SET`, `SHOW`, `RESET`, `DISCARD`.
    Set,
    /// `LISTEN`, `UNLISTEN`, `NOTIFY`.
    Notify,
    /// Anything else.
    Other,
}

/// Several kinds: a text may hold several statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    pub(super) fn any_of(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether there is this kind and no other.
    pub(super) fn only(self, kind: Kind) -> bool {
        self == Self::default().with(kind)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds of the statements of a text, and the first word of the first one.
    pub(super) fn of(sql: &[u8]) -> (Self, String) {
        let mut kinds = Self::default();
        let mut first = String::new();
        // Of the statement that is read: its kind, once known, and whether that is still to come after WITH.
        let mut kind = None;
        let mut with = false;
        for token in Tokens::of(sql) {
            match token {
                Token::End => {
                    kinds = kind.take().map_or(kinds, |kind| kinds.with(kind));
                    with = false;
                }
                Token::Word(word) if kind.is_none() || with => {
                    let upper = String::from_utf8_lossy(word).to_ascii_uppercase();
                    if first.is_empty() {
                        first.clone_from(&upper);
                    }
                    let found = Kind::of(&upper);
                    if kind.is_none() {
                        kind = Some(if upper == "WITH" { Kind::Select } else { found });
                        with = upper == "WITH";
                    } else if matches!(
                        found,
                        Kind::Select | Kind::Insert | Kind::Update | Kind::Delete | Kind::Merge
                    ) {
                        kind = Some(found);
                        with = false;
                    }
                }
                Token::Word(_) => {}
                Token::Other => {
                    kind.get_or_insert(Kind::Other);
                }
            }
        }
        (kind.map_or(kinds, |kind| kinds.with(kind)), first)
    }
}

impl Kind {
    /// By the name in a rule.
    pub(super) const NAMES: [(&str, Self); 15] = [
        ("connect", Self::Connect),
        ("select", Self::Select),
        ("insert", Self::Insert),
        ("update", Self::Update),
        ("delete", Self::Delete),
        ("merge", Self::Merge),
        ("begin", Self::Begin),
        ("commit", Self::Commit),
        ("rollback", Self::Rollback),
        ("savepoint", Self::Savepoint),
        ("copy", Self::Copy),
        ("ddl", Self::Ddl),
        ("set", Self::Set),
        ("notify", Self::Notify),
        ("other", Self::Other),
    ];

    /// The kind of this name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }

    fn of(upper: &str) -> Self {
        match upper {
            "SELECT" | "VALUES" | "TABLE" => Self::Select,
            "INSERT" => Self::Insert,
            "UPDATE" => Self::Update,
            "DELETE" => Self::Delete,
            "MERGE" => Self::Merge,
            "BEGIN" | "START" => Self::Begin,
            "COMMIT" | "END" => Self::Commit,
            "ROLLBACK" | "ABORT" => Self::Rollback,
            "SAVEPOINT" | "RELEASE" => Self::Savepoint,
            "COPY" => Self::Copy,
            "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "GRANT" | "REVOKE" | "COMMENT" | "REINDEX"
            | "CLUSTER" | "REFRESH" | "SECURITY" | "REASSIGN" | "IMPORT" => Self::Ddl,
            "SET" | "SHOW" | "RESET" | "DISCARD" => Self::Set,
            "LISTEN" | "UNLISTEN" | "NOTIFY" => Self::Notify,
            _ => Self::Other,
        }
    }
}

enum Token<'a> {
    /// A word outside of quotes and parentheses.
    Word(&'a [u8]),
    /// The end of a statement.
    End,
    /// Anything else outside of parentheses.
    Other,
}

/// Words of a text of SQL, past comments, quotes and parentheses (PostgreSQL, "Lexical Structure").
struct Tokens<'a> {
    sql: &'a [u8],
    depth: usize,
}

impl<'a> Tokens<'a> {
    fn of(sql: &'a [u8]) -> Self {
        Self { sql, depth: 0 }
    }

    /// Past what is before `end`, and past that.
    fn past(&mut self, from: usize, end: &[u8]) {
        let found = self.sql.get(from..).unwrap_or_default().windows(end.len()).position(|at| at == end);
        self.sql = found.and_then(|at| self.sql.get(from + at + end.len()..)).unwrap_or_default();
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = *self.sql.first()?;
            let second = self.sql.get(1).copied();
            match first {
                b'-' if second == Some(b'-') => self.past(2, b"\n"),
                b'/' if second == Some(b'*') => {
                    // They nest.
                    let mut depth = 1;
                    let mut at = 2;
                    while depth > 0 && at < self.sql.len() {
                        match (self.sql[at], self.sql.get(at + 1)) {
                            (b'*', Some(b'/')) => (depth, at) = (depth - 1, at + 2),
                            (b'/', Some(b'*')) => (depth, at) = (depth + 1, at + 2),
                            _ => at += 1,
                        }
                    }
                    self.sql = self.sql.get(at..).unwrap_or_default();
                }
                b'\'' | b'"' => {
                    self.past(1, &[first]);
                    if self.depth == 0 {
                        return Some(Token::Other);
                    }
                }
                b'$' => {
                    let tag =
                        self.sql[1..].iter().position(|byte| !is_word(*byte)).map(|at| &self.sql[..at + 2]);
                    match tag {
                        Some(tag) if tag.ends_with(b"$") => self.past(tag.len(), tag),
                        _ => self.sql = &self.sql[1..],
                    }
                }
                b'(' => {
                    self.depth += 1;
                    self.sql = &self.sql[1..];
                }
                b')' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.sql = &self.sql[1..];
                }
                byte if is_word(byte) => {
                    let end = self.sql.iter().position(|byte| !is_word(*byte)).unwrap_or(self.sql.len());
                    let (word, rest) = self.sql.split_at(end);
                    self.sql = rest;
                    // E'...' has escapes, and a quote after a backslash does not end it.
                    if matches!(word, b"E" | b"e") && rest.first() == Some(&b'\'') {
                        let mut at = 1;
                        while at < rest.len() && rest[at] != b'\'' {
                            at += if rest[at] == b'\\' { 2 } else { 1 };
                        }
                        self.sql = rest.get(at + 1..).unwrap_or_default();
                    } else if self.depth == 0 {
                        return Some(Token::Word(word));
                    }
                }
                b';' if self.depth == 0 => {
                    self.sql = &self.sql[1..];
                    return Some(Token::End);
                }
                byte => {
                    self.sql = &self.sql[1..];
                    if self.depth == 0 && !byte.is_ascii_whitespace() {
                        return Some(Token::Other);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statements_are_of_their_kind() {
        for (sql, kinds) in [
            ("select 1", vec![Kind::Select]),
            ("  -- UPDATE\n /* DELETE /* x */ */ InSeRt into t values (1)", vec![Kind::Insert]),
            ("WITH a AS (SELECT 1), b AS (DELETE FROM t RETURNING *) UPDATE t SET x = 1", vec![Kind::Update]),
            ("with a as (insert into t select 1 returning *) select * from a", vec![Kind::Select]),
            ("(SELECT 1) UNION (SELECT 2)", vec![Kind::Other]),
            ("BEGIN; UPDATE t SET a = 'x; DELETE'; COMMIT", vec![Kind::Begin, Kind::Update, Kind::Commit]),
            (
                "SELECT $$; DELETE $$, $x$ ; DROP $x$, \"; DROP\", E'\\'; DROP', 'it''s; DROP'",
                vec![Kind::Select],
            ),
            ("START TRANSACTION", vec![Kind::Begin]),
            ("ROLLBACK TO SAVEPOINT a", vec![Kind::Rollback]),
            ("CREATE TABLE t (a int)", vec![Kind::Ddl]),
            ("COPY t FROM STDIN", vec![Kind::Copy]),
            ("", vec![]),
            (" ; ", vec![]),
            ("VACUUM", vec![Kind::Other]),
        ] {
            let expected = kinds.into_iter().fold(Kinds::default(), Kinds::with);
            assert_eq!(Kinds::of(sql.as_bytes()).0, expected, "{sql}");
        }
        assert_eq!(Kinds::of(b"/* x */ update t").1, "UPDATE");
    }

    proptest! {
        #[test]
        fn any_text_is_read(sql in "([-/*'\"$();a-zE\\\\ \n]|SELECT|WITH|\\PC){0,60}") {
            let _ = Kinds::of(sql.as_bytes());
        }
    }
}
