//! Faults on traffic, through a proxy that the run starts or that is there already (F16, F18, F20, S1-S3), with a real
//! Redis behind it, or a real DNS server.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::proxied::Standing;
use squall_e2e::peer::redis::Redis;
use squall_e2e::peer::running::last_record;
use squall_e2e::wait;
use squall_engine::home::RunDir;
use squall_engine::proxy_api::Sight;
use squall_model::event::EventKind;
use squall_model::measure::Outcome;

/// An experiment on Redis, whose client reaches it through a proxy on this port. A reading has as long as there is between
/// two of them, which must do for a program to be started on a busy machine.
fn experiment(redis: &Redis, proxy: &str, through: &str, expect: &str, fault: &str, length: &str) -> String {
    let port = redis.port();
    format!(
        "name: slow-redis\n\
         target:\n  name: queue\n  services:\n    cache:\n      find: {{ port: {port} }}\n      proxy: {{ {proxy} }}\n\
         steady:\n  every: 800ms\n  measures:\n    ping:\n      command: {{ run: [sh, -c, 'b=$(date +%s%N); redis-cli -p {through} ping; e=$(date +%s%N); echo $(( (e - b) / 1000000 ))'], read: text }}\n      expect: '{expect}'\n\
         baseline: 2400ms\nduration: {length}\n\
         faults:\n  slow: {{ inject: {{ {fault} }}, on: {{ service: cache }} }}\n\
         recovery: {{ within: 8s, steady-for: 800ms }}\n"
    )
}

/// A proxy that the run starts: its port is chosen, and that of Redis is known.
const OWN_PROXY: &str = "protocol: redis";
const OWN_PORT: &str = "{port:cache-proxy}";

/// What `ping` answered while the fault was on: the answer's first line, and its time in milliseconds.
fn pings(squall: &Squall) -> Vec<(String, u64)> {
    let record = last_record(squall);
    let at = |is: fn(&EventKind) -> bool| record.events.iter().position(|event| is(&event.kind)).unwrap();
    let from = at(|kind| matches!(kind, EventKind::FaultInjected { .. }));
    let until = at(|kind| matches!(kind, EventKind::FaultUndone { .. }));
    let begin = record.events[from].at;
    let texts = record.events[from..until].iter().filter_map(|event| match &event.kind {
        EventKind::Read(reading) if reading.asked >= begin => Some(reading.outcome.clone()),
        _ => None,
    });
    texts
        .filter_map(|outcome| match outcome {
            Outcome::Text(text) => {
                let (word, millis) = text.rsplit_once('\n')?;
                Some((word.to_owned(), millis.trim().parse().ok()?))
            }
            _ => None,
        })
        .collect()
}

#[track_caller]
fn leaves_nothing(squall: &Squall) {
    for run in squall.runs() {
        assert_eq!(left::of_run(&run), Vec::<String>::new());
    }
}

// F16, F20: the fault is on for what the clients see, gone afterwards, and the proxy with it.
#[test]
fn a_slow_command_of_redis_is_slow_for_its_clients_and_quick_again_afterwards() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let text = experiment(
        &redis,
        OWN_PROXY,
        OWN_PORT,
        "matches ^PONG",
        "redis: { commands: [PING], delay: 300ms }",
        "4s",
    );
    let output = squall.run(["run", squall.file("slow.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let pings = pings(&squall);
    assert!(
        pings.len() >= 2 && pings.iter().all(|(word, millis)| word == "PONG" && *millis >= 300),
        "{pings:?}"
    );
    leaves_nothing(&squall);
}

#[test]
fn an_error_of_redis_is_answered_and_the_verdict_says_so() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let text = experiment(
        &redis,
        OWN_PROXY,
        OWN_PORT,
        "matches ^PONG",
        "redis: { commands: [PING], error: LOADING }",
        "2s",
    );
    let output = squall.run(["run", squall.file("loading.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let pings = pings(&squall);
    assert!(pings.iter().all(|(word, _)| word.starts_with("LOADING")), "{pings:?}");
    assert!(said(&output).contains("ping"), "{}", said(&output));
    leaves_nothing(&squall);
}

// A fault without an effect is an error: nobody asks for what would be hit.
#[test]
fn a_fault_that_hits_nothing_is_an_error() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let text = experiment(
        &redis,
        OWN_PROXY,
        OWN_PORT,
        "matches ^PONG",
        "redis: { commands: [BLMOVE], delay: 300ms }",
        "2s",
    );
    let output = squall.run(["run", squall.file("nothing.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("nothing passed through the proxy that it could hit"),
        "{}",
        said(&output)
    );
    leaves_nothing(&squall);
}

/// The name of the toxic that a run's journal speaks of.
fn toxic(run: &RunDir) -> String {
    let journal = std::fs::read_to_string(run.journal()).unwrap();
    let (_, rest) = journal.split_once(r#""toxic":""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

// S3: where nobody is left to undo, the proxy itself ends the toxic at its deadline.
#[test]
fn a_toxic_ends_at_its_deadline_when_run_and_warden_are_killed() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let standing = Standing::start(&squall, &[("cache", "redis", redis.port())]);
    let cache = standing.api("cache");
    let text = experiment(
        &redis,
        &format!("api: '{}'", cache.api),
        &standing.port("cache").to_string(),
        "matches ^PONG",
        "redis: { commands: [PING], delay: 100ms }",
        "3s",
    );
    let file = squall.file("killed.yaml", &text);
    let mut command = squall.command(["run", file.to_str().unwrap()]);
    let mut child = command.env("SQUALL_TEST_KILL", "both@after-effect:slow").spawn().unwrap();
    child.wait().unwrap();
    let run = squall.runs().pop().unwrap();
    let name = toxic(&run);
    wait::until("the proxy ends it", Duration::from_secs(10), || {
        (cache.see(&name).unwrap() == Sight::Gone).then_some(())
    });
    let output = squall.run(["recover"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    leaves_nothing(&squall);
}

/// An experiment on a name server that the run starts, asked through a proxy of datagrams.
fn lookups(fault: &str) -> String {
    let ask = "b=$(date +%s%N); dig +short +tries=1 +timeout=1 @127.0.0.1 -p {port:via} shop.test; e=$(date +%s%N); \
               echo $(( (e - b) / 1000000 ))";
    let serve = "/usr/sbin/dnsmasq, --keep-in-foreground, --conf-file=/dev/null, --no-resolv, --no-hosts, --pid-file=, \
                 --user=root, --bind-interfaces, --listen-address=127.0.0.1, '--port={port:dns}', --address=/shop.test/10.0.0.7";
    format!(
        "name: slow-names\n\
         target:\n  name: names\n  services:\n    dns:\n      start: {{ run: [{serve}] }}\n      \
         health: {{ tcp: '127.0.0.1:{{port:dns}}' }}\n      \
         proxy: {{ listen: '127.0.0.1:{{port:via}}', upstream: '127.0.0.1:{{port:dns}}', protocol: udp }}\n\
         steady:\n  every: 1500ms\n  measures:\n    lookup:\n      command: {{ run: [sh, -c, '{ask}'], read: text }}\n      \
         expect: matches ^10.0.0.7\n\
         baseline: 4500ms\nduration: 7s\n\
         faults:\n  slow: {{ inject: {{ udp: {{ {fault} }} }}, on: {{ service: dns }} }}\n\
         recovery: {{ within: 10s, steady-for: 1500ms }}\n"
    )
}

// F20: datagrams, with a delay that is never shorter than what it says, both ways.
#[test]
fn answers_of_a_name_server_are_late_for_its_clients_and_in_time_again_afterwards() {
    let squall = Squall::new();
    let text = lookups("delay: 100ms, jitter: 10ms, distribution: pareto, direction: both");
    let output = squall.run(["run", squall.file("dns.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let answers = pings(&squall);
    assert!(
        answers.len() >= 2 && answers.iter().all(|(word, millis)| word == "10.0.0.7" && *millis >= 200),
        "{answers:?}"
    );
    leaves_nothing(&squall);
}

#[test]
fn a_name_server_whose_answers_are_lost_is_missed_and_heard_again_afterwards() {
    let squall = Squall::new();
    let output = squall.run(["run", squall.file("dns.yaml", &lookups("loss: 100 %")).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let answers = pings(&squall);
    assert!(answers.iter().all(|(word, _)| !word.contains("10.0.0.7")), "{answers:?}");
    assert!(said(&output).contains("lookup"), "{}", said(&output));
    leaves_nothing(&squall);
}

// The target says what the proxy carries: a fault on datagrams finds none in a stream.
#[test]
fn a_fault_on_datagrams_is_refused_for_a_proxy_of_connections() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let text = experiment(&redis, OWN_PROXY, OWN_PORT, "matches ^PONG", "udp: { loss: 10 % }", "2s");
    let output = squall.run(["run", squall.file("udp.yaml", &text).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("`proxy: { protocol: udp }`"), "{}", said(&output));
    assert!(squall.runs().is_empty(), "nothing was begun");
}

// What the proxy would not take is known before anything is touched.
#[test]
fn a_fault_that_the_proxy_would_refuse_is_a_mistake_of_the_file() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    for (fault, words) in [
        ("redis: { error: MOVED nowhere }", "the fault `slow`: error.moved.to: `nowhere` is no address"),
        ("http: { paths: ['/['], status: 500 }", "the fault `slow`: path: `/[` has a `[` without `]`"),
    ] {
        let text = experiment(&redis, "", OWN_PORT, "matches ^PONG", fault, "2s");
        let file = squall.file("refused.yaml", &text);
        for command in ["check", "run"] {
            let output = squall.run([command, file.to_str().unwrap()]);
            assert_eq!(output.status.code(), Some(3), "{command}: {}", said(&output));
            assert!(said(&output).contains(words), "{command}: {}", said(&output));
        }
    }
    assert!(squall.runs().is_empty(), "nothing was begun");
}

#[test]
fn a_proxy_that_reads_websocket_starts_and_one_that_ends_says_why() {
    let squall = Squall::new();
    let redis = Redis::start(squall.dir());
    let through = |proxy: &str, port: &str| {
        let text = experiment(&redis, proxy, port, "matches .", "tcp: { delay: 1ms }", "2s");
        squall.run(["run", squall.file("through.yaml", &text).to_str().unwrap()])
    };
    let output = through("protocol: websocket", OWN_PORT);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // An address that no machine has (RFC 5737).
    let output = through("listen: '192.0.2.1:7'", "7");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let words = "cache-proxy has ended before it was well: exit code 4: error: could not make a proxy: listen 192.0.2.1:7";
    assert!(said(&output).contains(words), "{}", said(&output));
    leaves_nothing(&squall);
}
