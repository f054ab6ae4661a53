//! What is counted of commands and statements that are hard to follow: transactions, subscriptions, silence, and
//! connections that stop to make sense (E4).

use squall_proxy::groups::Side;
use squall_proxy::layer::Way;
use squall_proxy::rulebook::Rulebook;

use crate::groups::{Counted, begun, counted, redis};
use crate::postgres::{bind, error, execute, message, parse, query, ready};
use crate::redis::command;
use crate::wire::Wire;

const NONE: Counted = (0, 0, Vec::new());

/// Rules that are about these commands and spare them.
fn sparing(commands: &str) -> (Rulebook<squall_proxy::redis::Rule>, Wire) {
    redis(&[&format!(r#"{{"command": {commands}, "delay": 1, "every": 99999}}"#)])
}

fn spared<R>(rules: &Rulebook<R>) -> (u64, u64) {
    let counts = rules.groups().counts(Side::Spared);
    (counts.finished, counts.failed)
}

#[test]
fn a_command_that_is_refused_within_a_transaction_is_counted_with_its_own_reply() {
    let (rules, mut wire) = redis(&[r#"{"command": "get", "error": "loading"}"#]);
    wire.client(&[command(&["MULTI"]), command(&["GET", "a"]), command(&["EXEC"])].concat());
    wire.server("+OK\r\n");
    assert_eq!(counted(&rules)[0], NONE);
    wire.wait(3);
    wire.server("-ERR wrong number of arguments for 'echo' command\r\n");
    assert_eq!(counted(&rules)[0], (1, 1, vec![(3, 1)]));
    wire.server("-EXECABORT gone\r\n");
    assert_eq!(counted(&rules)[0].0, 1);
}

#[test]
fn commands_that_are_queued_have_their_answer_and_exec_has_another() {
    let (rules, mut wire) = sparing(r#"["get", "exec"]"#);
    wire.client(&[command(&["MULTI"]), command(&["GET", "a"]), command(&["EXEC"])].concat());
    wire.server("+OK\r\n+QUEUED\r\n");
    assert_eq!(spared(&rules), (1, 0));
    wire.server("*1\r\n-ERR no\r\n");
    assert_eq!(spared(&rules), (2, 0), "an error within a list is no failure of EXEC");
}

#[test]
fn a_subscription_has_its_reply_with_the_last_of_its_lines_and_messages_are_none() {
    let (rules, mut wire) = sparing(r#"["subscribe", "unsubscribe", "ping"]"#);
    let line = |what: &str, channel: &str, count: u32| {
        format!("*3\r\n${}\r\n{what}\r\n$1\r\n{channel}\r\n:{count}\r\n", what.len())
    };
    wire.client(&command(&["SUBSCRIBE", "a", "b"]));
    wire.server(&line("subscribe", "a", 1));
    assert_eq!(spared(&rules), (0, 0));
    wire.wait(2);
    wire.server(&line("subscribe", "b", 2));
    assert_eq!(counted(&rules)[1], (1, 0, vec![(2, 1)]));
    wire.client(&command(&["PING"]));
    wire.server("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
    assert_eq!(spared(&rules), (1, 0), "a message answers nobody");
    wire.server("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    assert_eq!(spared(&rules), (2, 0));
    wire.client(&command(&["UNSUBSCRIBE"]));
    wire.server(&line("unsubscribe", "a", 1));
    assert_eq!(spared(&rules), (2, 0));
    wire.server(&line("unsubscribe", "b", 0));
    assert_eq!(spared(&rules), (3, 0));
}

#[test]
fn a_command_that_blocks_takes_as_long_as_it_takes() {
    let (rules, mut wire) = sparing(r#"["blpop", "get"]"#);
    wire.client(&[command(&["BLPOP", "jobs", "0"]), command(&["GET", "a"])].concat());
    wire.wait(2000);
    wire.server("*2\r\n$4\r\njobs\r\n$1\r\n1\r\n");
    wire.wait(1);
    wire.server("$-1\r\n");
    let [_, (finished, failed, latency)] = counted(&rules);
    assert_eq!((finished, failed, latency.iter().map(|(_, count)| count).sum::<u64>()), (2, 0, 2));
    // Rows are as wide as 1/32 of their value.
    assert!(latency.iter().all(|(millis, _)| (2000..2070).contains(millis)), "{latency:?}");
}

// RESP3: an error may be a bulk string.
#[test]
fn both_kinds_of_errors_are_failures() {
    let (rules, mut wire) = sparing(r#""get""#);
    for (reply, counts) in [("!5\r\nERR x\r\n", (1, 1)), ("-ERR x\r\n", (2, 2)), ("_\r\n", (3, 2))] {
        wire.client(&command(&["GET", "a"]));
        wire.server(reply);
        assert_eq!(spared(&rules), counts, "{reply:?}");
    }
}

#[test]
fn replies_that_are_off_or_skipped_are_waited_for_by_nobody() {
    let (rules, mut wire) = sparing(r#""get""#);
    let client = |words: &[&str]| command(&[&["CLIENT", "REPLY"], words].concat());
    let get = command(&["GET", "a"]);
    wire.client(&[&client(&["SKIP"])[..], &get, &get].concat());
    wire.server("$1\r\nA\r\n");
    assert_eq!(spared(&rules), (1, 0));
    wire.client(&[&client(&["OFF"])[..], &get, &get, &client(&["ON"]), &get].concat());
    wire.server("+OK\r\n-ERR no\r\n");
    drop(wire);
    assert_eq!(spared(&rules), (2, 1));
}

#[test]
fn what_a_server_says_unasked_is_nobodys_reply() {
    let (rules, mut wire) = sparing(r#""get""#);
    wire.server("-DENIED not you\r\n");
    wire.client(&[command(&["SET", "a", "1"]), command(&["GET", "a"])].concat());
    wire.server("-ERR no\r\n");
    assert_eq!(spared(&rules), (0, 0));
    wire.server("$1\r\n1\r\n");
    assert_eq!(spared(&rules), (1, 0));
}

#[test]
fn where_nobody_can_tell_replies_apart_commands_are_not_counted() {
    // The server says what is no RESP; the commands before and after that are in no group.
    let (rules, mut wire) = sparing(r#""get""#);
    wire.client(&command(&["GET", "a"]));
    wire.server("what?\r\n");
    wire.client(&command(&["GET", "a"]));
    drop(wire);
    assert_eq!(counted(&rules), [NONE, NONE]);
    // A replica takes over.
    let (rules, mut wire) = sparing(r#""get""#);
    wire.client(&[command(&["GET", "a"]), command(&["SYNC"])].concat());
    drop(wire);
    assert_eq!(counted(&rules), [NONE, NONE]);
    // It is delayed, and when its time is there nobody can follow any more.
    let (rules, mut wire) = redis(&[r#"{"command": "get", "delay": 40}"#]);
    wire.client(&command(&["GET", "a"]));
    wire.server("what?\r\n");
    wire.wait(40);
    drop(wire);
    assert_eq!(counted(&rules), [NONE, NONE]);
}

#[test]
fn of_a_connection_that_gets_no_replies_only_so_many_commands_are_remembered() {
    let (rules, mut wire) = sparing(r#""get""#);
    wire.client(&command(&["GET", "a"]).repeat(5000));
    drop(wire);
    assert_eq!(spared(&rules), (4096, 4096));

    let (rules, mut wire) = begun(&[r#"{"kind": "select", "delay": 1, "every": 99999}"#]);
    let bound = [parse("s", "select 1"), bind("p", "s")].concat();
    wire.put(Way::Upstream, &[bound, execute("p").repeat(5000)].concat());
    drop(wire);
    assert_eq!(spared(&rules), (4096, 4096));
}

#[test]
fn a_statement_ends_with_its_own_readiness_and_not_with_that_of_an_earlier_one() {
    let done = [message(b'C', b"SELECT 1\0"), ready(b'I')].concat();
    let failed = [error("42P01", "no such table"), ready(b'I')].concat();
    // A statement of another kind, and a call of a function, are ready first.
    for before in [query("update a set b = 1"), message(b'F', &[0; 14])] {
        let (rules, mut wire) = begun(&[r#"{"kind": "select", "delay": 1, "every": 99999}"#]);
        wire.put(Way::Upstream, &[before, query("select 1")].concat());
        wire.put(Way::Downstream, &failed);
        assert_eq!(spared(&rules), (0, 0));
        wire.put(Way::Downstream, &done);
        assert_eq!(spared(&rules), (1, 0));
    }
}

#[test]
fn rows_that_come_slowly_end_their_statement_late() {
    let (rules, mut wire) = begun(&[r#"{"kind": "select", "row_delay": 30}"#]);
    wire.put(Way::Upstream, &query("select a from b"));
    let row = message(b'D', &[0, 1, 0, 0, 0, 1, b'1']);
    wire.put(Way::Downstream, &[row.repeat(3), message(b'C', b"SELECT 3\0"), ready(b'I')].concat());
    assert_eq!(counted(&rules)[0], (1, 0, vec![(90, 1)]));
}

#[test]
fn statements_that_nobody_can_follow_are_not_counted() {
    let rule = r#"{"kind": "select", "delay": 1, "every": 99999}"#;
    // The client, or the server, says what is no message.
    for way in [Way::Upstream, Way::Downstream] {
        let (rules, mut wire) = begun(&[rule]);
        wire.put(Way::Upstream, &query("select 1"));
        wire.put(way, &[0, 0, 0, 0, 0, 0, 0, 0]);
        drop(wire);
        assert_eq!(counted(&rules), [NONE, NONE], "{way:?}");
    }
    // It is delayed, and when its time is there nobody can follow any more.
    let (rules, mut wire) = begun(&[r#"{"kind": "select", "delay": 40}"#]);
    wire.put(Way::Upstream, &query("select 1"));
    wire.put(Way::Downstream, &[0, 0, 0, 0, 0, 0, 0, 0]);
    wire.wait(40);
    drop(wire);
    assert_eq!(counted(&rules), [NONE, NONE]);
}
