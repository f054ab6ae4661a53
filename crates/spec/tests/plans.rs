//! Documents without mistakes become plans.

use std::collections::BTreeMap;

use proptest::prelude::*;
use squall_model::fault::{Amount, Fault, Signal};
use squall_model::id::ProcessRef;
use squall_model::load::{Body, LoadTarget, Pattern};
use squall_model::measure::{Expect, HttpFact, Judged, Output, Probe};
use squall_model::plan::{Plan, Window};
use squall_model::target::{Find, Instance, Inventory};
use squall_model::unit::{Percent, Rate, Span, Unit};
use squall_model::verdict::Exit;
use squall_spec::code::Code;
use squall_spec::draft::Loaded;
use squall_spec::render::Theme;
use squall_spec::{Draft, Lints, Mistakes};

const EXAMPLE: &str = include_str!("../../../examples/worker-loss.yaml");

fn no_target(_: &str) -> Loaded {
    Err("there are no target files in this test".to_owned())
}

fn shown(mistakes: &Mistakes) -> String {
    mistakes.render(Theme::PLAIN)
}

fn draft(text: &str) -> Draft {
    squall_spec::read("test.yaml", text, &no_target).unwrap_or_else(|mistakes| panic!("{}", shown(&mistakes)))
}

fn planned(text: &str, seed: Option<u64>) -> (Plan, Lints) {
    draft(text).plan(Inventory::default(), seed).unwrap_or_else(|mistakes| panic!("{}", shown(&mistakes)))
}

fn codes(mistakes: &Mistakes) -> Vec<Code> {
    mistakes.iter().map(|(_, mistake)| mistake.code).collect()
}

fn window(from: u64, until: u64) -> Window {
    Window { from: Span::seconds(from), until: Span::seconds(until) }
}

fn running(service: &str, count: u32) -> Inventory {
    let instance = |number| Instance {
        name: format!("{service}-{number}"),
        process: Some(ProcessRef { pid: 100 + number, started: u64::from(number) }),
    };
    Inventory { services: BTreeMap::from([(service.to_owned(), (1..=count).map(instance).collect())]) }
}

// E1, S5, E6
#[test]
fn the_example_of_the_lost_workers_becomes_a_plan() {
    let (plan, lints) = planned(EXAMPLE, Some(7));
    assert!(lints.is_empty(), "{}", lints.render(Theme::PLAIN));
    assert_eq!((plan.name.as_str(), plan.seed, plan.target.name.as_str()), ("worker-loss", 7, "lab"));
    assert_eq!(plan.target.environment, "local");
    let fault = &plan.faults[0];
    assert!(matches!(fault.fault, Fault::ProcessKill { signal: Signal::Kill, .. }));
    assert_eq!(fault.windows, [window(0, 3), window(7, 10)]);
    let on = fault.on.as_ref().unwrap();
    assert_eq!(on.eligible, ["worker-1", "worker-2", "worker-3", "worker-4"]);
    assert_eq!(on.chosen.len(), 2);
    let LoadTarget::Http(load) = &plan.load.as_ref().unwrap().target else { panic!("tasks over HTTP") };
    let body = r#"{"tag":"load","kind":"sleep","work_ms":50}"#;
    assert_eq!(load.body, Some(Body::Text(body.into())));
    let p95 = plan.measures.iter().find(|measure| measure.name == "p95").unwrap();
    assert_eq!(p95.judged, [Judged::During, Judged::After], "a relative limit is not judged in the baseline");
    assert_eq!(
        p95.timeout,
        Span::millis(500),
        "a timeout is never longer than the time between two readings"
    );
    assert_eq!(plan.inventory.services["api"].len(), 1);
}

// E1: JSON is read as well, and means the same.
#[test]
fn json_is_read_as_well() {
    let text = r#"{
	"name": "json", "target": {"lab": {"workers": 2}}, "owner": "me", "seed": 5,
	"steady": {"measures": {"health": {"http": "http://127.0.0.1:{port:api}/health", "expect": "== 200", "abort": ">= 500"}}},
	"duration": "20s",
	"faults": {"stop": {"inject": {"service-stop": {}}, "on": {"service": "worker"}, "at": "5s", "for": "10s"}}
}"#;
    let (plan, _) = planned(text, None);
    assert_eq!((plan.seed, plan.faults[0].windows.clone()), (5, vec![window(5, 15)]));
    assert_eq!(plan.faults[0].on.as_ref().unwrap().chosen, ["worker-1", "worker-2"]);
    assert_eq!(plan.measures[0].abort.as_ref().unwrap().consecutive, 2);
}

const EVERY_KIND: &str = r#"
name: everything
owner: me
target:
  name: shop
  environment: staging
  services:
    app:
      start: { run: [serve, "--name", "{name}", "--port", "{port:app}"], count: 3, env: { TOKEN: "{env:TOKEN}" }, dir: /srv, restart-after: 500ms }
      health: { http: "http://127.0.0.1:{port:app}/health" }
      proxy: { api: "http://127.0.0.1:8474", name: web }
    cache: { find: { port: 6379 }, proxy: { listen: "127.0.0.1:{port:via}", upstream: "127.0.0.1:6379", protocol: redis }, control: { stop: [redis-cli, shutdown], start: [redis-server], scale: [scale, "{count}"] } }
    dns: { find: { elsewhere: {} }, proxy: { upstream: "10.0.0.2:53", protocol: udp } }
    db: { find: { unit: postgresql.service }, health: { tcp: "127.0.0.1:5432" } }
    log: { find: { list: [pgrep, -x, rsyslogd] } }
  queue: { stats: [stats, --json] }
  tasks: { url: "http://127.0.0.1:{port:app}/tasks", headers: { x-n: "1" }, body: '{"n": {n}, "ms": {work}}' }
load: { http: { url: "http://127.0.0.1:{port:app}/", method: PUT, headers: { a: "{env:TOKEN}" }, body: "{n}" }, pattern: { constant: 600/min }, timeout: 2s, max-in-flight: 10, max-total: 100 }
steady:
  every: 1s
  prometheus: "http://127.0.0.1:9090"
  measures:
    status: { http: "http://127.0.0.1:{port:app}/", expect: "== 200", abort: { when: ">= 500", consecutive: 3 } }
    latency: { http: "http://127.0.0.1:{port:app}/", read: latency, expect: "<= baseline * 1.15", allow: 5 % }
    logged-in:
      http:
        url: "https://shop.test/me"
        headers: { authorization: "Bearer {token}" }
        ca: /etc/ca.pem
        login: { url: "https://shop.test/login", body: '{"user": "a", "password": "{env:PASSWORD}"}', token: auth.token }
      read: { json: user.name }
      expect: '== "a"'
    hits: { http: "http://127.0.0.1:{port:app}/", read: { matches: "ok+" }, expect: "> 0" }
    connect: { tcp: "127.0.0.1:6379", expect: "< 50 ms" }
    keys: { command: { run: [redis-cli, dbsize], read: number }, expect: ">= baseline" }
    age: { command: { run: [age], read: { json: oldest }, unit: s }, expect: "< 5 s" }
    exit: { command: { run: ["true"], read: exit }, expect: "== 0" }
    text: { command: { run: [redis-cli, ping], read: text }, expect: "matches ^PONG" }
    processes: { process: { service: app, fact: count }, expect: "== 3", judge: [after] }
    memory: { process: { service: app, fact: memory }, expect: "< 1 GiB" }
    group: { cgroup: { path: /system.slice, fact: cpu }, expect: "< 250 %" }
    errors: { log: { file: /var/log/app.log, pattern: "ERROR|FATAL" }, expect: "between 0 and 3" }
    depth: { queue: depth, expect: "< 10" }
    rate: { load: rate, expect: ">= 9/s" }
    alert: { prometheus: 'ALERTS{alertname="Stuck"}', expect: absent, lag: 15s }
    scraped: { prometheus: { url: "http://other:9090", query: up, unit: percent }, expect: "> 50 %", lag: 15s }
baseline: 10s
duration: 1m
faults:
  kill: { inject: { process-kill: { signal: TERM, scope: tree, expect-restart: 5s } }, on: { service: app, instances: [app-2] } }
  pause: { inject: { process-pause: { by: freezer } }, on: { service: app }, pick: [app-1, app-3], when: { depth: "> 0" } }
  cpu: { inject: { cpu-stress: { percent: 80 %, workers: 2 } }, at: 10s, for: 10s }
  memory: { inject: { memory-pressure: { amount: 30 %, ramp: 5s } } }
  disk: { inject: { disk-fill: { path: /dev/shm, amount: 64 MiB } } }
  inodes: { inject: { inode-exhaustion: { path: /dev/shm, percent: 10 % } } }
  ports: { inject: { port-exhaustion: { first: 20000, last: 20099 } } }
  files: { inject: { fd-exhaustion: {} }, on: { service: db }, pick: 1 }
  pids: { inject: { pid-exhaustion: { spare: 3 } }, on: { service: db } }
  limit: { inject: { cgroup-limit: { cpu: 20 %, memory: 64 MiB, pids: 10 } }, on: { service: db } }
  stop: { inject: { service-stop: {} }, on: { service: cache } }
  kill-all: { inject: { service-kill: }, on: { service: db } }
  restart: { inject: { service-restart: {} }, on: { service: db } }
  scale: { inject: { service-scale: { to: 0, every: 1s } }, on: { service: app } }
  slow: { inject: { tcp: { delay: 10ms, jitter: 5ms, bandwidth: 1 MB, slice: 100 B, pause: 1ms, direction: both } }, on: { service: cache }, percent: 30 % }
  bursts: { inject: { udp: { delay: 10ms, jitter: 20ms, distribution: pareto, in-order: true, loss: 5 %, correlation: 75 %, duplicate: 1 %, reorder: 2 %, corrupt: 0.1 %, bandwidth: 1 MB, limit: 1472 B } }, on: { service: dns }, percent: 30 % }
  busy: { inject: { redis: { commands: [BLMOVE, "CONFIG SET"], keys: "jobs:*", delay: 100ms, jitter: 20ms, error: "MOVED 127.0.0.1:7001", every: 2 } }, on: { service: cache }, percent: 30 % }
  shed: { inject: { http: { paths: [/cart, "/pay/*"], answer: { status: 429, headers: { Retry-After: "2" } }, first: 10 } }, on: { service: app } }
  serial: { inject: { postgres: { kinds: [update], statement: "orders", error: "40001" } }, on: { service: app } }
  stale: { inject: { tls: { certificate: expired, sni: "*.shop.test", authority: { certificate: /etc/ca.pem, key: /etc/ca.key }, upstream: { tls: { name: shop.test, roots: /etc/ca.pem } } } }, on: { service: app } }
  lag: { inject: { websocket: { delay: 1s, direction: downstream } }, on: { service: app } }
  own: { inject: { command: { inject: [a], undo: [b], check: [c], timeout: 3s } } }
"#;

fn both_running() -> Inventory {
    let mut inventory = running("db", 2);
    inventory.services.extend(running("cache", 1).services);
    inventory
}

// F6-F10, F12, F23, E3: every fault and every probe can be written.
#[test]
fn every_fault_and_every_probe_is_read() {
    let draft = draft(EVERY_KIND);
    let (plan, _) =
        draft.plan(both_running(), Some(1)).unwrap_or_else(|mistakes| panic!("{}", shown(&mistakes)));
    let mut kinds: Vec<&str> = plan.faults.iter().map(|fault| fault.fault.kind()).collect();
    kinds.sort_unstable();
    let mut known = Fault::KINDS.to_vec();
    known.sort_unstable();
    assert_eq!(kinds, known);
    for fault in &plan.faults {
        assert_eq!(fault.fault.needs_service(), fault.on.is_some(), "{}", fault.name);
    }
    assert_eq!(plan.fault("kill").unwrap().on.as_ref().unwrap().chosen, ["app-2"]);
    assert_eq!(plan.fault("pause").unwrap().on.as_ref().unwrap().chosen, ["app-1", "app-3"]);
    assert_eq!(plan.fault("pause").unwrap().when.as_ref().unwrap().measure, "depth");
    assert!(
        matches!(plan.fault("memory").unwrap().fault, Fault::MemoryPressure { amount: Amount::Percent(Percent(30.0)), ramp } if ramp == Span::seconds(5))
    );
    let probe = |name: &str| plan.measures.iter().find(|measure| measure.name == name).unwrap();
    assert!(
        matches!(&probe("latency").probe, Probe::Http(http) if http.read == HttpFact::Latency && http.unit == Unit::Seconds)
    );
    assert!(
        matches!(&probe("logged-in").probe, Probe::Http(http) if http.login.as_ref().unwrap().request.method == "POST")
    );
    assert_eq!(probe("logged-in").expect, Some(Expect::Text("a".to_owned())));
    assert!(
        matches!(&probe("age").probe, Probe::Command { read: Output::Json(path), unit: Unit::Seconds, .. } if path == "oldest")
    );
    assert!(
        matches!(&probe("alert").probe, Probe::Prometheus { url, .. } if url.0 == "http://127.0.0.1:9090")
    );
    assert!(
        matches!(&probe("scraped").probe, Probe::Prometheus { url, unit: Unit::Percent, .. } if url.0 == "http://other:9090")
    );
    assert!(
        matches!(&plan.target.services["app"].find, Find::Start(start) if start.count == 3 && start.restart_after == Some(Span::millis(500)))
    );
    let load = plan.load.as_ref().unwrap();
    assert!(matches!(&load.target, LoadTarget::Http(http) if http.method == "PUT"));
    assert_eq!(load.pattern, Pattern::Constant(Rate(10.0)));
    assert_eq!(plan.target.environment, "staging");
}

// The plan goes to disk and comes back: a record is run again from it.
#[test]
fn a_plan_survives_its_way_through_json() {
    let (plan, _) = draft(EVERY_KIND).plan(both_running(), Some(1)).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

// S5, S9: an impossible target is a refusal, not a mistake in the file.
#[test]
fn a_service_without_processes_is_refused_with_its_place() {
    let mistakes = draft(EVERY_KIND).plan(running("cache", 1), Some(1)).unwrap_err();
    assert!(codes(&mistakes).iter().all(|code| *code == Code::NothingFound), "{}", shown(&mistakes));
    assert_eq!(mistakes.exit(), Exit::Refused);
    assert!(shown(&mistakes).contains("no process of `db` was found in the unit postgresql.service"));
    let broken = squall_spec::read("a.yaml", "name: a\n", &no_target).unwrap_err();
    assert_eq!(broken.exit(), Exit::File);
}

#[test]
fn lints_are_remarks_and_not_mistakes() {
    let text = "name: bare\ntarget: { services: { web: { start: { run: [serve] } } } }\nsteady: { measures: { up: { tcp: \"127.0.0.1:80\" }, m: { prometheus: up } }, prometheus: \"http://p:9090\" }\nduration: 5s\nfaults: { kill: { inject: { process-kill: {} }, on: { service: web }, chance: 0.000001 % } }\n";
    let (plan, lints) = planned(text, Some(1));
    assert!(plan.faults[0].windows.is_empty());
    let mut found: Vec<&str> = codes(&lints.0).into_iter().map(Code::name).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, ["no-abort", "no-lag", "no-owner", "no-restart", "no-window", "unjudged"]);
    assert!(
        lints.render(Theme::PLAIN).contains("  ! nobody is named who answers for it"),
        "{}",
        lints.render(Theme::PLAIN)
    );
    let (_, lints) = planned(
        "name: a\nowner: me\ntarget: lab\nsteady: { measures: { depth: { queue: depth, expect: \"< 5\" } } }\nduration: 5s\n",
        None,
    );
    assert_eq!(codes(&lints.0), [Code::NoFaults]);
    let (_, lints) = planned(
        "name: a\nowner: me\ntarget: lab\nsteady: { every: 10s, measures: { depth: { queue: depth, expect: \"< 5\" }, after: { queue: depth, expect: \"< 5\", judge: [after] } } }\nduration: 5s\n",
        None,
    );
    assert_eq!(codes(&lints.0), [Code::NoFaults, Code::NoReadings]);
}

// E6: what `check` shows is what `run` does.
#[test]
fn without_a_seed_the_text_of_the_file_decides() {
    let (first, _) = planned(EXAMPLE, None);
    let (again, _) = planned(EXAMPLE, None);
    assert_eq!(first, again);
    let (other, _) = planned(&EXAMPLE.replace("duration: 14s", "duration: 15s"), None);
    assert_ne!((first.seed, first.digest), (other.seed, other.digest));
}

#[test]
fn the_defaults_fit_together() {
    let (plan, _) = planned(
        "name: a\ntarget: lab\nsteady: { every: 6s, measures: { depth: { queue: depth, expect: \"< 5\" } } }\nduration: 5s\nrecovery: { within: 2s }\n",
        None,
    );
    assert_eq!(plan.baseline, Span::seconds(18), "three readings");
    assert_eq!(plan.recovery.steady_for, Span::seconds(2), "no longer than the whole time");
    assert_eq!(plan.measures[0].timeout, Span::seconds(5));
}

#[test]
fn a_hundred_probes_are_read_quickly() {
    let measure = |number: u32| {
        format!(
            "    m{number}: {{ http: \"http://127.0.0.1:{{port:api}}/health?{number}\", read: latency, expect: \"<= baseline * 1.15 + 5 ms\", abort: \"> 2 s\" }}\n"
        )
    };
    let measures: String = (0..100).map(measure).collect();
    let text = format!("name: many\nowner: me\ntarget: lab\nduration: 60s\nsteady:\n  measures:\n{measures}");
    let begun = std::time::SystemTime::now();
    let (plan, _) = planned(&text, None);
    assert_eq!(plan.measures.len(), 100);
    let took = begun.elapsed().unwrap();
    assert!(took.as_millis() < 2_000, "{took:?}");
}

fn experiment(workers: u32, at: u64, length: u64, duration: u64, on: u64, off: u64, pick: &str) -> String {
    format!(
        "name: drawn\ntarget: {{ lab: {{ workers: {workers} }} }}\nsteady: {{ measures: {{ depth: {{ queue: depth, expect: \"< 5\" }} }} }}\nduration: {duration}ms\nfaults:\n  kill:\n    inject: {{ process-kill: {{}} }}\n    on: {{ service: worker }}\n    pick: {pick}\n    at: {at}ms\n    for: {length}ms\n    burst: {{ on: {on}ms, off: {off}ms }}\n    chance: 50 %\n"
    )
}

proptest! {
    // S3, S5, E6
    #[test]
    fn windows_lie_inside_of_the_duration_and_the_draw_inside_of_the_eligible(
        workers in 1_u32..40,
        at in 0_u64..5_000,
        length in 1_u64..10_000,
        rest in 0_u64..5_000,
        on in 1_u64..10_000,
        off in 1_u64..3_000,
        share in 1_u32..=100,
        seed in any::<u64>(),
    ) {
        let on = on.min(length);
        prop_assume!(length / (on + off) < 10_000);
        let text = experiment(workers, at, length, at + length + rest, on, off, &format!("{share} %"));
        let draft = squall_spec::read("drawn.yaml", &text, &no_target).map_err(|mistakes| TestCaseError::fail(shown(&mistakes)))?;
        let (plan, _) = draft.plan(Inventory::default(), Some(seed)).map_err(|mistakes| TestCaseError::fail(shown(&mistakes)))?;
        let fault = &plan.faults[0];
        for window in &fault.windows {
            prop_assert!(window.from < window.until && window.until <= plan.duration);
            prop_assert!(window.from >= Span::millis(at) && window.until <= Span::millis(at + length));
            prop_assert!(window.until.saturating_sub(window.from.0) <= Span::millis(on).0);
        }
        for pair in fault.windows.windows(2) {
            prop_assert!(pair[0].until < pair[1].from);
        }
        let chosen = &fault.on.as_ref().unwrap().chosen;
        let eligible = &fault.on.as_ref().unwrap().eligible;
        prop_assert_eq!(eligible.len(), workers as usize);
        prop_assert_eq!(chosen.len(), (workers * share).div_ceil(100) as usize);
        prop_assert!(chosen.iter().all(|name| eligible.contains(name)));
        let mut once = chosen.clone();
        once.dedup();
        prop_assert_eq!(&once, chosen);
        let (again, _) = draft.plan(Inventory::default(), Some(seed)).unwrap();
        prop_assert_eq!(again, plan);
    }
}

#[test]
fn another_seed_draws_others_and_another_fault_changes_no_draw() {
    let text = experiment(10, 0, 10_000, 10_000, 100, 100, "3");
    let read = draft(&text);
    let drawn = |draft: &Draft, seed| {
        let (plan, _) = draft.plan(Inventory::default(), Some(seed)).unwrap();
        (plan.faults[0].on.clone().unwrap().chosen, plan.faults[0].windows.clone())
    };
    let different = (1..50).filter(|seed| drawn(&read, *seed) != drawn(&read, 0)).count();
    assert!(different > 40, "{different} of 49 seeds gave another draw");
    let more = text.replace(
        "faults:\n",
        "faults:\n  aaa: { inject: { process-pause: {} }, on: { service: worker }, pick: 5 }\n",
    );
    let (plan, _) = draft(&more).plan(Inventory::default(), Some(3)).unwrap();
    assert_eq!((plan.faults[1].on.clone().unwrap().chosen, plan.faults[1].windows.clone()), drawn(&read, 3));
}

// F20: what a proxy needs to know is taken from its service.
#[test]
fn a_proxy_finds_its_port_and_its_upstream_by_itself() {
    let proxied = |service: &str| {
        let text = format!(
            "name: proxied\ntarget:\n  name: shop\n  services:\n    shop: {{ {service} }}\n\
             steady:\n  measures:\n    up: {{ tcp: '127.0.0.1:{{port:shop-proxy}}', expect: '< 1 s' }}\n\
             duration: 1s\nfaults:\n  slow: {{ inject: {{ tcp: {{ delay: 10ms }} }}, on: {{ service: shop }} }}\n"
        );
        let draft = draft(&text);
        let (plan, _) =
            draft.plan(running("shop", 1), None).unwrap_or_else(|mistakes| panic!("{}", shown(&mistakes)));
        let Find::Start(start) = &plan.target.services["shop-proxy"].find else { panic!("{plan:?}") };
        let words: Vec<&str> = start.run.iter().map(|word| word.0.as_str()).collect();
        let via = plan.target.services["shop"].proxy.clone().unwrap();
        (words[6..].join(" "), via.redirect.map(|table| table.0))
    };
    let from = "--from 127.0.0.1:{port:shop-proxy} --to";
    for (service, expected) in [
        ("find: { port: 6379 }, proxy: {}", "localhost:6379"),
        ("start: { run: [serve, '{port:other}', '{port:shop}'] }, proxy: {}", "localhost:{port:shop}"),
        ("start: { run: [serve], env: { PORT: '{own-port}' } }, proxy: {}", "localhost:{port:shop-1}"),
        ("find: { name: serve }, proxy: { upstream: 'unix:/run/shop' }", "unix:/run/shop"),
    ] {
        assert_eq!(proxied(service), (format!("{from} {expected}"), None), "{service}");
    }
    assert_eq!(
        proxied("find: { port: 6379 }, proxy: { transparent: true, protocol: http }"),
        (
            format!("{from} localhost:6379 --protocol http --transparent"),
            Some("squall-{port:shop-proxy}".to_owned())
        )
    );
}
