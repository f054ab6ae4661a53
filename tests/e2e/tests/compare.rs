//! Two runs beside each other, their history, and the baseline that is kept (E6).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::time::Duration;

use serde_json::Value;
use squall_e2e::binary::{Squall, said};
use squall_e2e::wait;

/// A measure whose readings are those of a file, and a fault that does not matter to it.
const EXPERIMENT: &str = "\
name: steps
target:
  services:
    own: { start: { run: [sleep, '600'] } }
steady:
  every: 300ms
  measures:
    latency: { command: { run: [sh, step.sh], read: number }, expect: '< 900', allow: 90 % }
baseline: 4s
duration: 4s
faults:
  still: { inject: { process-pause: {} }, on: { service: own } }
recovery: { within: 30s, steady-for: 3s }
";

/// The next number of a sequence without memory, from `level` up to 30 above it: the same in every run.
const STEP: &str = "\
n=$(cat count 2>/dev/null || echo 0)
echo $((n + 1)) >count
echo $(($(cat level) + (n * n * 7919 + n * 104729) % 31))
";

struct Stage(Squall);

impl Stage {
    fn new() -> Self {
        let squall = Squall::new();
        squall.file("steps.yaml", EXPERIMENT);
        squall.file("step.sh", STEP);
        Self(squall)
    }

    /// A whole run at this level; its id.
    fn run(&self, level: u32) -> String {
        self.0.file("level", &level.to_string());
        let done = self.0.run(["run", "--quiet", "steps.yaml"]);
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        self.0.runs().pop().unwrap().id().to_string()
    }

    fn json<const N: usize>(&self, words: [&str; N], code: i32) -> Value {
        let done = self.0.run(words);
        assert_eq!(done.status.code(), Some(code), "{}", said(&done));
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&done)))
    }

    fn refused<const N: usize>(&self, words: [&str; N], code: i32, why: &str) {
        let done = self.0.run(words);
        assert_eq!(done.status.code(), Some(code), "{}", said(&done));
        let said = said(&done);
        assert!(said.contains(why), "no `{why}` in {said}");
    }
}

#[test]
fn a_slower_run_is_worse_than_the_baseline_and_one_like_it_is_not() {
    let stage = Stage::new();
    stage.refused(["compare", "--baseline"], 3, "nothing was run yet");
    let first = stage.run(100);
    stage.refused(["compare", "--baseline"], 4, "squall history --keep");
    let kept = stage.0.run(["history", "--keep", "last"]);
    assert_eq!(kept.status.code(), Some(0), "{}", said(&kept));
    stage.refused(["compare", "--baseline"], 2, "compared with itself");

    let second = stage.run(100);
    let alike = stage.json(["compare", "--baseline", "--format", "json"], 0);
    assert_eq!(alike["reference"]["run"], first.as_str());
    assert_eq!(alike["run"]["run"], second.as_str());
    assert_ne!(alike["worse"], "worse", "{alike:#}");

    stage.run(160);
    let worse = stage.json(["compare", "--baseline", "--format", "json"], 10);
    let found = worse["differences"].as_array().unwrap();
    let during =
        found.iter().find(|found| found["period"] == "during" && found["what"] == "numbers").unwrap();
    assert_eq!((&during["measure"], &during["worse"]), (&"latency".into(), &"worse".into()), "{during:#}");
    let effect = &during["comparison"]["compared"];
    assert!(effect["low"].as_f64().unwrap() > 40.0 && effect["high"].as_f64().unwrap() < 80.0, "{during:#}");
    let told = stage.0.run(["compare", &first, "last"]);
    assert!(said(&told).contains("It got worse: latency before the faults rose from"), "{}", said(&told));
    let page = stage.0.run(["compare", &first, "last", "--format", "markdown"]);
    assert!(said(&page).contains("## ❌ Worse"), "{}", said(&page));
    // Worse by less than was said to matter.
    let allowed = stage.0.run(["compare", &first, "last", "--margin", "90%"]);
    assert_eq!(allowed.status.code(), Some(0), "{}", said(&allowed));

    let history = stage.json(["history", "--format", "json"], 0);
    let runs = history["runs"].as_array().unwrap();
    let kept: Vec<bool> = runs.iter().map(|run| run["kept"].as_bool().unwrap()).collect();
    assert_eq!(kept, [true, false, false]);
    assert!(
        history["trends"].as_array().unwrap().iter().all(|trend| trend["trend"].is_null()),
        "{history:#}"
    );
    // Another run is kept in the place of the one before.
    assert!(stage.0.run(["history", "--keep", &second]).status.success());
    let history = stage.json(["history", "steps", "--format", "json"], 0);
    let kept: Vec<bool> =
        history["runs"].as_array().unwrap().iter().map(|run| run["kept"].as_bool().unwrap()).collect();
    assert_eq!(kept, [false, true, false]);
}

// S9: records that are cut, damaged, of a later squall, or still growing.
#[test]
fn a_record_that_is_not_whole_is_compared_or_refused_and_said_to_be() {
    let stage = Stage::new();
    let first = stage.run(100);
    stage.run(100);
    let record = std::fs::read_to_string(stage.0.runs()[1].record()).unwrap();
    stage.0.file("cut.jsonl", &record[..record.len() * 4 / 5]);
    let cut = stage.0.run(["compare", &first, "cut.jsonl"]);
    assert_eq!(cut.status.code(), Some(0), "{}", said(&cut));
    assert!(said(&cut).contains("did not end: what is in its record up to"), "{}", said(&cut));

    stage.0.file("later.jsonl", &record.replacen("\"format\":1", "\"format\":99", 1));
    stage.refused(["compare", &first, "later.jsonl"], 3, "format 99");
    stage.0.file("other.jsonl", "hello\nworld\n");
    stage.refused(["compare", &first, "other.jsonl"], 3, "line 1");
    stage.refused(["compare", &first, "missing.jsonl"], 3, "no run");
    stage.refused(["compare"], 2, "--baseline");
    stage.refused(["history", "nobody"], 3, "nobody");

    // One record of the history is damaged: the others are still told.
    std::fs::write(stage.0.runs()[1].record(), "hello\n").unwrap();
    let history = stage.json(["history", "--format", "json"], 0);
    assert_eq!(history["runs"].as_array().unwrap().len(), 1);
    assert_eq!(history["unreadable"].as_array().unwrap().len(), 1, "{history:#}");
}

#[test]
fn a_run_that_is_still_going_on_is_neither_compared_nor_kept() {
    let stage = Stage::new();
    let first = stage.run(100);
    let long = EXPERIMENT.replace("duration: 4s", "duration: 60s");
    stage.0.file("steps.yaml", &long);
    let mut child = stage.0.start(["run", "steps.yaml"]);
    wait::until("the run is on record", Duration::from_secs(30), || {
        let run = stage.0.runs().pop().filter(|run| run.id().as_str() != first)?;
        let text = std::fs::read_to_string(run.record()).ok()?;
        text.contains("\"fault-injected\"").then_some(())
    });
    stage.refused(["compare", &first, "last"], 4, "still going on");
    stage.refused(["history", "--keep", "last"], 4, "did not come to its end");
    assert!(stage.0.run(["halt"]).status.success());
    wait::until("the run ends", Duration::from_secs(30), || child.try_wait().unwrap());
}

// E6: a baseline is that of one experiment in one environment, and of no other.
#[test]
fn a_baseline_of_another_environment_or_experiment_is_not_used() {
    let stage = Stage::new();
    stage.0.file("level", "100");
    let run = |name: &str, environment: &str| {
        let text = format!(
            "name: {name}\nenvironment: {environment}\ntarget: {{ services: {{ own: {{ start: {{ run: [sleep, '600'] }} }} }} }}\n\
             steady:\n  every: 100ms\n  measures:\n    latency: {{ command: {{ run: [sh, step.sh], read: number }}, expect: '< 900' }}\n\
             baseline: 1s\nduration: 500ms\nrecovery: {{ within: 30s, steady-for: 200ms }}\n"
        );
        stage.0.file("short.yaml", &text);
        let done = stage.0.run(["run", "--quiet", "short.yaml"]);
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        stage.0.runs().pop().unwrap().id().to_string()
    };
    let keep = |run: &str| {
        let kept = stage.0.run(["history", "--keep", run]);
        assert_eq!(kept.status.code(), Some(0), "{}", said(&kept));
    };
    let first = run("steps", "local");
    keep(&first);
    let elsewhere = run("steps", "staging");
    stage.refused(["compare", "--baseline"], 4, "no run of steps in staging is kept as its baseline");
    keep(&elsewhere);
    let other = run("others", "local");
    stage.refused(["compare", "--baseline"], 4, "no run of others in local is kept as its baseline");
    keep(&other);
    // What was kept later elsewhere has let go of nothing here.
    run("steps", "local");
    let compared = stage.0.run(["compare", "--baseline", "--format", "json"]);
    let compared: Value = serde_json::from_slice(&compared.stdout).unwrap();
    assert_eq!(compared["reference"]["run"], first.as_str(), "{compared:#}");
}
