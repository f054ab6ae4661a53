//! What becomes of commands and replies, byte by byte.

use squall_proxy::layer::{Act, LIMIT, Way};
use squall_proxy::redis::{Rule, session};

use crate::wire::{Wire, book};

pub(crate) fn wire(rules: &[&str]) -> Wire {
    Wire::new(session(book::<Rule>(rules), Some([127, 0, 0, 1].into())))
}

/// These words as a list of bulk strings.
pub(crate) fn command(words: &[&str]) -> String {
    let args: Vec<String> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{}", words.len(), args.concat())
}

const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";

#[test]
fn an_error_takes_exactly_its_place_among_the_replies_of_a_pipeline() {
    let mut wire = wire(&[r#"{"command":"get","key":"bad*","error":"loading"}"#]);
    let pipeline = [
        command(&["GET", "a"]),
        command(&["get", "bad1"]),
        command(&["GET", "b"]),
        command(&["GET", "bad2"]),
    ];
    wire.client(&pipeline.concat());
    assert_eq!(wire.up(), [command(&["GET", "a"]), command(&["GET", "b"])].concat());
    assert_eq!(wire.down(), "");
    wire.server("$1\r\nA\r\n$1\r");
    assert_eq!(wire.down(), format!("$1\r\nA\r\n{LOADING}$1\r"));
    wire.server("\nB\r\n");
    assert_eq!(wire.down(), format!("\nB\r\n{LOADING}"));
    assert_eq!(wire.hits(), ["GET bad1: answered LOADING", "GET bad2: answered LOADING"]);
}

#[test]
fn an_error_in_a_transaction_makes_exec_abort() {
    let mut wire = wire(&[r#"{"command":"set","error":"readonly"}"#]);
    wire.client(
        &[command(&["MULTI"]), command(&["SET", "a", "1"]), command(&["EXEC"]), "PING\r\n".into()].concat(),
    );
    assert_eq!(wire.up(), "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nECHO\r\n*1\r\n$4\r\nEXEC\r\nPING\r\n");
    wire.server("+OK\r\n-ERR wrong number of arguments for 'echo' command\r\n-EXECABORT gone\r\n+PONG\r\n");
    assert_eq!(
        wire.down(),
        "+OK\r\n-READONLY You can't write against a read only replica.\r\n-EXECABORT gone\r\n+PONG\r\n"
    );
}

#[test]
fn an_error_of_exec_discards_the_transaction() {
    let mut wire = wire(&[r#"{"command":"exec","error":"loading"}"#]);
    wire.client(&[command(&["MULTI"]), command(&["EXEC"]), command(&["EXEC"])].concat());
    assert_eq!(wire.up(), "*1\r\n$5\r\nMULTI\r\n*1\r\n$7\r\nDISCARD\r\n");
    wire.server("+OK\r\n+OK\r\n");
    let aborted =
        "-EXECABORT Transaction discarded because of: LOADING Redis is loading the dataset in memory\r\n";
    assert_eq!(wire.down(), format!("+OK\r\n{aborted}{LOADING}"));
}

#[test]
fn a_delayed_command_holds_what_comes_after_it_and_delays_do_not_add_up() {
    let mut wire = wire(&[r#"{"command":"get","delay":100}"#]);
    wire.client(
        &[command(&["PING"]), command(&["GET", "a"]), command(&["GET", "b"]), command(&["PING"])].concat(),
    );
    assert_eq!(wire.up(), command(&["PING"]));
    wire.wait(50);
    wire.client(&command(&["TIME"]));
    wire.server("+PONG\r\n");
    assert_eq!((wire.up(), wire.down()), (String::new(), "+PONG\r\n".into()));
    wire.end(Way::Upstream);
    assert!(!wire.has(&Act::End(Way::Upstream)));
    wire.wait(51);
    let rest =
        [command(&["GET", "a"]), command(&["GET", "b"]), command(&["PING"]), command(&["TIME"])].concat();
    assert_eq!(wire.up(), rest);
    assert!(wire.has(&Act::End(Way::Upstream)));
    assert_eq!(wire.hits(), ["GET a: delayed by 100 ms", "GET b: delayed by 100 ms"]);
}

#[test]
fn a_delayed_error_comes_late_and_in_its_place() {
    let mut wire = wire(&[r#"{"key":"bad","delay":100,"error":{"custom":"ERR no"}}"#]);
    wire.client(&[command(&["GET", "bad"]), command(&["GET", "a"])].concat());
    wire.wait(99);
    assert_eq!((wire.up(), wire.down()), (String::new(), String::new()));
    wire.wait(2);
    assert_eq!((wire.up(), wire.down()), (command(&["GET", "a"]), "-ERR no\r\n".into()));
}

#[test]
fn a_dropped_command_silences_or_closes_its_connection_where_its_reply_would_have_come() {
    for (how, closes) in [("hang", false), ("close", true)] {
        let mut wire = wire(&[&format!(r#"{{"command":"get","drop":"{how}"}}"#)]);
        wire.client(&[command(&["PING"]), command(&["GET", "a"]), command(&["PING"])].concat());
        assert_eq!(wire.up(), command(&["PING"]));
        assert!(!wire.has(&Act::Close));
        wire.server("+PONG\r\n+late\r\n");
        assert_eq!(wire.down(), "+PONG\r\n");
        assert_eq!(wire.has(&Act::Close), closes);
        wire.client(&command(&["PING"]));
        wire.server("+never\r\n");
        assert_eq!((wire.up(), wire.down()), (String::new(), String::new()));
    }
}

#[test]
fn a_reply_is_cut_after_so_many_bytes_and_never_comes_whole() {
    for (after, size, seen) in [
        (0, 99, ""),
        (4, 99, "$5\r\n"),
        (6, 1, "$5\r\nhe"),
        (500, 99, "$5\r\nhello\r"),
        (500, 1, "$5\r\nhello\r"),
    ] {
        let mut wire = wire(&[&format!(r#"{{"command":"get","cut":{{"after":{after},"with":"reset"}}}}"#)]);
        wire.client(&[command(&["PING"]), command(&["GET", "a"]), command(&["PING"])].concat());
        for chunk in b"+PONG\r\n$5\r\nhello\r\n+PONG\r\n".chunks(size) {
            wire.put(Way::Downstream, chunk);
        }
        assert_eq!(wire.down(), format!("+PONG\r\n{seen}"), "{after} {size}");
        assert!(wire.has(&Act::Reset));
    }
}

#[test]
fn moved_says_the_slot_of_the_key() {
    let mut wire = wire(&[
        r#"{"command":"get","error":{"moved":{"to":"10.0.0.9:6379"}}}"#,
        r#"{"command":"eval","error":{"ask":{"to":"10.0.0.9:6379"}}}"#,
        r#"{"command":"ping","error":{"ask":{"to":"10.0.0.9:6379","slot":7}}}"#,
    ]);
    wire.client(
        &[command(&["GET", "foo"]), command(&["EVAL", "script", "1", "foo"]), command(&["PING"])].concat(),
    );
    let ask = "-ASK 12182 10.0.0.9:6379\r\n-ASK 7 10.0.0.9:6379\r\n";
    assert_eq!(wire.down(), format!("-MOVED 12182 10.0.0.9:6379\r\n{ask}"));
    assert_eq!(wire.up(), "");
}

#[test]
fn subscriptions_in_resp2_have_a_line_for_each_channel_and_messages_count_for_nothing() {
    let mut wire = wire(&[r#"{"command":"ping","error":"loading"}"#]);
    wire.client(&[command(&["SUBSCRIBE", "a", "b"]), command(&["PING"])].concat());
    wire.server("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    wire.server("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
    assert!(wire.down().ends_with(LOADING));
    // A message is no reply to what was asked before it.
    wire.client(&[command(&["QUIT"]), command(&["PING"])].concat());
    wire.server("*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n$1\r\nx\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("+OK\r\n");
    assert_eq!(wire.down(), format!("+OK\r\n{LOADING}"));
    wire.client(&[command(&["UNSUBSCRIBE"]), command(&["PING"])].concat());
    wire.server("*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\nx\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n");
    assert!(wire.down().ends_with(LOADING));
    // No longer subscribed: a list that looks like a message is a reply.
    wire.client(&[command(&["LRANGE", "k", "0", "-1"]), command(&["PING"])].concat());
    wire.server("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
    assert!(wire.down().ends_with(LOADING));
}

#[test]
fn pushes_of_resp3_count_for_nothing_and_subscriptions_are_pushes() {
    let mut wire = wire(&[r#"{"command":"ping","error":"loading"}"#]);
    wire.client(&[command(&["GET", "a"]), command(&["PING"])].concat());
    wire.server(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("$1\r\nA\r\n");
    assert_eq!(wire.down(), format!("$1\r\nA\r\n{LOADING}"));
    wire.client(&[command(&["PSUBSCRIBE", "p*"]), command(&["SUBSCRIBE"]), command(&["PING"])].concat());
    wire.server(">3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:1\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("-ERR wrong number of arguments\r\n");
    assert!(wire.down().ends_with(LOADING));
}

#[test]
fn lines_of_monitor_count_for_nothing() {
    let mut wire = wire(&[r#"{"command":"ping","error":"loading"}"#]);
    wire.client(&[command(&["MONITOR"]), command(&["GET", "a"]), command(&["PING"])].concat());
    wire.server("+OK\r\n+1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("$-1\r\n");
    assert!(wire.down().ends_with(LOADING));
}

#[test]
fn commands_that_are_not_answered_get_no_error_either() {
    let mut wire = wire(&[r#"{"command":"get","error":"loading"}"#]);
    wire.client(&[command(&["CLIENT", "REPLY", "OFF"]), command(&["GET", "a"]), command(&["PING"])].concat());
    wire.client(&[command(&["CLIENT", "REPLY", "ON"]), command(&["GET", "b"])].concat());
    assert_eq!(wire.down(), "");
    wire.server("+OK\r\n");
    assert_eq!(wire.down(), format!("+OK\r\n{LOADING}"));
    wire.up();
    // The server would skip the reply to what comes next: it gets something to skip.
    wire.client(
        &[
            command(&["CLIENT", "REPLY", "SKIP"]),
            command(&["GET", "a"]),
            command(&["PING"]),
            command(&["GET", "b"]),
        ]
        .concat(),
    );
    assert_eq!(
        wire.up(),
        [command(&["CLIENT", "REPLY", "SKIP"]), command(&["PING"]), command(&["PING"])].concat()
    );
    wire.server("+PONG\r\n");
    assert_eq!(wire.down(), format!("+PONG\r\n{LOADING}"));
}

#[test]
fn a_big_value_is_streamed_and_of_a_refused_one_nothing_reaches_the_server() {
    let mut wire = wire(&[r#"{"key":"bad","error":"oom"}"#, r#"{"key":"slow","delay":60000}"#]);
    let chunk = vec![b'x'; 64 * 1024];
    wire.client("*3\r\n$3\r\nSET\r\n$4\r\ngood\r\n$104857600\r\n");
    for _ in 0..1600 {
        wire.put(Way::Upstream, &chunk);
        assert!(wire.up.len() >= chunk.len());
        wire.up.clear();
    }
    wire.client("\r\n*3\r\n$3\r\nSET\r\n$3\r\nbad\r\n$65536\r\n");
    assert_eq!(wire.up(), "\r\n");
    wire.put(Way::Upstream, &chunk);
    wire.client("\r\n");
    wire.client("*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$104857600\r\n");
    let mut fed = 0;
    while wire.layer.wants(Way::Upstream) {
        wire.put(Way::Upstream, &chunk);
        fed += chunk.len();
        assert!(fed <= LIMIT + chunk.len(), "{fed} bytes are held");
    }
    assert_eq!(wire.up(), "");
}

#[test]
fn what_is_no_redis_passes_unseen() {
    let mut tls = wire(&[r#"{"error":"loading"}"#]);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    tls.put(Way::Upstream, hello);
    tls.put(Way::Downstream, hello);
    assert_eq!((&tls.up[..], &tls.down[..]), (&hello[..], &hello[..]));
    let mut wire = wire(&[r#"{"error":"loading"}"#]);
    wire.server("HTTP/1.1 200\r\n");
    wire.client("PING\r\n");
    assert_eq!((wire.up(), wire.down()), ("PING\r\n".into(), "HTTP/1.1 200\r\n".into()));
}

#[test]
fn a_half_command_is_passed_on_when_the_client_ends() {
    let mut wire = wire(&[]);
    wire.client("*2\r\n$3\r\nGE");
    assert_eq!(wire.up(), "");
    wire.end(Way::Upstream);
    assert_eq!(wire.up(), "*2\r\n$3\r\nGE");
}

#[test]
fn a_rule_that_comes_or_goes_is_in_force_for_the_next_command() {
    let rules = book::<Rule>(&[]);
    let mut wire = Wire::new(session(rules.clone(), None));
    wire.client(&command(&["GET", "a"]));
    rules.replace(book::<Rule>(&[r#"{"error":"loading"}"#]).current().to_vec());
    wire.client(&command(&["GET", "a"]));
    rules.replace(Vec::new());
    wire.client(&command(&["GET", "a"]));
    assert_eq!(wire.up(), command(&["GET", "a"]).repeat(2));
    wire.server("+1\r\n+2\r\n");
    assert_eq!(wire.down(), format!("+1\r\n{LOADING}+2\r\n"));
}
