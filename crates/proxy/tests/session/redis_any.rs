//! Redis: any commands, any replies, any bytes, in any chunks.

use std::collections::VecDeque;

use proptest::prelude::*;
use squall_proxy::layer::{Act, Way};

use crate::redis::{command, wire};
use crate::wire::{chunks, sizes};

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
        let mut wire = wire(if ruled { &rules } else { &[] });
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
        let mut wire = wire(&[
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
        let mut wire = wire(&[r#"{"key":"bad*","error":"loading"}"#, r#"{"command":"exec","every":2,"error":"oom"}"#]);
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
        rest[used..].clone_into(&mut self.rest);
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
