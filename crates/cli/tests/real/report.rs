//! Records, reports and repetitions.

use std::fs;

use crate::stage::{QUICK, Stage, text};

// U3, U8: every form, from the run itself and afterwards.
#[test]
fn a_run_writes_the_reports_that_it_is_asked_for() {
    let stage = Stage::new();
    stage.write("quick.yaml", QUICK);
    let done = stage.squall("run quick.yaml --report r.html --report r.md --report r.xml --report r.json");
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    for (file, begins) in
        [("r.html", "<!doctype html>"), ("r.md", "## "), ("r.xml", "<?xml"), ("r.json", "{")]
    {
        let page = fs::read_to_string(stage.path(file)).unwrap();
        assert!(page.to_lowercase().starts_with(begins), "{file}: {}", page.get(..80).unwrap_or(&page));
        assert!(page.contains("held-still"), "{file}");
    }
    let again = stage.squall("report last --format md");
    assert_eq!(text(&again.stdout), fs::read_to_string(stage.path("r.md")).unwrap());
}

// E6: the same plan again, by the id of its run; a replay shows the same lines.
#[test]
fn a_recorded_run_is_repeated_and_replayed() {
    let stage = Stage::new();
    stage.write("quick.yaml", QUICK);
    let first = stage.squall("run quick.yaml --format json");
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let replayed = stage.squall("replay last --format json");
    assert_eq!(text(&replayed.stdout), text(&first.stdout));
    let runs: serde_json::Value = serde_json::from_slice(&stage.squall("runs --format json").stdout).unwrap();
    let id = runs[0]["run"].as_str().unwrap().to_owned();
    let second = stage.squall(&format!("run {id} --quiet"));
    assert_eq!(text(&second.stdout), " HELD  held-still: the steady state held through hold\n");
    assert_eq!(stage.squall(&format!("run {id} --seed 8")).status.code(), Some(2));
}

// E6, S5: a found process that was replaced since is not hit in its predecessor's place.
#[test]
fn a_recorded_plan_is_refused_when_its_processes_are_others_now() {
    let stage = Stage::new();
    let file = stage.path("pid");
    let victim = crate::stage::Victim::new();
    fs::write(&file, victim.pid().to_string()).unwrap();
    let experiment = QUICK
        .replace(
            r#"start: { run: [sleep, "60"], count: 2, restart-after: 1s }"#,
            &format!("find: {{ pid-file: {} }}", file.display()),
        )
        .replace("== 2", "== 1");
    stage.write("found.yaml", &experiment);
    let first = stage.squall("run found.yaml");
    assert_eq!(first.status.code(), Some(0), "{}{}", text(&first.stdout), text(&first.stderr));
    let runs: serde_json::Value = serde_json::from_slice(&stage.squall("runs --format json").stdout).unwrap();
    let id = runs[0]["run"].as_str().unwrap().to_owned();
    let second = stage.squall(&format!("run {id}"));
    assert_eq!(second.status.code(), Some(0), "{}{}", text(&second.stdout), text(&second.stderr));
    drop(victim);
    let other = crate::stage::Victim::new();
    fs::write(&file, other.pid().to_string()).unwrap();
    let refused = stage.squall(&format!("run {id}"));
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    assert!(
        text(&refused.stderr).contains("the inventory changed since planning"),
        "{}",
        text(&refused.stderr)
    );
    assert!(other.is_free());
}

// U1: init writes a file that is fine, once.
#[test]
fn init_writes_an_experiment_and_never_over_a_file() {
    let stage = Stage::new();
    assert_eq!(stage.squall("init").status.code(), Some(0));
    let text_before = fs::read_to_string(stage.path("worker-loss.yaml")).unwrap();
    assert_eq!(stage.squall("check worker-loss.yaml").status.code(), Some(0));
    stage.write("worker-loss.yaml", "mine");
    assert_eq!(stage.squall("init").status.code(), Some(4));
    assert_eq!(fs::read_to_string(stage.path("worker-loss.yaml")).unwrap(), "mine");
    assert!(text_before.contains("worker"));
}

// U3: a record that ends in the middle of a line is still reported.
#[test]
fn an_interrupted_record_is_reported() {
    let stage = Stage::new();
    stage.write("quick.yaml", QUICK);
    let done = stage.squall("run quick.yaml --format json");
    let whole = text(&done.stdout);
    stage.write("torn.jsonl", &whole[..whole.len() * 2 / 3]);
    let page = stage.squall("report torn.jsonl");
    assert_eq!(page.status.code(), Some(0), "{}", text(&page.stderr));
    assert!(text(&page.stdout).contains("INTERRUPTED"), "{}", text(&page.stdout));
    stage.write("none.jsonl", "hello");
    assert_eq!(stage.squall("report none.jsonl").status.code(), Some(3));
}

// S9, E6: what another version of squall wrote is named as that, in one sentence.
#[test]
fn a_record_of_another_version_is_named_as_that() {
    let stage = Stage::new();
    stage.write("quick.yaml", QUICK);
    let done = stage.squall("run quick.yaml --quiet");
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    let runs: serde_json::Value = serde_json::from_slice(&stage.squall("runs --format json").stdout).unwrap();
    let id = runs[0]["run"].as_str().unwrap();
    let folder = stage.path("home").join("runs").join(id);
    // An earlier squall knew nothing of recoveries, neither in its records nor in its plans.
    let forget = |file: &str| {
        let path = folder.join(file);
        let now = fs::read_to_string(&path).unwrap();
        let (first, rest) = now.split_once('\n').filter(|_| file == "record.jsonl").unwrap_or((&now, ""));
        let mut document: serde_json::Value = serde_json::from_str(first).unwrap();
        let start = document.pointer_mut("/what/run-started");
        let plan = match start {
            Some(start) => {
                start["squall"] = "0.0.7".into();
                &mut start["plan"]
            }
            None => &mut document,
        };
        plan.as_object_mut().unwrap().remove("recovery").unwrap();
        fs::write(&path, format!("{document}\n{rest}")).unwrap();
    };
    forget("record.jsonl");
    forget("plan.json");
    for command in ["report last", "replay last", "findings last", "history --keep last"] {
        let told = stage.squall(command);
        let said = text(&told.stderr);
        assert_eq!(told.status.code(), Some(3), "{command}: {said}");
        assert!(said.contains("line 1 of the record is of a form that squall"), "{command}: {said}");
        assert!(said.contains("squall 0.0.7 wrote it") && said.contains("hint:"), "{command}: {said}");
        assert!(!said.contains("missing field"), "{command}: {said}");
    }
    let again = stage.squall(&format!("run {id}"));
    assert_eq!(again.status.code(), Some(3), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("the form of another version of squall"), "{}", text(&again.stderr));
    let history = stage.squall("history");
    assert_eq!(history.status.code(), Some(0), "{}", text(&history.stderr));
    assert!(text(&history.stdout).contains("could not be read"), "{}", text(&history.stdout));
}
