//! Values for the references in a plan's texts: ports, paths and secrets.
//!
//! Secrets are read when they are needed, and every value that was read is masked in whatever is said afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use squall_model::template::{Argv, Reference, Template};

/// A reference that has no value.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The variable is not set.
    #[error("fill in {{env:{name}}}: the environment has no such variable")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("fill in {{file:{path}}}")]
    File {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel has no free port.
    #[error("find a free port for {{port:{name}}}")]
    Port {
        /// Its name.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The instance has no process now.
    #[error("fill in {{pid}}: {instance} has no process")]
    NoProcess {
        /// The instance.
        instance: String,
    },
    /// The reference means nothing here.
    #[error("fill in `{reference}`: it means nothing here")]
    Misplaced {
        /// As written.
        reference: &'static str,
    },
}

/// Where values come from.
#[derive(Debug)]
pub struct Filling {
    run_dir: PathBuf,
    squall: PathBuf,
    environment: BTreeMap<String, String>,
    ports: Mutex<BTreeMap<String, u16>>,
    secrets: Mutex<BTreeSet<String>>,
}

/// What stands in place of a secret.
const MASK: &str = "***";
/// Shorter values cannot be masked without spoiling every text.
const SHORTEST_SECRET: usize = 3;
/// Shorter lines of a secret are no secret: a brace, `---`.
const SHORTEST_LINE: usize = 8;
/// Where a quoted text was cut short.
const CUT: char = '…';

impl Filling {
    /// Values for a run whose services work in `run_dir`.
    pub fn new(run_dir: PathBuf, squall: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self { run_dir, squall, environment, ports: Mutex::default(), secrets: Mutex::default() }
    }

    /// Whether squall's environment has a variable.
    pub(crate) fn has_variable(&self, name: &str) -> bool {
        self.environment.contains_key(name)
    }

    /// The text with its values.
    pub fn fill(&self, template: &Template) -> Result<String, FillError> {
        template.fill(|reference| self.value(reference, None))
    }

    /// The text of one instance, which knows its own name.
    pub fn fill_for(&self, template: &Template, instance: &str) -> Result<String, FillError> {
        template.fill(|reference| self.value(reference, Some(instance)))
    }

    /// The text of a measure that is read for one instance; `pid` is asked only where the text names it.
    pub fn fill_of(
        &self,
        template: &Template,
        instance: &str,
        pid: impl Fn() -> Option<u32>,
    ) -> Result<String, FillError> {
        template.fill(|reference| match reference {
            Reference::Pid => {
                let pid = pid().ok_or_else(|| FillError::NoProcess { instance: instance.to_owned() })?;
                Ok(pid.to_string())
            }
            other => self.value(other, Some(instance)),
        })
    }

    /// All words with their values.
    pub fn fill_all(&self, argv: &Argv) -> Result<Vec<String>, FillError> {
        argv.iter().map(|word| self.fill(word)).collect()
    }

    /// The words of a scale command.
    pub fn fill_scale(&self, argv: &Argv, count: u32) -> Result<Vec<String>, FillError> {
        let fill = |word: &Template| {
            word.fill(|reference| match reference {
                Reference::Count => Ok(count.to_string()),
                other => self.value(other, None),
            })
        };
        argv.iter().map(fill).collect()
    }

    /// All texts of a JSON value with their values.
    pub fn fill_json(&self, value: &mut Value) -> Result<(), FillError> {
        match value {
            Value::String(text) => *text = self.fill(&Template(std::mem::take(text)))?,
            Value::Array(values) => values.iter_mut().try_for_each(|value| self.fill_json(value))?,
            Value::Object(values) => values.values_mut().try_for_each(|value| self.fill_json(value))?,
            _ => {}
        }
        Ok(())
    }

    /// Everything but secrets, for texts that are written down.
    pub fn fill_plain(&self, argv: &Argv) -> Result<Argv, FillError> {
        let fill = |word: &Template| {
            word.fill(|reference| match reference {
                Reference::Env(name) => Ok(format!("{{env:{name}}}")),
                Reference::File(path) => Ok(format!("{{file:{path}}}")),
                other => self.value(other, None),
            })
        };
        argv.iter().map(|word| fill(word).map(Template)).collect()
    }

    /// The text with every secret masked that was filled in so far.
    pub fn redact(&self, text: &str) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut redacted = text.to_owned();
        // The longest first: a secret may be a part of another.
        let mut longest: Vec<&String> = secrets.iter().collect();
        longest.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in longest {
            if redacted.contains(secret.as_str()) {
                redacted = redacted.replace(secret.as_str(), MASK);
            }
            if redacted.contains(CUT) {
                redacted = without_cut(&redacted, secret);
            }
        }
        redacted
    }

    fn value(&self, reference: &Reference, instance: Option<&str>) -> Result<String, FillError> {
        match reference {
            Reference::RunDir => Ok(self.run_dir.display().to_string()),
            Reference::Squall => Ok(self.squall.display().to_string()),
            Reference::Instance => {
                instance.map(str::to_owned).ok_or(FillError::Misplaced { reference: "{name}" })
            }
            Reference::OwnPort => match instance {
                Some(instance) => self.port(instance).map(|port| port.to_string()),
                None => Err(FillError::Misplaced { reference: "{own-port}" }),
            },
            Reference::Pid => Err(FillError::Misplaced { reference: "{pid}" }),
            Reference::Count => Err(FillError::Misplaced { reference: "{count}" }),
            Reference::Port(name) => self.port(name).map(|port| port.to_string()),
            Reference::Env(name) => {
                let value = self.environment.get(name).cloned();
                value
                    .map(|value| self.keep(value))
                    .ok_or_else(|| FillError::NoVariable { name: name.clone() })
            }
            Reference::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(self.keep(text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(source) => Err(FillError::File { path: path.clone(), source }),
            },
        }
    }

    fn keep(&self, secret: String) -> String {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if secret.len() >= SHORTEST_SECRET {
            secrets.insert(secret.clone());
        }
        // Of a key in several lines, somebody may say only one.
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE);
        secrets.extend(lines.map(str::to_owned));
        drop(secrets);
        secret
    }

    /// A port that was free a moment ago. The kernel hands ports out at random, so a clash is unlikely.
    fn port(&self, name: &str) -> Result<u16, FillError> {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(port) = ports.get(name) {
            return Ok(*port);
        }
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|source| FillError::Port { name: name.to_owned(), source })?.port();
        ports.insert(name.to_owned(), port);
        Ok(port)
    }
}

/// A quote may end in the middle of a secret.
fn without_cut(text: &str, secret: &str) -> String {
    let ends = secret.char_indices().map(|(at, _)| at).filter(|at| *at >= SHORTEST_SECRET);
    let mut shown = text.to_owned();
    for end in ends.rev() {
        shown = shown.replace(&format!("{}{CUT}", &secret[..end]), &format!("{MASK}{CUT}"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filling(environment: &[(&str, &str)]) -> Filling {
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Filling::new("/run".into(), "/bin/squall".into(), environment.collect())
    }

    #[test]
    fn a_port_is_the_same_wherever_its_name_stands() {
        let filling = filling(&[]);
        let one = filling.fill(&"{port:api}".into()).unwrap();
        assert_eq!(filling.fill(&"{port:api}".into()).unwrap(), one);
        assert_ne!(filling.fill(&"{port:db}".into()).unwrap(), one);
    }

    // U3: secrets appear in no artefact.
    #[test]
    fn what_was_filled_in_as_a_secret_is_masked_from_then_on() {
        let filling = filling(&[("TOKEN", "s3cret"), ("LONG", "s3cret-and-more")]);
        assert_eq!(
            filling.fill(&"Bearer {env:TOKEN} {env:LONG}".into()).unwrap(),
            "Bearer s3cret s3cret-and-more"
        );
        assert_eq!(filling.redact("got s3cret-and-more, s3cret"), "got ***, ***");
        let kept =
            filling.fill_plain(&vec!["curl".into(), "{env:TOKEN}".into(), "{run-dir}/x".into()]).unwrap();
        assert_eq!(kept, ["curl".into(), "{env:TOKEN}".into(), Template::from("/run/x")]);
    }

    // U3
    #[test]
    fn a_line_and_a_cut_part_of_a_secret_are_masked() {
        let filling = filling(&[("KEY", "-- begin --\nabcdefgh\n}"), ("TOKEN", "s3cret-and-more")]);
        filling.fill(&"{env:KEY} {env:TOKEN}".into()).unwrap();
        assert_eq!(filling.redact("said abcdefgh }"), "said *** }");
        assert_eq!(filling.redact("Bearer s3cret-an…, s3…"), "Bearer ***…, s3…");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = filling(&[]).fill(&"{env:NOPE}".into()).unwrap_err();
        assert_eq!(error.to_string(), "fill in {env:NOPE}: the environment has no such variable");
    }
}
