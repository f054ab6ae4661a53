//! The last block of a run: the verdict, and why.

use squall_model::verdict::Verdict;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    pub(crate) reasons: Vec<String>,
}

/// Under the sentence, whatever the verdict's length.
const INDENT: &str = "       ";

impl Ending {
    /// Without colour.
    #[cfg(test)]
    pub(crate) fn plain(&self) -> String {
        self.with(&format!(" {} ", self.verdict))
    }

    /// With the verdict as it is given.
    pub(crate) fn with(&self, verdict: &str) -> String {
        let mut text = format!("{verdict} {}", self.sentence);
        for reason in &self.reasons {
            text.push('\n');
            text.push_str(INDENT);
            text.push_str(reason);
        }
        text
    }
}
