//! Request bodies with the request's number in them.

/// The text of a body in which each `{n}` stands for the number of the request, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyTemplate {
    around: Vec<String>,
}

impl BodyTemplate {
    pub(crate) fn new(text: &str) -> Self {
        Self { around: text.split("{n}").map(str::to_owned).collect() }
    }

    /// The body of request `n`.
    pub(crate) fn of(&self, n: u64) -> String {
        self.around.join(&n.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::BodyTemplate;

    #[test]
    fn the_number_stands_where_the_template_says_and_nothing_else_changes() {
        assert_eq!(BodyTemplate::new(r#"{"a":{n},"k":"x-{n}"}"#).of(7), r#"{"a":7,"k":"x-7"}"#);
        assert_eq!(BodyTemplate::new("{m} {}").of(7), "{m} {}");
        assert_eq!(BodyTemplate::new("").of(7), "");
    }
}
