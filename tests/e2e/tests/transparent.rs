//! Faults on traffic whose clients know nothing of a proxy (F16, F20, S1, S2), each in a network of its own.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::process::{Command, Stdio};
use std::time::Duration;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::network::Network;
use squall_e2e::peer::running::last_record;
use squall_e2e::wait;
use squall_engine::journal::Journal;
use squall_host::mark;
use squall_host::signal::Signal;
use squall_model::event::EventKind;
use squall_model::measure::Outcome;

/// Generous: a busy machine is slow, and only what comes at all is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Redis at its usual port of both loopback addresses, in a network where it has that port for itself.
struct Stage {
    squall: Squall,
    net: Network,
}

impl Stage {
    fn new() -> Self {
        let (squall, mut net) = (Squall::new(), Network::new());
        let mut redis = net.command("redis-server");
        redis.args([
            "--port",
            "6379",
            "--bind",
            "127.0.0.1",
            "::1",
            "--appendonly",
            "no",
            "--save",
            "",
            "--dir",
        ]);
        net.serve(redis.arg(squall.dir()), "Ready to accept connections");
        Self { squall, net }
    }

    /// What a client is told that knows the usual port and nothing else.
    fn ping(&self, host: &str) -> String {
        let said = self.net.command("redis-cli").args(["-h", host, "ping"]).output().unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// The tables of nftables.
    #[track_caller]
    fn tables(&self) -> String {
        let listed = self.net.command("nft").args(["list", "tables"]).output().unwrap();
        assert!(listed.status.success(), "{}", said(&listed));
        String::from_utf8_lossy(&listed.stdout).trim().to_owned()
    }

    fn experiment(&self, length: &str) -> Command {
        let text = format!(
            "name: transparent\n\
             target:\n  name: queue\n  services:\n    cache:\n      find: {{ port: 6379 }}\n      \
             proxy: {{ transparent: true, protocol: redis }}\n\
             steady:\n  every: 300ms\n  measures:\n    \
             four: {{ command: {{ run: [redis-cli, -h, 127.0.0.1, ping], read: text }}, expect: 'matches ^PONG' }}\n    \
             six: {{ command: {{ run: [redis-cli, -h, '::1', ping], read: text }}, expect: 'matches ^PONG' }}\n\
             baseline: 900ms\nduration: {length}\n\
             faults:\n  loading: {{ inject: {{ redis: {{ commands: [PING], error: LOADING }} }}, on: {{ service: cache }} }}\n\
             recovery: {{ within: 20s, steady-for: 300ms }}\n"
        );
        let file = self.squall.file("transparent.yaml", &text);
        self.net.enter(&self.squall.command(["run", file.to_str().unwrap()]))
    }

    /// The whole of it as it was before: no table, no process, and who asks reaches the server itself.
    #[track_caller]
    fn is_as_before(&self) {
        assert_eq!(self.tables(), "");
        for host in ["127.0.0.1", "::1"] {
            assert_eq!(self.ping(host), "PONG", "{host}");
        }
        for run in self.squall.runs() {
            assert_eq!(left::of_run(&run), Vec::<String>::new());
        }
    }
}

// F16, F20: no client is told of the proxy, and each is hit, on both families.
#[test]
fn clients_that_know_only_the_service_see_the_fault_and_go_directly_afterwards() {
    let stage = Stage::new();
    let output = stage.experiment("3s").output().unwrap();
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    let record = last_record(&stage.squall);
    let begin =
        record.events.iter().find(|event| matches!(event.kind, EventKind::FaultInjected { .. })).unwrap().at;
    let end =
        record.events.iter().find(|event| matches!(event.kind, EventKind::FaultUndone { .. })).unwrap().at;
    for measure in ["four", "six"] {
        let answers: Vec<_> = record
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Read(reading) if reading.measure == measure => {
                    Some((reading.asked, event.at, &reading.outcome))
                }
                _ => None,
            })
            .collect();
        let said = |wanted: &str, outcome: &Outcome| matches!(outcome, Outcome::Text(text) if text.starts_with(wanted));
        let during: Vec<_> =
            answers.iter().filter(|(asked, told, _)| *asked >= begin && *told <= end).collect();
        assert!(!during.is_empty(), "{measure}: nothing was asked while the fault was on");
        assert!(during.iter().all(|(_, _, outcome)| said("LOADING", outcome)), "{measure}: {during:?}");
        let before: Vec<_> =
            answers.iter().filter(|(asked, told, _)| asked < told && *told < begin).collect();
        assert!(!before.is_empty(), "{measure}: no baseline");
    }
    let run = stage.squall.runs().pop().unwrap();
    let journal = std::fs::read_to_string(run.journal()).unwrap();
    assert!(journal.contains("is gone: connections go directly"), "{journal}");
    stage.is_as_before();
}

// A dead proxy harms nobody: its table goes with it.
#[test]
fn when_the_proxy_is_killed_connections_go_directly() {
    let stage = Stage::new();
    let mut child = stage.experiment("60s").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait::until("the fault is on", PATIENCE, || stage.ping("::1").starts_with("LOADING").then_some(()));
    assert!(stage.tables().contains("squall-"), "{}", stage.tables());
    let run = stage.squall.runs().pop().unwrap();
    let marked = format!("{}/cache-proxy", run.id());
    let all = mark::all().unwrap();
    let proxy = all
        .iter()
        .filter(|(_, mark)| *mark == marked)
        .map(|(process, _)| *process)
        .min_by_key(|one| one.started);
    proxy.unwrap().signal(Signal::Kill).unwrap();
    for host in ["127.0.0.1", "::1"] {
        wait::until("clients reach Redis again", PATIENCE, || (stage.ping(host) == "PONG").then_some(()));
    }
    wait::until("the table is gone", PATIENCE, || stage.tables().is_empty().then_some(()));
    let halted = stage.squall.run(["halt"]);
    assert!(halted.status.success(), "{}", said(&halted));
    child.wait().unwrap();
    stage.is_as_before();
}

// S1: what is left to the warden is only to see that the kernel has done it.
#[test]
fn when_the_run_is_killed_the_table_is_gone_and_nothing_is_left() {
    let stage = Stage::new();
    let mut run = stage.experiment("60s");
    run.env("SQUALL_TEST_KILL", "run@after-effect:loading").stdout(Stdio::null()).stderr(Stdio::null());
    let status = run.status().unwrap();
    assert_eq!(status.code(), None, "it was killed");
    let run = stage.squall.runs().pop().unwrap();
    wait::until("the warden has paid", PATIENCE, || {
        Journal::peek(&run.journal()).unwrap().is_closed().then_some(())
    });
    stage.is_as_before();
}

// S4: who may not do it is told before anything happens.
#[test]
fn without_the_right_to_do_it_check_says_so() {
    let stage = Stage::new();
    stage.experiment("3s");
    let check = stage.squall.command(["check", "transparent.yaml"]);
    let mut command = stage.net.command("setpriv");
    command.args(["--bounding-set=-net_admin", "--"]).arg(check.get_program()).args(check.get_args());
    command.envs(check.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(stage.squall.dir()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("CAP_NET_ADMIN"), "{}", said(&output));
    stage.is_as_before();
}
