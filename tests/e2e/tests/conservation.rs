//! Conservation of work, with real workers and real ledgers (E5).

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_model::conservation::Figure;
use squall_model::event::EventKind;

/// A worker that takes five tasks at once and is killed over them, and the files in which it says so.
fn experiment(worker: &str, ledger: &str) -> String {
    format!(
        "name: account\ntarget: {{ name: stage, services: {{ worker: {{ start: {{ run: [sh, -c, {worker}] }} }} }} }}\n\
         steady:\n  every: 100ms\n  measures:\n    any: {{ command: {{ run: ['true'], read: exit }}, expect: '== 0' }}\n  \
         conservation: {{ ledger: [sh, -c, {ledger}], within: 2s }}\n\
         baseline: 500ms\nduration: 500ms\n\
         faults:\n  kill: {{ inject: {{ process-kill: {{}} }}, on: {{ service: worker }}, for: 300ms }}\n\
         recovery: {{ within: 20s, steady-for: 100ms }}\n"
    )
}

const COUNTS: &str = r#"'printf "{\"sent\": %d, \"done\": %d}" "$(cat {run-dir}/sent | wc -l)" "$(cat {run-dir}/done | wc -l)"'"#;
const DROPS: &str = "'touch done; yes task | head -5 > sent; sleep 600'";
const WORKS: &str = "'yes task | head -5 | tee sent > done; sleep 600'";

#[test]
fn tasks_that_died_with_their_worker_are_missed_by_the_ledger() {
    let squall = Squall::new();
    squall.file("account.yaml", &experiment(DROPS, COUNTS));
    let output = squall.run(["run", "account.yaml"]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    assert!(
        said(&output).contains("work was not conserved: 5 lost (sent 5, done 0, lost 5, duplicated 0)"),
        "{}",
        said(&output)
    );
    let run = squall.runs().pop().unwrap();
    let record = run.read_record().unwrap();
    let lost = record.events.iter().find_map(|event| match &event.kind {
        EventKind::ConservationJudged { balance, .. } => balance.get(&Figure::Lost).copied(),
        _ => None,
    });
    assert_eq!(lost, Some(5));
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

#[test]
fn work_that_was_done_before_the_kill_is_conserved() {
    let squall = Squall::new();
    squall.file("account.yaml", &experiment(WORKS, COUNTS));
    let output = squall.run(["run", "account.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("everything adds up"), "{}", said(&output));
}

// E5: what a threshold breaks off may be lost, and is looked for as well.
#[test]
fn an_aborted_run_says_what_it_has_lost() {
    let squall = Squall::new();
    let text = experiment(DROPS, COUNTS)
        .replace("conservation:", "  alive: { process: { service: worker, fact: count }, abort: { when: '< 1', consecutive: 1 } }\n  conservation:")
        .replace("run: [sh, -c, ", "restart-after: 20s, run: [sh, -c, ")
        .replace("duration: 500ms", "duration: 10s")
        .replace("for: 300ms", "for: 9s");
    squall.file("account.yaml", &text);
    let output = squall.run(["run", "account.yaml"]);
    assert_eq!(output.status.code(), Some(12), "{}", said(&output));
    assert!(said(&output).contains("work was not conserved: 5 lost"), "{}", said(&output));
    let reported = squall.run(["report", "last", "--format", "md"]);
    assert!(said(&reported).contains("it does not add up: 5 lost"), "{}", said(&reported));
    let run = squall.runs().pop().unwrap();
    assert_eq!(left::of_run(&run), Vec::<String>::new());
}

// E5: how much was not done is said without any load of squall's: here by the lines of a log.
#[test]
fn lines_that_a_process_does_not_write_while_it_stands_still_are_throughput_lost() {
    let squall = Squall::new();
    let text = "\
name: lines
target: { name: stage, services: { own: { start: { run: [sh, -c, 'while :; do echo done; sleep 0.05; done > own.log'] } } } }
steady:
  every: 200ms
  measures:
    lines: { log: { file: '{run-dir}/own.log', pattern: done }, throughput: count }
    alive: { process: { service: own, fact: count }, expect: '== 1' }
baseline: 3s
duration: 4s
faults:
  still: { inject: { process-pause: {} }, on: { service: own }, at: 500ms, for: 3s }
recovery: { within: 30s, steady-for: 500ms }
";
    squall.file("lines.yaml", text);
    let output = squall.run(["run", "lines.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let reported = squall.run(["report", "last", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&reported.stdout).unwrap();
    let measured = &report["cost"]["measured"][0];
    let of = |figure: &str| measured[figure].as_f64().unwrap();
    assert_eq!(measured["measure"], "lines", "{measured:#}");
    // Three seconds of the level that was measured before, whatever this machine makes of 20 lines a second.
    let silent = of("lost") / of("level");
    assert!((2.0..4.5).contains(&silent) && of("level") > 1.0, "{silent} s: {measured:#}");
    let told = squall.run(["report", "last", "--format", "md"]);
    assert!(said(&told).contains("throughput lost: lines: "), "{}", said(&told));
}

// Unknown is never success: before the faults it is a reason not to begin, after them a deviation.
#[test]
fn a_ledger_that_cannot_be_read_is_never_success() {
    let squall = Squall::new();
    squall.file("account.yaml", &experiment(WORKS, "'echo lost the books >&2; exit 3'"));
    let output = squall.run(["run", "account.yaml"]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(said(&output).contains("lost the books"), "{}", said(&output));

    // The worker that is started again throws the books away.
    let worker = "'if test -e once; then rm books; else touch once books; fi; sleep 600'";
    let ledger = r#"'cat {run-dir}/books && echo "{\"sent\": 1, \"done\": 1}"'"#;
    squall.file("account.yaml", &experiment(worker, ledger));
    let output = squall.run(["run", "account.yaml"]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    assert!(said(&output).contains("nothing says that no work was lost"), "{}", said(&output));
}
