//! Commands and statements that were hit beside those that were spared: what is counted of each (E4).

use squall_proxy::groups::{Counts, Side};
use squall_proxy::layer::Way;
use squall_proxy::rulebook::Rulebook;
use squall_proxy::{postgres, redis};

use crate::postgres::{bind, error, execute, message, parse, query, ready, startup, token};
use crate::redis::command;
use crate::wire::{Wire, book};

/// How many, how many of them failed, and how many took so many milliseconds.
pub(crate) type Counted = (u64, u64, Vec<(u64, u64)>);

/// Of those that were hit, and of those that were spared.
pub(crate) fn counted<R>(rules: &Rulebook<R>) -> [Counted; 2] {
    [Side::Hit, Side::Spared].map(|side| {
        let Counts { finished, failed, latency } = rules.groups().counts(side);
        (finished, failed, latency.into_iter().map(|(most, count)| (most / 1_000, count)).collect())
    })
}

pub(crate) fn redis(rules: &[&str]) -> (Rulebook<redis::Rule>, Wire) {
    let rules = book(rules);
    (rules.clone(), Wire::new(redis::session(rules, None)))
}

#[test]
fn a_command_is_hit_spared_or_of_another_kind_and_its_reply_counts() {
    let (rules, mut wire) = redis(&[r#"{"command": "get", "every": 2, "delay": 40}"#]);
    for reply in ["$1\r\nA\r\n", "-ERR no\r\n", "-LOADING\r\n", "$-1\r\n"] {
        wire.client(&command(&["GET", "a"]));
        wire.wait(40);
        wire.server(reply);
        wire.client(&command(&["SET", "a", "1"]));
        wire.server("-OOM\r\n");
    }
    // The two without a delay waited those 40 ms as well: for the server.
    assert_eq!(counted(&rules), [(2, 1, vec![(40, 2)]), (2, 1, vec![(40, 2)])]);
}

#[test]
fn replies_of_a_pipeline_are_told_apart() {
    let (rules, mut wire) = redis(&[r#"{"command": "get", "every": 2, "error": "loading"}"#]);
    let (get, set) = (command(&["GET", "a"]), command(&["SET", "a", "1"]));
    wire.client(&[&set[..], &get, &set, &get, &get, &set].concat());
    wire.wait(5);
    wire.server("-ERR\r\n$1\r\nA\r\n");
    assert_eq!(counted(&rules), [(0, 0, vec![]), (1, 0, vec![(5, 1)])]);
    wire.wait(2);
    wire.server("+OK\r\n-ERR\r\n-ERR\r\n");
    assert_eq!(counted(&rules), [(1, 1, vec![(7, 1)]), (2, 1, vec![(5, 1), (7, 1)])]);
}

#[test]
fn what_gets_no_reply_has_failed_and_what_expects_none_is_not_counted() {
    for rule in [r#"{"command": "get", "drop": "hang"}"#, r#"{"command": "get", "drop": "close"}"#] {
        let (rules, mut wire) = redis(&[rule]);
        wire.client(&command(&["GET", "a"]));
        assert_eq!(counted(&rules)[0], (1, 1, vec![]), "{rule}");
    }
    let (rules, mut wire) = redis(&[r#"{"command": "get", "cut": {"after": 1}}"#]);
    wire.client(&command(&["GET", "a"]));
    wire.server("$1\r\nA\r\n");
    drop(wire);
    assert_eq!(counted(&rules)[0], (1, 1, vec![]));
    let (rules, mut wire) = redis(&[r#"{"command": "get", "delay": 1, "every": 9}"#]);
    wire.client(&[command(&["CLIENT", "REPLY", "OFF"]), command(&["GET", "a"])].concat());
    drop(wire);
    assert_eq!(counted(&rules), [(0, 0, vec![]), (0, 0, vec![])]);
}

pub(crate) fn begun(rules: &[&str]) -> (Rulebook<postgres::Rule>, Wire) {
    let rules = book(rules);
    let mut wire = Wire::new(postgres::session(rules.clone(), None));
    wire.put(Way::Upstream, &startup());
    wire.put(Way::Downstream, &[message(b'R', &[0, 0, 0, 0]), ready(b'I')].concat());
    (rules, wire)
}

#[test]
fn a_statement_ends_when_the_server_is_ready_again() {
    let (rules, mut wire) = begun(&[r#"{"kind": "select", "every": 2, "delay": 30}"#]);
    let done = [message(b'C', b"SELECT 1\0"), ready(b'I')].concat();
    let failed = [error("42P01", "no such table"), ready(b'I')].concat();
    for answer in [&done, &failed, &failed, &done] {
        wire.put(Way::Upstream, &query("select 1"));
        wire.wait(30);
        wire.put(Way::Downstream, answer);
        wire.put(Way::Upstream, &query("update a set b = 1"));
        wire.put(Way::Downstream, &failed);
    }
    assert_eq!(counted(&rules), [(2, 1, vec![(30, 2)]), (2, 1, vec![(30, 2)])]);
}

#[test]
fn statements_before_one_sync_end_together_and_an_own_error_is_one() {
    let (rules, mut wire) = begun(&[r#"{"kind": "select", "delay": 1, "every": 9}"#]);
    let bound = [parse("s", "select 1"), bind("p", "s")].concat();
    let (sync, complete) = (message(b'S', b""), message(b'C', b"SELECT 1\0"));
    wire.put(Way::Upstream, &[bound, execute("p"), execute("p"), sync].concat());
    wire.wait(3);
    wire.put(Way::Downstream, &[complete.clone(), complete].concat());
    assert_eq!(counted(&rules)[1].0, 0);
    wire.put(Way::Downstream, &ready(b'I'));
    assert_eq!(counted(&rules)[1], (2, 0, vec![(3, 2)]));

    let (rules, mut wire) = begun(&[r#"{"kind": "select", "error": {"sqlstate": "40001"}}"#]);
    wire.put(Way::Upstream, &query("select 1"));
    let unknown = token(&wire.up);
    wire.put(Way::Downstream, &[error("42703", &unknown), ready(b'I')].concat());
    assert_eq!(counted(&rules)[0], (1, 1, vec![(0, 1)]));
    wire.put(Way::Upstream, &query("select 1"));
    drop(wire);
    assert_eq!(counted(&rules)[0], (2, 2, vec![(0, 1)]));
}
