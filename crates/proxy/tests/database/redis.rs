//! A real Redis behind its layer.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use redis::{Commands, RedisResult};
use serde_json::{Value, json};

use crate::proxied::Proxied;
use crate::redis_server::RedisServer;

const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";

/// A server, and a way to it with these rules.
struct Stage {
    proxied: Proxied,
    server: RedisServer,
}

fn stage(rules: &[&str]) -> Stage {
    let server = RedisServer::start();
    let proxied = Proxied::start(&server.socket(), "redis");
    proxied.rules(rules);
    Stage { proxied, server }
}

impl Stage {
    fn raw(&self) -> Raw<TcpStream> {
        let stream = TcpStream::connect(self.proxied.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Raw(stream)
    }

    fn client(&self) -> redis::Connection {
        redis::Client::open(format!("redis://{}/", self.proxied.address)).unwrap().get_connection().unwrap()
    }

    fn program(&self, name: &str, args: &[&str]) -> String {
        let output = Command::new(name)
            .args(["-h", "127.0.0.1", "-p", &self.proxied.address.port().to_string()])
            .args(args)
            .output()
            .unwrap_or_else(|error| panic!("{name} is of Debian's package redis-tools: {error}"));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Bytes as they are.
struct Raw<S>(S);

impl<S: Read + Write> Raw<S> {
    fn send(&mut self, lines: &[&str]) {
        self.0.write_all(format!("{}\r\n", lines.join("\r\n")).as_bytes()).unwrap();
    }

    /// Reads exactly this, and shows what came in its place.
    fn expect(&mut self, expected: &str) {
        let mut bytes = vec![0; expected.len()];
        let mut read = 0;
        while read < bytes.len() && bytes[..read] == expected.as_bytes()[..read] {
            match self.0.read(&mut bytes[read..]) {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        assert_eq!(String::from_utf8_lossy(&bytes[..read]), expected);
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") && self.0.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    fn rest(&mut self) -> (Vec<u8>, Option<ErrorKind>) {
        let mut rest = Vec::new();
        let error = self.0.read_to_end(&mut rest).err().map(|error| error.kind());
        (rest, error)
    }
}

#[test]
fn errors_of_ours_stand_in_their_place_and_the_server_never_sees_the_command() {
    let stage = stage(&[r#"{"command":"set","key":"bad:*","error":"loading"}"#]);
    let mut raw = stage.raw();
    raw.send(&["SET good:1 a", "SET bad:1 x", "GET good:1", "SET bad:2 x", "EXISTS bad:1 bad:2"]);
    raw.expect(&format!("+OK\r\n{LOADING}$1\r\na\r\n{LOADING}:0\r\n"));
    assert_eq!(stage.proxied.hits(), ["SET bad:1: answered LOADING", "SET bad:2: answered LOADING"]);
}

#[test]
fn clients_know_our_errors_for_redis_errors() {
    let stage = stage(&[
        r#"{"key":"loading","error":"loading"}"#,
        r#"{"key":"readonly","error":"readonly"}"#,
        r#"{"key":"foo","error":{"moved":{"to":"127.0.0.1:7001"}}}"#,
        r#"{"key":"down","error":"clusterdown"}"#,
        r#"{"key":"again","error":"tryagain"}"#,
        r#"{"key":"oom","error":"oom"}"#,
        r#"{"key":"custom","error":{"custom":"WRONGPASS no"}}"#,
    ]);
    let mut client = stage.client();
    for (key, code) in [
        ("loading", "LOADING"),
        ("readonly", "READONLY"),
        ("foo", "MOVED"),
        ("down", "CLUSTERDOWN"),
        ("again", "TRYAGAIN"),
        ("oom", "OOM"),
        ("custom", "WRONGPASS"),
    ] {
        let error = client.set::<_, _, ()>(key, 1).unwrap_err();
        assert_eq!(error.code(), Some(code), "{error}");
        // The connection is as good as before.
        assert_eq!(client.set::<_, _, String>("fine", 1).unwrap(), "OK");
    }
    let moved = client.get::<_, ()>("foo").unwrap_err();
    assert_eq!(moved.redirect_node(), Some(("127.0.0.1:7001", 12182)));
    assert!(stage.program("redis-cli", &["GET", "oom"]).starts_with("OOM command not allowed"));
}

#[test]
fn an_error_in_a_transaction_makes_the_real_exec_abort() {
    let stage = stage(&[
        r#"{"command":"incr","every":2,"error":"readonly"}"#,
        r#"{"command":"exec","every":3,"error":"oom"}"#,
    ]);
    let mut raw = stage.raw();
    let readonly = "-READONLY You can't write against a read only replica.\r\n";
    raw.send(&["MULTI", "INCR a", "INCR a", "EXEC", "GET a"]);
    let aborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    raw.expect(&format!("+OK\r\n+QUEUED\r\n{readonly}{aborted}$-1\r\n"));
    raw.send(&["MULTI", "INCR a", "EXEC", "GET a"]);
    raw.expect("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n$1\r\n1\r\n");
    raw.send(&["MULTI", "SET a 9", "EXEC", "GET a", "EXEC"]);
    raw.expect("+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: OOM command not allowed");
    raw.expect(" when used memory > 'maxmemory'.\r\n$1\r\n1\r\n-ERR EXEC without MULTI\r\n");
}

#[test]
fn publish_and_subscribe_keep_their_order_in_both_protocols() {
    let stage = stage(&[r#"{"command":"ping","error":"loading"}"#]);
    let mut direct = Raw(stage.server.direct());
    let (mut two, mut three) = (stage.raw(), stage.raw());
    three.send(&["HELLO 3"]);
    while !three.line().contains("modules") {}
    three.expect("*0\r\n");
    for (raw, mark) in [(&mut two, '*'), (&mut three, '>')] {
        raw.send(&["SUBSCRIBE a b", "PSUBSCRIBE p*", "PING"]);
        raw.expect(&format!(
            "{mark}3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n{mark}3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
        ));
        raw.expect(&format!("{mark}3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:3\r\n{LOADING}"));
    }
    direct.send(&["PUBLISH a one"]);
    direct.expect(":2\r\n");
    for (raw, mark) in [(&mut two, '*'), (&mut three, '>')] {
        raw.expect(&format!("{mark}3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\none\r\n"));
        raw.send(&["PING", "UNSUBSCRIBE", "PUNSUBSCRIBE p*", "PING", "ECHO x"]);
        raw.expect(LOADING);
        let mut left: Vec<String> = (0..2)
            .map(|_| {
                raw.expect(&format!("{mark}3\r\n$11\r\nunsubscribe\r\n$1\r\n"));
                let channel = raw.line();
                raw.line();
                channel
            })
            .collect();
        left.sort();
        assert_eq!(left, ["a\r\n", "b\r\n"]);
        raw.expect(&format!("{mark}3\r\n$12\r\npunsubscribe\r\n$2\r\np*\r\n:0\r\n{LOADING}$1\r\nx\r\n"));
    }
}

#[test]
fn blocking_commands_monitor_and_silent_replies_keep_their_order() {
    let stage = stage(&[r#"{"command":"ping","error":"loading"}"#]);
    let (mut raw, mut direct) = (stage.raw(), Raw(stage.server.direct()));
    raw.send(&["BLPOP jobs 0", "PING"]);
    direct.send(&["ECHO x", "RPUSH jobs 1"]);
    direct.expect("$1\r\nx\r\n:1\r\n");
    raw.expect(&format!("*2\r\n$4\r\njobs\r\n$1\r\n1\r\n{LOADING}"));
    raw.send(&["CLIENT REPLY OFF", "PING", "SET a 1", "CLIENT REPLY ON", "PING", "GET a"]);
    raw.expect(&format!("+OK\r\n{LOADING}$1\r\n1\r\n"));
    raw.send(&["CLIENT REPLY SKIP", "PING", "GET a", "PING"]);
    raw.expect(&format!("$1\r\n1\r\n{LOADING}"));
    raw.send(&["MONITOR"]);
    raw.expect("+OK\r\n");
    direct.send(&["ECHO watched"]);
    assert!(raw.line().ends_with("\"ECHO\" \"watched\"\r\n"));
    raw.send(&["PING"]);
    raw.expect(LOADING);
}

#[test]
fn a_delay_is_as_long_as_it_says_and_only_for_its_command() {
    let stage = stage(&[r#"{"command":"get","key":"slow","delay":300}"#]);
    let mut client = stage.client();
    let began = Instant::now();
    let _: Option<String> = client.get("slow").unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    for _ in 0..100 {
        let _: Option<String> = client.get("fast").unwrap();
    }
    assert_eq!(stage.proxied.hits(), ["GET slow: delayed by 300 ms"]);
    let (_, page) = stage.proxied.api("GET", "/proxies/p/traffic", &Value::Null);
    assert_eq!((&page["hit"]["finished"], &page["spared"]["finished"]), (&json!(1), &json!(0)), "{page}");
}

#[test]
fn a_dropped_command_is_never_answered_and_never_executed() {
    let stage = stage(&[r#"{"command":"incr","drop":"hang"}"#, r#"{"command":"decr","drop":"close"}"#]);
    let mut raw = stage.raw();
    raw.send(&["SET a 1", "INCR a", "GET a"]);
    raw.expect("+OK\r\n");
    raw.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(raw.0.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut raw = stage.raw();
    raw.send(&["GET a", "DECR a", "GET a"]);
    assert_eq!(raw.rest(), (b"$1\r\n1\r\n".to_vec(), None));
}

#[test]
fn a_reply_is_cut_and_the_command_was_executed() {
    let stage = stage(&[
        r#"{"command":"getset","cut":{"after":1000}}"#,
        r#"{"command":"incr","cut":{"after":0,"with":"reset"}}"#,
    ]);
    let value = "x".repeat(20_000_000);
    let mut client = stage.client();
    client.set::<_, _, ()>("big", &value).unwrap();
    let cut: RedisResult<redis::Value> = client.getset("big", "new");
    assert!(cut.unwrap_err().is_connection_dropped());
    assert_eq!(stage.client().get::<_, String>("big").unwrap(), "new");
    let mut raw = stage.raw();
    raw.send(&["GETSET big newer"]);
    assert_eq!(raw.rest(), (b"$3\r\nnew\r".to_vec(), None));
    let mut raw = stage.raw();
    raw.send(&["INCR count"]);
    assert_eq!(raw.rest(), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(stage.client().get::<_, i64>("count").unwrap(), 1);
}

#[test]
fn the_benchmark_of_redis_runs_through_with_rules_that_do_not_hit() {
    let stage = stage(&[
        r#"{"command":"set","key":"nothing:*","error":"oom"}"#,
        r#"{"command":"blmove","delay":1000}"#,
    ]);
    let args = ["-n", "500", "-c", "10", "-P", "16", "-d", "10", "-q", "--csv"];
    let said = stage.program("redis-benchmark", &args);
    for test in
        ["SET", "GET", "INCR", "LPUSH", "SADD", "ZADD", "LRANGE_600 (first 600 elements)", "MSET (10 keys)"]
    {
        assert!(said.contains(&format!("\"{test}\",")), "{test}: {said}");
    }
    assert_eq!(stage.proxied.hits(), [""; 0]);
}

#[test]
fn a_rule_is_a_toxic_like_any_other() {
    let stage = stage(&[]);
    let api = |method: &str, path: &str, body| {
        stage.proxied.api(method, &format!("/proxies/p/toxics{path}"), &body)
    };
    let mut raw = stage.raw();
    raw.send(&["GET a"]);
    raw.expect("$-1\r\n");
    let rule =
        json!({ "name": "broken", "type": "redis", "attributes": { "command": "get", "error": "loading" } });
    let (status, toxic) = api("POST", "", rule);
    assert_eq!((status, &toxic["type"], &toxic["stream"]), (200, &json!("redis"), &json!("downstream")));
    assert_eq!(toxic["attributes"], json!({ "command": "get", "error": "loading" }));
    // On the connection that is there.
    raw.send(&["GET a"]);
    raw.expect(LOADING);
    let (status, toxic) =
        api("POST", "/broken", json!({ "attributes": { "error": null, "cut": { "after": 2 } } }));
    assert_eq!((status, &toxic["attributes"]["cut"]), (200, &json!({ "after": 2 })));
    let (status, mistake) = api("POST", "/broken", json!({ "attributes": { "percent": 101 } }));
    assert_eq!(status, 400);
    assert!(
        mistake["error"].as_str().unwrap().contains("percent: 101 is out of range; above 0, at most 100"),
        "{mistake}"
    );
    raw.send(&["GET a"]);
    assert_eq!(raw.rest(), (b"$-".to_vec(), None));
    assert_eq!(api("DELETE", "/broken", Value::Null).0, 204);
    let mut raw = stage.raw();
    raw.send(&["GET a"]);
    raw.expect("$-1\r\n");
    // Together with what is done to every byte.
    assert_eq!(
        api(
            "POST",
            "",
            json!({ "type": "slicer", "attributes": { "average_size": 2, "size_variation": 1, "delay": 10 } })
        )
        .0,
        200
    );
    assert_eq!(api("POST", "", json!({ "type": "redis", "toxicity": 0.5, "attributes": { "command": "get", "error": "loading" } })).0, 200);
    let mut errors = 0;
    for _ in 0..40 {
        raw.send(&["GET a"]);
        errors += usize::from(raw.line() == LOADING);
    }
    assert!((5..35).contains(&errors), "{errors} of 40 at a toxicity of a half");
}
