//! Redis without sockets: any commands, any replies, in any chunks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use squall_proxy::layer::{Act, LIMIT, Layer, Way};
use squall_proxy::redis::{Rule, session};
use squall_proxy::rulebook::{Live, Rulebook};

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn book(rules: &[&str]) -> Rulebook<Rule> {
    let book = Rulebook::default();
    let live = |(n, json): (usize, &&str)| {
        Arc::new(Live::new(format!("rule-{n}"), serde_json::from_str(json).unwrap(), 1))
    };
    book.replace(rules.iter().enumerate().map(live).collect());
    book
}

/// A connection, and what came out of it.
struct Wire {
    layer: Box<dyn Layer>,
    now: Instant,
    up: Vec<u8>,
    down: Vec<u8>,
    others: Vec<Act>,
}

impl Wire {
    fn new(rules: &[&str]) -> Self {
        Self {
            layer: session(book(rules), Some([127, 0, 0, 1].into())),
            now: now(),
            up: Vec::new(),
            down: Vec::new(),
            others: Vec::new(),
        }
    }

    fn take(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Send(Way::Upstream, bytes) => self.up.extend_from_slice(&bytes),
                Act::Send(Way::Downstream, bytes) => self.down.extend_from_slice(&bytes),
                other => self.others.push(other),
            }
        }
    }

    fn put(&mut self, way: Way, bytes: &[u8]) {
        let mut acts = Vec::new();
        self.layer.received(way, Bytes::copy_from_slice(bytes), self.now, &mut acts);
        self.take(acts);
    }

    fn client(&mut self, text: &str) {
        self.put(Way::Upstream, text.as_bytes());
    }

    fn server(&mut self, text: &str) {
        self.put(Way::Downstream, text.as_bytes());
    }

    fn end(&mut self, way: Way) {
        let mut acts = Vec::new();
        self.layer.ended(way, self.now, &mut acts);
        self.take(acts);
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        let mut acts = Vec::new();
        if self.layer.wake_at().is_some_and(|at| at <= self.now) {
            self.layer.woken(self.now, &mut acts);
        }
        self.take(acts);
    }

    fn up(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.up)).unwrap()
    }

    fn down(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.down)).unwrap()
    }

    fn hits(&self) -> Vec<String> {
        let hit = |act: &Act| match act {
            Act::Hit(hit) => Some(format!("{}: {}", hit.what, hit.done)),
            _ => None,
        };
        self.others.iter().filter_map(hit).collect()
    }

    fn has(&self, act: &Act) -> bool {
        self.others.contains(act)
    }
}

fn command(words: &[&str]) -> String {
    let args: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{args}", words.len())
}

const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";

#[test]
fn an_error_takes_exactly_its_place_among_the_replies_of_a_pipeline() {
    let mut wire = Wire::new(&[r#"{"command":"get","key":"bad*","error":"loading"}"#]);
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
    let mut wire = Wire::new(&[r#"{"command":"set","error":"readonly"}"#]);
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
    let mut wire = Wire::new(&[r#"{"command":"exec","error":"loading"}"#]);
    wire.client(&[command(&["MULTI"]), command(&["EXEC"]), command(&["EXEC"])].concat());
    assert_eq!(wire.up(), "*1\r\n$5\r\nMULTI\r\n*1\r\n$7\r\nDISCARD\r\n");
    wire.server("+OK\r\n+OK\r\n");
    let aborted =
        "-EXECABORT Transaction discarded because of: LOADING Redis is loading the dataset in memory\r\n";
    assert_eq!(wire.down(), format!("+OK\r\n{aborted}{LOADING}"));
}

#[test]
fn a_delayed_command_holds_what_comes_after_it_and_delays_do_not_add_up() {
    let mut wire = Wire::new(&[r#"{"command":"get","delay":100}"#]);
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
    let mut wire = Wire::new(&[r#"{"key":"bad","delay":100,"error":{"custom":"ERR no"}}"#]);
    wire.client(&[command(&["GET", "bad"]), command(&["GET", "a"])].concat());
    wire.wait(99);
    assert_eq!((wire.up(), wire.down()), (String::new(), String::new()));
    wire.wait(2);
    assert_eq!((wire.up(), wire.down()), (command(&["GET", "a"]), "-ERR no\r\n".into()));
}

#[test]
fn a_dropped_command_silences_or_closes_its_connection_where_its_reply_would_have_come() {
    for (how, closes) in [("hang", false), ("close", true)] {
        let mut wire = Wire::new(&[&format!(r#"{{"command":"get","drop":"{how}"}}"#)]);
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
        let mut wire =
            Wire::new(&[&format!(r#"{{"command":"get","cut":{{"after":{after},"with":"reset"}}}}"#)]);
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
    let mut wire = Wire::new(&[
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
    let mut wire = Wire::new(&[r#"{"command":"ping","error":"loading"}"#]);
    wire.client(&[command(&["SUBSCRIBE", "a", "b"]), command(&["PING"])].concat());
    wire.server("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    wire.server("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
    assert!(wire.down().ends_with(LOADING));
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
    let mut wire = Wire::new(&[r#"{"command":"ping","error":"loading"}"#]);
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
    let mut wire = Wire::new(&[r#"{"command":"ping","error":"loading"}"#]);
    wire.client(&[command(&["MONITOR"]), command(&["GET", "a"]), command(&["PING"])].concat());
    wire.server("+OK\r\n+1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\r\n");
    assert!(!wire.down().contains("LOADING"));
    wire.server("$-1\r\n");
    assert!(wire.down().ends_with(LOADING));
}

#[test]
fn commands_that_are_not_answered_get_no_error_either() {
    let mut wire = Wire::new(&[r#"{"command":"get","error":"loading"}"#]);
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
    let mut wire = Wire::new(&[r#"{"key":"bad","error":"oom"}"#, r#"{"key":"slow","delay":60000}"#]);
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
    let mut wire = Wire::new(&[r#"{"error":"loading"}"#]);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    wire.put(Way::Upstream, hello);
    wire.put(Way::Downstream, hello);
    assert_eq!((&wire.up[..], &wire.down[..]), (&hello[..], &hello[..]));
    let mut wire = Wire::new(&[r#"{"error":"loading"}"#]);
    wire.server("HTTP/1.1 200\r\n");
    wire.client("PING\r\n");
    assert_eq!((wire.up(), wire.down()), ("PING\r\n".into(), "HTTP/1.1 200\r\n".into()));
}

#[test]
fn a_half_command_is_passed_on_when_the_client_ends() {
    let mut wire = Wire::new(&[]);
    wire.client("*2\r\n$3\r\nGE");
    assert_eq!(wire.up(), "");
    wire.end(Way::Upstream);
    assert_eq!(wire.up(), "*2\r\n$3\r\nGE");
}

#[test]
fn a_rule_that_comes_or_goes_is_in_force_for_the_next_command() {
    let rules = book(&[]);
    let mut wire = Wire { layer: session(rules.clone(), None), ..Wire::new(&[]) };
    wire.client(&command(&["GET", "a"]));
    rules.replace(book(&[r#"{"error":"loading"}"#]).current().to_vec());
    wire.client(&command(&["GET", "a"]));
    rules.replace(Vec::new());
    wire.client(&command(&["GET", "a"]));
    assert_eq!(wire.up(), command(&["GET", "a"]).repeat(2));
    wire.server("+1\r\n+2\r\n");
    assert_eq!(wire.down(), format!("+1\r\n{LOADING}+2\r\n"));
}

// What follows feeds anything.

/// Cuts bytes into chunks of these sizes, over and over.
fn chunks<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> Vec<&'a [u8]> {
    let mut cut = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (chunk, rest) = bytes.split_at((*size).min(bytes.len()));
        cut.push(chunk);
        bytes = rest;
    }
    cut
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..40, 1..8)
}

fn any_command() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "GET",
        "set",
        "MULTI",
        "EXEC",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "PSUBSCRIBE",
        "MONITOR",
        "RESET",
        "CLIENT",
        "XREAD",
        "EVAL",
        "MSET",
        "BLPOP",
        "ZUNIONSTORE",
        "HELLO",
        "PING",
    ];
    let arg = prop_oneof![
        "[a-z]{0,9}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
        Just(b"REPLY".to_vec()),
        Just(b"OFF".to_vec()),
        Just(b"STREAMS".to_vec()),
        Just(b"2".to_vec()),
    ];
    let list =
        (prop::sample::select(names.to_vec()), prop::collection::vec(arg, 0..6)).prop_map(|(name, args)| {
            let mut bytes = format!("*{}\r\n${}\r\n{name}\r\n", args.len() + 1, name.len()).into_bytes();
            for arg in args {
                bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
                bytes.extend_from_slice(&arg);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes
        });
    prop_oneof![list, "[a-z\"' ]{0,20}\r\n".prop_map(String::into_bytes), Just(b"*0\r\n".to_vec())]
}

fn any_reply() -> impl Strategy<Value = Vec<u8>> {
    let replies: Vec<&[u8]> = vec![
        b"+OK\r\n",
        b"-ERR\r\n",
        b":1\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"$3\r\na\r\n\r\n",
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
        b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n",
        b"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n",
        b"%1\r\n+a\r\n*1\r\n:1\r\n",
        b"_\r\n",
        b"+QUEUED\r\n",
        b"+1339518083.107412 [0] \"x\"\r\n",
    ];
    prop::sample::select(replies).prop_map(<[u8]>::to_vec)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every byte: without a hit exactly what came in goes out, with rules that hit nothing or none at all.
    #[test]
    fn without_a_hit_exactly_the_bytes_pass(
        up in prop_oneof![
            prop::collection::vec(any_command(), 0..20).prop_map(|commands| commands.concat()),
            prop::collection::vec(any::<u8>(), 0..300),
        ],
        down in prop_oneof![
            prop::collection::vec(any_reply(), 0..20).prop_map(|replies| replies.concat()),
            prop::collection::vec(any::<u8>(), 0..300),
        ],
        sizes in sizes(),
        ruled in any::<bool>(),
    ) {
        let rules = [r#"{"key":"no such key in any of them","error":{"moved":{"to":"a:1"}}}"#, r#"{"command":"nosuch sub","delay":1}"#];
        let mut wire = Wire::new(if ruled { &rules } else { &[] });
        let (ups, downs) = (chunks(&up, &sizes), chunks(&down, &sizes));
        for n in 0..ups.len().max(downs.len()) {
            if let Some(chunk) = ups.get(n) { wire.put(Way::Upstream, chunk); }
            if let Some(chunk) = downs.get(n) { wire.put(Way::Downstream, chunk); }
        }
        prop_assert_eq!(&wire.down, &down);
        wire.end(Way::Upstream);
        wire.end(Way::Downstream);
        prop_assert_eq!(wire.up, up);
        prop_assert_eq!(wire.others, vec![Act::End(Way::Upstream), Act::End(Way::Downstream)]);
    }

    /// Garbage: whatever comes, with every fault at work, is no panic, and what is held stays bounded.
    #[test]
    fn whatever_comes_is_no_panic(
        feed in prop::collection::vec((any::<bool>(), prop_oneof![any_command(), any_reply(), prop::collection::vec(any::<u8>(), 0..60)]), 0..60),
        sizes in sizes(),
    ) {
        let mut wire = Wire::new(&[
            r#"{"command":["get","multi"],"percent":50,"error":"loading"}"#, r#"{"command":"exec","percent":50,"error":"oom"}"#,
            r#"{"command":"set","delay":3,"jitter":3}"#, r#"{"command":"eval","error":{"ask":{"to":"a:1"}}}"#,
            r#"{"command":"blpop","drop":"hang","percent":20}"#, r#"{"command":"xread","cut":{"after":3}}"#,
            r#"{"command":"client reply","percent":50,"error":"loading"}"#,
        ]);
        for (up, bytes) in feed {
            let way = if up { Way::Upstream } else { Way::Downstream };
            for chunk in chunks(&bytes, &sizes) {
                wire.put(way, chunk);
            }
            wire.wait(1);
        }
        wire.end(Way::Downstream);
        wire.end(Way::Upstream);
        wire.wait(100);
        prop_assert_eq!(wire.layer.wake_at(), None);
    }

    /// Order: with errors in any places of any pipelines the client sees what a server with these errors would say.
    #[test]
    fn replies_are_in_order_with_errors_in_any_places(
        commands in prop::collection::vec(0_u8..6, 1..60),
        up_sizes in sizes(),
        down_sizes in sizes(),
        pushes in prop::collection::vec(any::<bool>(), 1..20),
        turns in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let mut wire = Wire::new(&[r#"{"key":"bad*","error":"loading"}"#, r#"{"command":"exec","every":2,"error":"oom"}"#]);
        let (mut sent, mut expected) = (String::new(), Vec::new());
        // The server as the client should see it.
        let (mut seen, mut execs) = (Server::default(), 0);
        for (n, kind) in commands.iter().enumerate() {
            let (name, key) = match kind {
                0 | 1 => ("GET", format!("good{n}")),
                2 => ("GET", format!("bad{n}")),
                3 => ("MULTI", String::new()),
                4 => ("EXEC", String::new()),
                _ => ("PING", String::new()),
            };
            let words = if key.is_empty() { vec![name] } else { vec![name, key.as_str()] };
            sent += &command(&words);
            execs += u32::from(name == "EXEC");
            let error = if key.starts_with("bad") {
                Some("LOADING Redis is loading the dataset in memory")
            } else {
                (name == "EXEC" && execs % 2 == 0).then_some("OOM command not allowed when used memory > 'maxmemory'.")
            };
            expected.push(seen.answer(&words, error));
        }
        let mut server = Server::default();
        let mut waiting = VecDeque::from(chunks(sent.as_bytes(), &up_sizes));
        let mut replies: Vec<u8> = Vec::new();
        let mut pushes = pushes.iter().cycle();
        for turn in turns.iter().cycle() {
            if *turn {
                if let Some(chunk) = waiting.pop_front() { wire.put(Way::Upstream, chunk); }
                for words in server.read(&wire.up()) {
                    if *pushes.next().unwrap() { replies.extend_from_slice(b">1\r\n+push\r\n"); }
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    replies.extend_from_slice(server.answer(&words, None).as_bytes());
                }
            } else {
                for chunk in chunks(&std::mem::take(&mut replies), &down_sizes) { wire.put(Way::Downstream, chunk); }
                if waiting.is_empty() && replies.is_empty() { break; }
            }
            if turns.iter().all(|turn| *turn == turns[0]) {
                // Only one side would ever have its turn.
                for chunk in waiting.drain(..) { wire.put(Way::Upstream, chunk); }
                for words in server.read(&wire.up()) {
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    replies.extend_from_slice(server.answer(&words, None).as_bytes());
                }
                for chunk in chunks(&std::mem::take(&mut replies), &down_sizes) { wire.put(Way::Downstream, chunk); }
                break;
            }
        }
        let down = wire.down().replace(">1\r\n+push\r\n", "");
        prop_assert_eq!(down, expected.concat());
    }
}

/// As much of a Redis as the order needs.
#[derive(Default)]
struct Server {
    rest: String,
    queue: Option<Vec<String>>,
    spoiled: bool,
}

impl Server {
    fn read(&mut self, bytes: &str) -> Vec<Vec<String>> {
        self.rest += bytes;
        let mut commands = Vec::new();
        let rest = std::mem::take(&mut self.rest);
        let mut lines = rest.split_inclusive("\r\n").peekable();
        let mut used = 0;
        while let Some(head) = lines.next() {
            let count: usize = head.trim_end().trim_start_matches('*').parse().unwrap();
            let args: Vec<&str> = lines.by_ref().take(count * 2).collect();
            if args.len() < count * 2 || !args[count * 2 - 1].ends_with("\r\n") {
                break;
            }
            used += head.len() + args.iter().map(|arg| arg.len()).sum::<usize>();
            commands.push(args.iter().skip(1).step_by(2).map(|arg| arg.trim_end().to_owned()).collect());
        }
        self.rest = rest[used..].to_owned();
        commands
    }

    fn answer(&mut self, words: &[&str], error: Option<&str>) -> String {
        let error =
            error.or((words == ["ECHO"]).then_some("ERR wrong number of arguments for 'echo' command"));
        match (words, error) {
            (["EXEC"], Some(error)) => {
                self.spoiled = false;
                match self.queue.take() {
                    Some(_) => format!("-EXECABORT Transaction discarded because of: {error}\r\n"),
                    None => format!("-{error}\r\n"),
                }
            }
            (_, Some(error)) => {
                self.spoiled |= self.queue.is_some();
                format!("-{error}\r\n")
            }
            (["MULTI"], _) if self.queue.is_some() => "-ERR MULTI calls can not be nested\r\n".to_owned(),
            (["MULTI"], _) => {
                self.queue = Some(Vec::new());
                "+OK\r\n".to_owned()
            }
            (["DISCARD"], _) => {
                self.spoiled = false;
                self.queue.take().map_or("-ERR DISCARD without MULTI\r\n", |_| "+OK\r\n").to_owned()
            }
            (["EXEC"], _) => match self.queue.take() {
                None => "-ERR EXEC without MULTI\r\n".to_owned(),
                Some(_) if std::mem::take(&mut self.spoiled) => {
                    "-EXECABORT Transaction discarded because of previous errors.\r\n".to_owned()
                }
                Some(queue) => format!("*{}\r\n{}", queue.len(), queue.concat()),
            },
            (words, _) => {
                let last = words.last().unwrap();
                let reply = format!("${}\r\n{last}\r\n", last.len());
                match &mut self.queue {
                    Some(queue) => {
                        queue.push(reply);
                        "+QUEUED\r\n".to_owned()
                    }
                    None => reply,
                }
            }
        }
    }
}
