//! Without a hit, exactly the bytes that came in go out.

use proptest::collection::vec;
use proptest::prelude::*;
use squall_proxy::layer::{LIMIT, Way};

use crate::wire::Wire;

const WAYS: [Way; 2] = [Way::Upstream, Way::Downstream];

/// A rule that looks at everything and hits nothing that is sent here.
const IDLE: &str = r#"{"path": "/never", "headers": {"x-none": "*"}, "answer": {"status": 503}}"#;

/// Requests and answers that belong together.
fn exchange() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let pair = |request: &str, response: &str| (request.as_bytes().to_vec(), response.as_bytes().to_vec());
    let body = vec(any::<u8>(), 1..400);
    prop_oneof![
        Just(pair(
            "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
        )),
        Just(pair("\r\nGET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n")),
        Just(pair("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")),
        Just(pair("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n")),
        Just(pair(
            "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        )),
        Just(pair(
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4;x=\"y\"\r\nabcd\r\n0\r\nX-T: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\na\r\n0123456789\r\n00\r\nX-T: 2\r\n\r\n",
        )),
        Just(pair(
            "GET /w HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        )),
        body.prop_map(|body| {
            let length = format!("Content-Length: {}\r\n\r\n", body.len());
            let head = |line: &str| [line.as_bytes(), length.as_bytes(), &body].concat();
            (head("PUT /b HTTP/1.1\r\n"), head("HTTP/1.1 200 OK\r\n"))
        }),
    ]
}

/// What may come last: after it, anything goes.
fn last() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    prop_oneof![
        Just((Vec::new(), Vec::new())),
        (vec(any::<u8>(), 0..300), vec(any::<u8>(), 0..300)).prop_map(|(up, down)| (
            [&b"GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"[..], &up].concat(),
            [&b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"[..], &down].concat(),
        )),
        (vec(any::<u8>(), 0..300), vec(any::<u8>(), 0..300)).prop_map(|(up, down)| (
            [&b"CONNECT a:443 HTTP/1.1\r\n\r\n"[..], &up].concat(),
            [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &down].concat(),
        )),
        vec(any::<u8>(), 0..300).prop_map(|down| (
            b"GET /old HTTP/1.0\r\n\r\n".to_vec(),
            [&b"HTTP/1.0 200 OK\r\n\r\n"[..], &down].concat(),
        )),
        vec(any::<u8>(), 0..300).prop_map(|up| (up, Vec::new())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_exchanges_in_any_pieces_pass_unchanged(
        exchanges in vec(exchange(), 0..5),
        last in last(),
        pieces in vec((0..2_usize, 1..90_usize), 1..60),
    ) {
        let exchanges: Vec<_> = exchanges.into_iter().chain([last]).collect();
        let streams = [0, 1].map(|way| {
            exchanges.iter().flat_map(|pair| if way == 0 { &pair.0 } else { &pair.1 }).copied().collect::<Vec<u8>>()
        });
        let mut wire = Wire::http(&[IDLE]);
        let mut at = [0, 0];
        // Also where an answer comes before its request, which no sane server does.
        for (way, size) in pieces {
            let to = streams[way].len().min(at[way] + size);
            if at[way] < to {
                wire.feed(WAYS[way], &streams[way][at[way]..to]);
                at[way] = to;
            }
        }
        for way in [0, 1] {
            if at[way] < streams[way].len() {
                wire.feed(WAYS[way], &streams[way][at[way]..]);
            }
        }
        for way in WAYS {
            wire.ended(way);
        }
        prop_assert_eq!(&wire.up, &streams[0]);
        prop_assert_eq!(&wire.down, &streams[1]);
        wire.ends.sort_unstable();
        prop_assert_eq!(&wire.ends, &["end down", "end up"]);
        prop_assert!(wire.hits.iter().all(|hit| hit.contains("passed unseen")));
    }

    #[test]
    fn whole_exchanges_are_not_held_back(exchanges in vec(exchange(), 1..6), size in 1..40_usize) {
        let mut wire = Wire::http(&[IDLE]);
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for (request, response) in exchanges {
            request.chunks(size).for_each(|piece| wire.client(piece));
            up.extend(request);
            prop_assert_eq!(&wire.up, &up);
            response.chunks(size).for_each(|piece| wire.server(piece));
            down.extend(response);
            prop_assert_eq!(&wire.down, &down);
        }
    }

    #[test]
    fn garbage_passes_unchanged(pieces in vec((0..2_usize, vec(any::<u8>(), 1..80)), 0..20)) {
        let mut wire = Wire::http(&[IDLE]);
        let mut sent = [Vec::new(), Vec::new()];
        for (way, bytes) in pieces {
            wire.feed(WAYS[way], &bytes);
            sent[way].extend(bytes);
        }
        for way in WAYS {
            wire.ended(way);
        }
        prop_assert_eq!([&wire.up, &wire.down], [&sent[0], &sent[1]]);
    }

    #[test]
    fn frames_of_http2_pass_unchanged_whatever_is_in_them(
        frames in vec((0..2_usize, 0..11_u8, any::<u8>(), 0..4_u8, vec(any::<u8>(), 0..60)), 0..30),
        size in 1..50_usize,
    ) {
        let mut wire = Wire::http(&[IDLE]);
        let mut sent = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Vec::new()];
        sent[0].chunks(size).for_each(|piece| wire.client(piece));
        for (way, kind, flags, stream, payload) in frames {
            let head = [0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
            let frame = [&head[..], &payload].concat();
            frame.chunks(size).for_each(|piece| wire.feed(WAYS[way], piece));
            sent[way].extend(frame);
        }
        for way in WAYS {
            wire.ended(way);
        }
        prop_assert_eq!([&wire.up, &wire.down], [&sent[0], &sent[1]]);
    }

    #[test]
    fn rules_that_hit_everything_survive_garbage(
        rule in 0..9_usize,
        preface in any::<bool>(),
        pieces in vec((0..2_usize, vec(any::<u8>(), 1..120)), 0..20),
        frames in vec((0..2_usize, 0..11_u8, any::<u8>(), 0..4_u8, vec(any::<u8>(), 0..60)), 0..30),
    ) {
        let rules = [
            r#"{"answer": {"status": 503, "body": "no"}}"#,
            r#"{"delay": 10, "jitter": 5}"#,
            r#"{"reset": "body"}"#,
            r#"{"reset": "end", "throttle": 100}"#,
            r#"{"truncate": 3, "dribble": {"bytes": 1, "every": 1}}"#,
            r#"{"body": {"replace": "other"}}"#,
            r#"{"body": {"corrupt": 2}, "length": -1}"#,
            r#"{"goaway": "NO_ERROR", "every": 3}"#,
            r#"{"request": {"set": {"a": "b"}}, "response": {"remove": "c"}}"#,
        ];
        let mut wire = Wire::http(&[rules[rule]]);
        if preface {
            wire.client(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
            // GET / over http from the static table opens stream 1.
            wire.client([0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86]);
            for (way, kind, flags, stream, payload) in frames {
                let head = [0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
                wire.feed(WAYS[way], [&head[..], &payload].concat());
            }
        } else {
            wire.client(b"GET / HTTP/1.1\r\n\r\n");
            wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
        }
        for (way, bytes) in pieces {
            wire.feed(WAYS[way], &bytes);
            wire.pass(std::time::Duration::from_millis(3));
        }
        for way in WAYS {
            wire.ended(way);
        }
        wire.pass(std::time::Duration::from_mins(1));
    }
}

#[test]
fn what_a_rule_holds_is_bounded() {
    let mut wire = Wire::http(&[r#"{"throttle": 1}"#]);
    wire.client(b"GET / HTTP/1.1\r\n\r\n");
    wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n");
    let mut fed = 0;
    while wire.wants(Way::Downstream) {
        wire.server([7; 16_384]);
        fed += 16_384;
        assert!(fed <= 2 * LIMIT, "{fed} bytes are held");
    }
    assert!(wire.wants(Way::Upstream));
}

#[test]
fn a_client_that_never_reads_answers_cannot_pile_up_requests() {
    let mut wire = Wire::http(&[]);
    let mut sent = 0;
    while wire.wants(Way::Upstream) {
        wire.client(b"GET / HTTP/1.1\r\n\r\n");
        sent += 1;
        assert!(sent <= 1000);
    }
}

#[test]
fn a_head_that_never_ends_passes_in_the_end() {
    let mut wire = Wire::http(&[IDLE]);
    let line = [&b"GET /"[..], &vec![b'a'; 70_000]].concat();
    wire.client(&line);
    assert_eq!(wire.up, line);
    wire.client(b" more");
    assert_eq!(wire.up.len(), line.len() + 5);
}

#[test]
fn what_waits_for_an_answer_goes_on_when_the_server_ends_without_one() {
    let upgrade = "GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    for start in
        [format!("{upgrade}behind it"), "GET / HTTP/1.1\r\n\r\n".repeat(300), format!("{upgrade}GET")]
    {
        let mut wire = Wire::http(&[IDLE]);
        wire.client(&start);
        assert!(!wire.wants(Way::Upstream));
        wire.ended(Way::Downstream);
        // Otherwise nobody would hear the client's end.
        assert!(wire.wants(Way::Upstream));
        wire.client("last words");
        wire.ended(Way::Upstream);
        assert_eq!(
            (wire.up_text(), &wire.ends[..]),
            (format!("{start}last words"), &["end down", "end up"][..])
        );
    }
}

// A header block that never ends must not fill the memory (the CONTINUATION flood of 2024, VU#421644).
#[test]
fn a_header_block_that_never_ends_is_not_held_for_ever() {
    for length in [0_u8, 100] {
        let mut wire = Wire::http(&[r#"{"path": "/never", "delay": 1}"#]);
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x01\0\0\0\0\x01".to_vec();
        let continuation = [&[0, 0, length, 9, 0, 0, 0, 0, 1][..], &vec![b'x'; length.into()]].concat();
        sent.extend(continuation.repeat(400_000 / continuation.len()));
        sent.chunks(1000).for_each(|piece| wire.client(piece));
        assert!(wire.up == sent, "by {length}: {} of {} bytes went on", wire.up.len(), sent.len());
    }
}
