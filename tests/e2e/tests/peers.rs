//! Redis and nginx as Debian ships them, found by what an operator knows about them, with the verdicts that they
//! deserve.

use std::process::Output;
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::nginx::Nginx;
use squall_e2e::peer::onlooker::Onlooker;
use squall_e2e::peer::redis::Redis;
use squall_e2e::peer::running::{Running, find, last_record, reasons, when};
use squall_e2e::wait;
use squall_model::event::EventKind;
use squall_model::verdict::Verdict;

/// Time between two readings in these experiments.
const EVERY: Duration = Duration::from_millis(400);

fn experiment(name: &str, service: &str, measures: &str, duration: &str, faults: &str) -> String {
    format!(
        "name: {name}\n\
         target: {{ name: peers, services: {{ peer: {service} }} }}\n\
         steady:\n  every: {}ms\n  measures:\n    {measures}\n\
         baseline: 1200ms\nduration: {duration}\n\
         faults:\n  broken: {{ {faults} }}\n\
         recovery: {{ within: 5s, steady-for: {}ms }}\n",
        EVERY.as_millis(),
        EVERY.as_millis()
    )
}

/// `redis-cli ping`, and what else is said of it.
fn ping(redis: &Redis, more: &str) -> String {
    let port = redis.port();
    format!(
        "ping: {{ command: {{ run: [redis-cli, -p, '{port}', ping], read: text }}, expect: '== \"PONG\"'{more} }}"
    )
}

fn in_pid_file(redis: &Redis) -> String {
    format!("{{ find: {{ pid-file: {} }} }}", redis.supervised().pid_file().display())
}

const ON: &str = ", on: { service: peer }";
const PAUSE: &str = "inject: { process-pause: {} }, on: { service: peer }";

/// A short pause that Redis survives, with the mark of an environment.
fn short_pause(redis: &Redis, environment: &str) -> String {
    let text = experiment(
        "short-pause",
        &in_pid_file(redis),
        &ping(redis, ", judge: [before, after]"),
        "800ms",
        PAUSE,
    );
    format!("environment: {environment}\n{text}")
}

#[track_caller]
fn ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn leaves_nothing(squall: &Squall) {
    for run in squall.runs() {
        let left = left::of_run(&run);
        assert!(left.is_empty(), "{}", left.join(", "));
    }
}

/// F6: found by its PID file, killed, and back in time.
#[test]
fn redis_under_a_supervisor_holds_when_it_is_killed() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let before = redis.supervised().process();
    let text = experiment(
        "redis-kill",
        &in_pid_file(&redis),
        &ping(&redis, ", allow: 50 %"),
        "4s",
        &format!("inject: {{ process-kill: {{ expect-restart: 3s }} }}{ON}"),
    );
    squall.file("kill.yaml", &text);
    let output = squall.run(["run", "kill.yaml"]);
    ends(&output, 0);
    let record = last_record(&squall);
    let after = find(&record, |kind| match kind {
        EventKind::RestartSeen { after, .. } => Some(after.0),
        _ => None,
    });
    assert!(after.unwrap() <= Duration::from_secs(3));
    let now = redis.supervised().process();
    assert_ne!(now, before, "the supervisor has started another one");
    assert_eq!(redis.ask("PING").unwrap(), "+PONG");
    leaves_nothing(&squall);
}

/// F6: a supervisor that is too slow for what the experiment expects.
#[test]
fn a_restart_that_does_not_come_in_time_deviates() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let text = experiment(
        "redis-kill",
        &in_pid_file(&redis),
        &ping(&redis, ", allow: 50 %"),
        "2s",
        &format!("inject: {{ process-kill: {{ expect-restart: 10ms }} }}{ON}"),
    );
    squall.file("kill.yaml", &text);
    let output = squall.run(["run", "kill.yaml"]);
    ends(&output, 10);
    let record = last_record(&squall);
    when(&record, "a missed restart", |kind| matches!(kind, EventKind::RestartMissed { .. }));
    leaves_nothing(&squall);
}

/// F7: found by its port, paused: the system is not as it should be, and is itself again afterwards.
#[test]
fn redis_deviates_while_it_is_paused_and_works_again_afterwards() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let process = redis.supervised().process();
    let before = left::picture(vec![process], &[], &[]);
    let service = format!("{{ find: {{ port: {} }} }}", redis.port());
    squall.file("pause.yaml", &experiment("redis-pause", &service, &ping(&redis, ""), "2s", PAUSE));
    let onlooker = Onlooker::of(process);
    let mut run = Running::start(&squall, "pause.yaml");
    run.await_injected();
    assert!(redis.ask("PING").is_err() || !run.is_on(), "a stopped Redis answers nobody");
    let output = run.end();
    ends(&output, 10);
    assert!(onlooker.saw_it_stopped());
    let record = last_record(&squall);
    assert!(reasons(&record).contains("ping was not \"PONG\" while faults were on"), "{}", reasons(&record));
    when(&record, "the recovery", |kind| matches!(kind, EventKind::Recovered { .. }));
    assert_eq!(redis.ask("PING").unwrap(), "+PONG");
    assert_eq!(redis.supervised().process(), process);
    assert_eq!(before.diff(&left::picture(vec![process], &[], &[])), Vec::<String>::new());
    leaves_nothing(&squall);
}

/// E3: found by its command line; the baseline is sick, so nothing is injected.
#[test]
fn a_sick_baseline_is_unsteady_and_nothing_is_touched() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let process = redis.supervised().process();
    let port = redis.port();
    let service = format!("{{ find: {{ command-line: '^redis-server .*:{port}$' }} }}");
    let measure = format!(
        "jobs: {{ command: {{ run: [redis-cli, -p, '{port}', llen, jobs], read: number }}, expect: '>= 1' }}"
    );
    squall.file("sick.yaml", &experiment("redis-sick", &service, &measure, "2s", PAUSE));
    let onlooker = Onlooker::of(process);
    let output = squall.run(["run", "sick.yaml"]);
    ends(&output, 5);
    assert!(!onlooker.saw_it_stopped());
    let record = last_record(&squall);
    assert_eq!(record.verdict(), Some(Verdict::Unsteady));
    assert!(reasons(&record).contains("jobs was not >= 1 in the baseline"), "{}", reasons(&record));
    let touched = find(&record, |kind| matches!(kind, EventKind::FaultRequested { .. }).then_some(()));
    assert_eq!(touched, None);
    assert_eq!(redis.supervised().process(), process);
    leaves_nothing(&squall);
}

/// S6: found by its name; the breach undoes everything within two evaluation intervals.
#[test]
fn nginx_that_stops_answering_aborts_the_run() {
    let squall = Squall::new();
    let nginx = Nginx::start(squall.dir());
    let processes = nginx.processes();
    let before = left::picture(processes.clone(), &[], &[]);
    let measure = format!(
        "page: {{ http: 'http://127.0.0.1:{}/', expect: '== 200', abort: {{ when: '!= 200', consecutive: 2 }} }}",
        nginx.port()
    );
    let service = format!("{{ find: {{ name: '{}*' }} }}", nginx.name());
    squall.file("abort.yaml", &experiment("nginx-pause", &service, &measure, "15s", PAUSE));
    let output = squall.run(["run", "abort.yaml"]);
    ends(&output, 12);
    let record = last_record(&squall);
    let breach = when(&record, "the breach", |kind| matches!(kind, EventKind::AbortTriggered { .. })).at.0;
    let undone = when(&record, "the undo", |kind| matches!(kind, EventKind::FaultUndone { .. })).at.0;
    assert!(undone.saturating_sub(breach) <= EVERY * 2, "breach at {breach:?}, undone at {undone:?}");
    nginx.get("/").unwrap();
    assert_eq!(before.diff(&left::picture(processes, &[], &[])), Vec::<String>::new());
    leaves_nothing(&squall);
}

/// F8: five percent of a core for nginx. An outside client sees it, and afterwards no longer.
#[test]
fn nginx_is_starved_of_cpu_and_then_is_not() {
    let squall = Squall::new();
    let nginx = Nginx::start(squall.dir());
    let processes = nginx.processes();
    let before = left::picture(processes.clone(), &[], &[]);
    let usual = nginx.get("/heavy.txt").unwrap();
    let measure = format!(
        "page: {{ http: 'http://127.0.0.1:{}/', expect: '== 200', judge: [before, after] }}",
        nginx.port()
    );
    let service = format!("{{ find: {{ port: {} }} }}", nginx.port());
    let faults = format!("inject: {{ cgroup-limit: {{ cpu: 5 % }} }}{ON}");
    squall.file("starve.yaml", &experiment("nginx-starved", &service, &measure, "6s", &faults));
    let mut run = Running::start(&squall, "starve.yaml");
    run.await_injected();
    let starved = nginx.get("/heavy.txt").unwrap();
    let output = run.end();
    ends(&output, 0);
    let again = nginx.get("/heavy.txt").unwrap();
    assert!(starved > usual * 3, "{usual:?}, then {starved:?}");
    assert!(again * 2 < starved, "{starved:?}, then {again:?}");
    assert_eq!(before.diff(&left::picture(processes, &[], &[])), Vec::<String>::new());
    leaves_nothing(&squall);
}

/// F12: a Redis without file descriptors serves its old clients and no new ones.
#[test]
fn redis_without_file_descriptors_refuses_new_clients_only() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let process = redis.supervised().process();
    let before = left::picture(vec![process], &[], &[]);
    let mut old = redis.connect().unwrap();
    assert_eq!(old.ask("PING").unwrap(), "+PONG");
    let faults = format!("inject: {{ fd-exhaustion: {{ percent: 50 % }} }}{ON}");
    let measures = ping(&redis, ", judge: [before, after]");
    squall.file("fds.yaml", &experiment("redis-fds", &in_pid_file(&redis), &measures, "3s", &faults));
    let mut run = Running::start(&squall, "fds.yaml");
    run.await_injected();
    assert_eq!(old.ask("PING").unwrap(), "+PONG", "an old client is served");
    let new = redis.ask("PING");
    assert!(run.is_on(), "the fault was on while it was measured");
    assert!(new.is_err(), "a new client got {new:?}");
    let output = run.end();
    ends(&output, 0);
    redis.await_pong();
    assert_eq!(before.diff(&left::picture(vec![process], &[], &[])), Vec::<String>::new());
    leaves_nothing(&squall);
}

/// F12: a Redis that may not fork cannot save.
#[test]
fn redis_without_processes_cannot_save() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let process = redis.supervised().process();
    let before = left::picture(vec![process], &[], &[]);
    let faults = format!("inject: {{ pid-exhaustion: {{ spare: 0 }} }}{ON}");
    let service = in_pid_file(&redis);
    squall.file("pids.yaml", &experiment("redis-pids", &service, &ping(&redis, ""), "2s", &faults));
    let mut run = Running::start(&squall, "pids.yaml");
    run.await_injected();
    let refused = redis.ask("BGSAVE").unwrap();
    assert!(run.is_on(), "the fault was on while it was measured");
    assert!(refused.starts_with("-ERR"), "{refused}");
    let output = run.end();
    ends(&output, 0);
    let saved = wait::until("Redis saves", Duration::from_secs(5), || {
        redis.ask("BGSAVE").ok().filter(|answer| answer.starts_with('+'))
    });
    assert_eq!(saved, "+Background saving started");
    assert_eq!(before.diff(&left::picture(vec![process], &[], &[])), Vec::<String>::new());
    leaves_nothing(&squall);
}

/// E1, S5: the plan says which processes it would hit.
#[test]
fn check_prints_the_processes_of_the_plan() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let process = redis.supervised().process();
    squall.file("pause.yaml", &short_pause(&redis, "local"));
    let onlooker = Onlooker::of(process);
    let output = squall.run(["check", "pause.yaml"]);
    ends(&output, 0);
    let plan = stdout(&output);
    assert!(plan.contains(&process.pid.to_string()), "{plan}");
    assert!(plan.contains("peer-1 (1 of 1 eligible: peer-1)"), "{plan}");
    let output = squall.run(["check", "pause.yaml", "--format", "json"]);
    ends(&output, 0);
    assert!(stdout(&output).contains(&process.pid.to_string()), "{}", said(&output));
    assert!(!onlooker.saw_it_stopped());
    assert!(squall.runs().is_empty(), "a check leaves no run");
}

/// E6: everything but the change, each decision logged.
#[test]
fn a_dry_run_changes_nothing_and_says_what_it_left_out() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let process = redis.supervised().process();
    squall.file("pause.yaml", &short_pause(&redis, "local"));
    let onlooker = Onlooker::of(process);
    let output = squall.run(["run", "pause.yaml", "--dry-run"]);
    ends(&output, 0);
    assert!(!onlooker.saw_it_stopped());
    assert_eq!(redis.supervised().process(), process);
    let record = last_record(&squall);
    let left_out = find(&record, |kind| match kind {
        EventKind::FaultLeftOut { on, change, undo, .. } => Some((on.clone(), change.clone(), undo.clone())),
        _ => None,
    });
    let (on, change, undo) = left_out.unwrap();
    assert_eq!(on, ["peer-1"]);
    assert!(change.contains(&process.pid.to_string()), "{change}");
    assert!(undo.contains(&process.pid.to_string()), "{undo}");
    let changed = find(&record, |kind| matches!(kind, EventKind::FaultInjected { .. }).then_some(()));
    assert_eq!(changed, None);
    assert!(stdout(&output).contains(&change), "{}", said(&output));
    leaves_nothing(&squall);
}

/// E6, S5: a recorded plan runs again, but not against other processes than it saw.
#[test]
fn a_recorded_plan_runs_again_until_redis_is_another_process() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let first = redis.supervised().process();
    squall.file("pause.yaml", &short_pause(&redis, "local"));
    ends(&squall.run(["run", "pause.yaml"]), 0);
    let run = squall.runs()[0].id().as_str().to_owned();
    let onlooker = Onlooker::of(first);
    let again = squall.run(["run", &run]);
    ends(&again, 0);
    assert!(onlooker.saw_it_stopped());
    assert_eq!(squall.runs().len(), 2);

    first.signal(squall_host::signal::Signal::Kill).unwrap();
    let second = wait::until("another Redis", Duration::from_secs(10), || {
        redis.supervised().find().filter(|process| *process != first)
    });
    redis.await_pong();
    let onlooker = Onlooker::of(second);
    let refused = squall.run(["run", &run]);
    ends(&refused, 4);
    assert!(stderr(&refused).contains("the inventory changed since planning"), "{}", said(&refused));
    assert!(!onlooker.saw_it_stopped());
    assert_eq!(squall.runs().len(), 2, "a refused run is none");
    leaves_nothing(&squall);
}

/// S7: production needs a policy and the name of the experiment.
#[test]
fn production_is_locked_until_the_policy_and_a_typed_name_say_otherwise() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let process = redis.supervised().process();
    squall.file("pause.yaml", &short_pause(&redis, "production"));
    squall.file("policy.yaml", "environments: { production: { locked: false } }\n");
    let onlooker = Onlooker::of(process);
    let locked = squall.run(["run", "pause.yaml"]);
    ends(&locked, 4);
    assert!(stderr(&locked).contains("the environment `production` is locked"), "{}", said(&locked));
    // A name alone does not open what no policy opens.
    ends(&squall.run(["run", "pause.yaml", "--confirm", "short-pause"]), 4);
    let nameless = squall.run(["run", "pause.yaml", "--policy", "policy.yaml"]);
    ends(&nameless, 4);
    assert!(stderr(&nameless).contains("needs a typed confirmation"), "{}", said(&nameless));
    let wrong = squall.run(["run", "pause.yaml", "--policy", "policy.yaml", "--confirm", "redis-pause"]);
    ends(&wrong, 4);
    assert!(stderr(&wrong).contains("is not the name of the experiment"), "{}", said(&wrong));
    assert!(!onlooker.saw_it_stopped());
    assert!(squall.runs().is_empty(), "a refused run is none");

    let onlooker = Onlooker::of(process);
    let right = squall.run(["run", "pause.yaml", "--policy", "policy.yaml", "--confirm", "short-pause"]);
    ends(&right, 0);
    assert!(onlooker.saw_it_stopped());
    leaves_nothing(&squall);
}
