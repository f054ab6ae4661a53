//! Patterns with `*` and `?`, for names of processes.

/// A pattern: `*` stands for any text, also none, `?` for any one character, the rest for itself.
/// The whole text must match; case counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glob {
    pattern: Vec<char>,
}

impl Glob {
    /// Any text is a pattern.
    pub fn new(pattern: &str) -> Self {
        Self { pattern: pattern.chars().collect() }
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut seen) = (0, 0);
        // Where the last `*` stood and how much of the text it has taken so far. Only the last one
        // needs to be widened, so this is at worst pattern times text and never exponential.
        let mut star: Option<(usize, usize)> = None;
        while seen < text.len() {
            match self.pattern.get(at) {
                Some('*') => {
                    star = Some((at, seen));
                    at += 1;
                }
                Some(&one) if one == '?' || one == text[seen] => {
                    at += 1;
                    seen += 1;
                }
                _ => match star {
                    Some((place, taken)) => {
                        star = Some((place, taken + 1));
                        at = place + 1;
                        seen = taken + 1;
                    }
                    None => return false,
                },
            }
        }
        self.pattern[at..].iter().all(|rest| *rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_whole_texts() {
        for (pattern, text, expected) in [
            ("redis-server", "redis-server", true),
            ("redis-server", "redis-server2", false),
            ("redis*", "redis-server", true),
            ("*server", "redis-server", true),
            ("r*s*r", "redis-server", true),
            ("r*x*r", "redis-server", false),
            ("worker-?", "worker-1", true),
            ("worker-?", "worker-12", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbXbXc", true),
            ("**?", "", false),
            ("Redis*", "redis-server", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_still_quick() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!Glob::new(&pattern).matches(&"a".repeat(2000)));
    }
}
