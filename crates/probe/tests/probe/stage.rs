//! A run that knows only what a test tells it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use squall_model::event::LoadSample;
use squall_model::id::ProcessRef;
use squall_model::measure::{HttpFact, HttpProbe, HttpRequest, Judged, Measure, Outcome, Probe};
use squall_model::template::{Argv, Reference, Template};
use squall_model::unit::{Percent, Quantity, Span, Unit};
use squall_probe::{LoadCursor, ProbeError, Prober, Surroundings};

#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) instances: RefCell<Vec<ProcessRef>>,
    pub(crate) stats: Option<Argv>,
    pub(crate) variables: Vec<(String, String)>,
    /// Requests sent by a load, where one runs.
    pub(crate) sent: Cell<Option<u64>>,
}

impl Surroundings for Stage {
    fn fill(&self, template: &Template) -> Result<String, String> {
        template.fill(|reference| match reference {
            Reference::Env(name) => {
                self.secrets.get(name).cloned().ok_or_else(|| format!("the variable {name} is not set"))
            }
            other => Err(format!("the test has no {other:?}")),
        })
    }

    fn redact(&self, text: &str) -> String {
        self.secrets.values().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    fn instances(&self, service: &str) -> Vec<ProcessRef> {
        assert_eq!(service, "worker");
        self.instances.borrow().clone()
    }

    fn queue_stats(&self) -> Option<Argv> {
        self.stats.clone()
    }

    fn load_sample(&self, since: &mut LoadCursor) -> Option<LoadSample> {
        let sent = self.sent.get()?;
        let before = since.replace(sent).unwrap_or_default();
        Some(LoadSample { sent: sent - before, in_flight: sent - before, ..LoadSample::default() })
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }
}

impl Stage {
    pub(crate) fn with_secret(name: &str, value: &str) -> Self {
        Self { secrets: [(name.to_owned(), value.to_owned())].into(), ..Self::default() }
    }

    pub(crate) fn prober(self, probe: Probe) -> Prober {
        prober(&Rc::new(self), probe)
    }
}

/// Long enough for a busy machine; a reading that takes this long has failed its test.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);

pub(crate) fn prober(stage: &Rc<Stage>, probe: Probe) -> Prober {
    made(stage, probe, AMPLE).expect("the probe can be made")
}

pub(crate) fn impatient(probe: Probe, timeout: Duration) -> Prober {
    made(&Rc::default(), probe, timeout).expect("the probe can be made")
}

pub(crate) fn refused(probe: Probe, stage: Stage) -> ProbeError {
    match made(&Rc::new(stage), probe, AMPLE) {
        Ok(_) => panic!("the probe was made"),
        Err(error) => error,
    }
}

fn made(stage: &Rc<Stage>, probe: Probe, timeout: Duration) -> Result<Prober, ProbeError> {
    let measure = Measure {
        each: None,
        name: "it".into(),
        probe,
        expect: None,
        abort: None,
        allow: Percent::default(),
        judged: vec![Judged::Before, Judged::During, Judged::After],
        every: Span::seconds(1),
        timeout: Span(timeout),
        lag: Span::ZERO,
        throughput: None,
    };
    Prober::new(&measure, Rc::<Stage>::clone(stage))
}

pub(crate) fn get(url: &str) -> HttpRequest {
    HttpRequest { url: url.into(), method: "GET".into(), headers: Vec::new(), body: None, ca: None }
}

pub(crate) fn http(request: HttpRequest, read: HttpFact) -> Probe {
    Probe::Http(Box::new(HttpProbe { request, read, login: None, unit: Unit::Number }))
}

pub(crate) fn argv(words: &[&str]) -> Argv {
    words.iter().map(|word| Template::from(*word)).collect()
}

pub(crate) fn value(value: f64, unit: Unit) -> Outcome {
    Outcome::Value(Quantity::new(value, unit))
}

pub(crate) fn text(text: &str) -> Outcome {
    Outcome::Text(text.into())
}

pub(crate) fn unreadable(why: &str) -> Outcome {
    Outcome::Unreadable(why.into())
}

/// Asks again until it is so, with a deadline. The one place that waits.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(AMPLE, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: not within {AMPLE:?}"));
}

/// Says that this machine lacks what the test needs. In CI nothing may be missing.
#[expect(clippy::print_stdout, reason = "a skipped test says so to whoever runs it")]
pub(crate) fn skip(missing: &dyn std::error::Error) {
    assert!(std::env::var_os("CI").is_none(), "could not {missing}");
    println!("SKIP: could not {missing}");
}
