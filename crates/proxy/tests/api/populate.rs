//! Many proxies at once.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::support::{Rig, connect, echo, ending, listener, round_trip};

#[test]
fn populate_leaves_the_same_alone_and_replaces_what_differs() {
    let rig = Rig::new();
    let (one, other) = (echo().to_string(), echo().to_string());
    let at = rig.proxy(one.parse().unwrap());
    rig.toxic(&json!({"type": "slow_close"}));
    let mut client = connect(at);
    round_trip(&mut client, b"x");
    let same = json!([{"name": "p", "listen": at.to_string(), "upstream": one}]);
    let (status, answer) = rig.call("POST", "/populate", &same);
    assert_eq!((status, &answer["proxies"][0]["toxics"][0]["type"]), (201, &json!("slow_close")));
    round_trip(&mut client, b"still the same");
    let (status, answer) =
        rig.call("POST", "/populate", &json!([{"name": "p", "listen": at.to_string(), "upstream": other}]));
    assert_eq!((status, &answer["proxies"][0]["upstream"]), (201, &json!(other)));
    assert_eq!(answer["proxies"][0]["toxics"], json!([]));
    assert_eq!(ending(&mut client), "end after 0");
    round_trip(&mut connect(at), b"x");
}

#[test]
fn a_populate_that_stops_in_the_middle_says_what_is_there_and_what_means_nothing() {
    let rig = Rig::new();
    let (_taken, taken) = listener();
    let upstream = echo().to_string();
    let plans = json!([{"name": "a", "upstream": upstream},
                       {"name": "b", "upstream": upstream, "listen": taken.to_string()},
                       {"name": "c", "upstream": upstream}]);
    let (status, answer) = rig.call("POST", "/populate", &plans);
    assert_eq!(
        (status, &answer["status"], answer["proxies"].as_array().unwrap().len()),
        (500, &json!(500), 1)
    );
    assert!(answer["error"].as_str().unwrap().contains("in use"), "{answer}");
    assert_eq!(answer["proxies"][0], rig.call("GET", "/proxies/a", &Value::Null).1);
    for absent in ["b", "c"] {
        assert_eq!(rig.call("GET", &format!("/proxies/{absent}"), &Value::Null).0, 404);
    }
    let plan = json!([{"name": "d", "upstream": upstream, "colour": 1, "toxics": [{"type": "latency", "taste": 2}]}]);
    let (status, head, _) = rig.raw("POST", "/populate", "", plan.to_string().as_bytes());
    assert_eq!(status, 201);
    for field in ["colour", "taste"] {
        assert!(head.contains(&format!("{field} means nothing here")), "{head}");
    }
}

#[test]
fn populate_knows_the_same_place_by_another_name_and_by_its_path() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let rig = Rig::new();
    let upstream = echo();
    let at = rig.proxy(upstream);
    let mut client = connect(at);
    round_trip(&mut client, b"x");
    let named = format!("localhost:{}", at.port());
    let (status, answer) = rig.call(
        "POST",
        "/populate",
        &json!([{"name": "p", "listen": named, "upstream": upstream.to_string()}]),
    );
    assert_eq!((status, &answer["proxies"][0]["listen"]), (201, &json!(at.to_string())));
    round_trip(&mut client, b"still the same");

    let folder = tempfile::tempdir().unwrap();
    let front = folder.path().join("front");
    // What a proxy that was killed has left there is in nobody's way.
    drop(UnixListener::bind(&front).unwrap());
    let plan = json!([{"name": "u", "listen": format!("unix:{}", front.display()), "upstream": upstream.to_string()}]);
    assert_eq!(rig.call("POST", "/populate", &plan).0, 201);
    let mut client = UnixStream::connect(&front).unwrap();
    for text in [b"one", b"two"] {
        client.write_all(text).unwrap();
        let mut back = [0; 3];
        client.read_exact(&mut back).unwrap();
        assert_eq!((&back, rig.call("POST", "/populate", &plan).0), (text, 201));
    }
    // Somebody listens there, or it is no socket at all.
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    for taken in [&front, &file] {
        let body = json!({"name": "v", "listen": format!("unix:{}", taken.display()), "upstream": "a:1"});
        assert_eq!(rig.call("POST", "/proxies", &body).0, 500);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn reset_enables_all_and_takes_all_toxics_away() {
    let rig = Rig::new();
    let at = rig.proxy(echo());
    rig.toxic(&json!({"type": "timeout"}));
    assert_eq!(rig.call("PATCH", "/proxies/p", &json!({"enabled": false})).0, 200);
    assert_eq!(rig.call("POST", "/reset", &Value::Null), (204, Value::Null));
    let (_, view) = rig.call("GET", "/proxies/p", &Value::Null);
    assert_eq!((&view["enabled"], &view["toxics"]), (&json!(true), &json!([])));
    round_trip(&mut connect(at), b"x");
}
