//! What is wrong in a rule that somebody wrote.

/// One mistake: where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}; {hint}")]
pub struct Mistake {
    /// The attribute, with dots between its parts: `error.moved.to`.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
    /// What would be right.
    pub hint: String,
}

impl Mistake {
    /// A mistake at this place.
    pub fn at(place: impl Into<String>, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), hint: hint.into() }
    }
}
