//! Counted things in sentences.

/// `1 process`, `2 processes`.
pub(crate) fn processes(count: usize) -> String {
    match count {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    }
}

/// `1 instance`, `2 instances`.
pub(crate) fn instances(count: u32) -> String {
    match count {
        1 => "1 instance".to_owned(),
        count => format!("{count} instances"),
    }
}

/// `1 hit`, `2 hits`.
pub(crate) fn hits(count: u64) -> String {
    match count {
        1 => "1 hit".to_owned(),
        count => format!("{count} hits"),
    }
}
