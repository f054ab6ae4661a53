//! The rate limit.

use std::time::Duration;

use crate::client::{get, post};
use crate::process::{Site, path, until};

#[test]
fn a_client_over_its_rate_is_told_when_to_come_again_and_watchers_are_let_through() {
    let site = Site::new();
    let (_api, port) = site.serve("api", 0, &["--rate", "1", "--burst", "3"]);
    // The bucket refills by one a second, so a slow machine lets more than three through, but not all.
    let answers: Vec<_> = (0..60).map(|_| post(port, "/tasks", r#"{"tag":"a"}"#).unwrap()).collect();
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert!(taken.len() >= 3 && !refused.is_empty(), "{} taken, {} refused", taken.len(), refused.len());
    for answer in &refused {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.error().contains("over your rate"), "{answer:?}");
    }
    assert_eq!(site.stat("total"), taken.len() as u64, "what was refused is not in the queue");
    for _ in 0..5 {
        assert_eq!(get(port, "/health").unwrap().status, 200);
    }
    let metrics = get(port, "/metrics").unwrap().text;
    assert!(metrics.contains(&format!("lab_api_rate_limited_total {}", refused.len())), "{metrics}");
    until("the bucket fills again", Duration::from_secs(20), || {
        (post(port, "/tasks", r#"{"tag":"a"}"#).unwrap().status == 201).then_some(())
    });
}

#[test]
fn guessing_passwords_is_held_to_the_rate_too() {
    let site = Site::new();
    let auth = site.file("auth");
    let (_api, port) = site.serve("api", 0, &["--auth", path(&auth), "--rate", "1", "--burst", "2"]);
    // At the same time: one after the other they would be as slow as the hashing of passwords on a busy machine.
    let guess = || post(port, "/login", r#"{"name":"ada","password":"correct horse"}"#).unwrap().status;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..20).map(|_| scope.spawn(guess)).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
}
