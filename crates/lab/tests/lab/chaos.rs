//! E5, F6, F23: no acknowledged task is lost and none is completed twice, whoever is killed at whatever moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;

use crate::client::{get, submit};
use crate::process::{Process, Site, until};

/// A client that goes on while everything around it dies, and remembers the number of each task that was
/// acknowledged to it.
fn client(port: u16, name: usize, over: &AtomicBool) -> Vec<i64> {
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        number += 1;
        let kind = match number % 10 {
            0 => r#""kind":"fail-always","max_failures":2,"tag":"doomed""#,
            5 => r#""kind":"flaky","percent":20,"max_failures":50,"tag":"kept""#,
            _ => r#""tag":"kept""#,
        };
        let work = number * 7 % 40;
        if number % 3 == 0 {
            acknowledged.extend(submit(port, &format!(r#"{{{kind},"work_ms":{work}}}"#)));
        } else {
            // The key makes it harmless to send again what may have arrived.
            let body = format!(r#"{{{kind},"work_ms":{work},"key":"{name}-{number}"}}"#);
            acknowledged.extend((0..5).find_map(|_| submit(port, &body)));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    acknowledged
}

/// Tells the clients to end.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn worker(site: &Site, number: usize) -> Process {
    site.worker(&format!("w{number}"), &["--concurrency", "4", "--lease", "500ms", "--poll", "10ms"])
}

fn survive(seed: u64) {
    let mut dice = SmallRng::seed_from_u64(seed);
    let site = Site::new();
    let (api, port) = site.api();
    let mut api = Some(api);
    let mut workers: Vec<Process> = (0..3).map(|number| worker(&site, number)).collect();
    let sleepy = worker(&site, 1000);
    let mut asleep = false;
    let over = AtomicBool::new(false);

    let receipts: Vec<i64> = std::thread::scope(|scope| {
        // Also when a round panics: the scope waits for its clients.
        let ending = Ending(&over);
        let over = &over;
        let clients: Vec<_> = (0..3).map(|name| scope.spawn(move || client(port, name, over))).collect();
        for round in 0..40 {
            std::thread::sleep(Duration::from_millis(dice.random_range(0..120)));
            match dice.random_range(0..4) {
                0 => {
                    api.take().expect("an API").kill();
                    api = Some(site.api_at(port).0);
                }
                1 => {
                    // Wherever it is, also in the middle of a change: then all others have to wait for it.
                    sleepy.signal(if asleep { Signal::CONT } else { Signal::STOP });
                    asleep = !asleep;
                }
                _ => {
                    let which = dice.random_range(0..workers.len());
                    workers.swap_remove(which).kill();
                    workers.push(worker(&site, 3 + round));
                }
            }
        }
        sleepy.signal(Signal::CONT);
        drop(ending);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });

    let acknowledged: BTreeSet<i64> = receipts.iter().copied().collect();
    // Each receipt was for another task: a number that is given out twice belonged to a task that was lost.
    assert_eq!(acknowledged.len(), receipts.len(), "seed {seed}: a number was given out twice");
    assert!(acknowledged.len() > 100, "seed {seed}: only {} tasks were acknowledged", acknowledged.len());
    until("every task ends", Duration::from_mins(1), || (site.stat("depth") == 0).then_some(()));
    let stats = site.json(&["stats"]);
    assert_eq!((&stats["stuck"], &stats["running"]), (&0.into(), &0.into()), "seed {seed}: {stats}");

    // The clients' own list, asked of the API task by task: not the queue's word for it.
    for id in &acknowledged {
        let task = get(port, &format!("/tasks/{id}")).unwrap();
        assert_eq!(task.status, 200, "seed {seed}: task {id} was acknowledged and is lost");
        let meant = if task.body["tag"] == "doomed" { "dead" } else { "done" };
        assert_eq!(task.body["state"], meant, "seed {seed}: {}", task.body);
    }
    let ledger = site.json(&["ledger"]);
    assert_eq!(ledger["conserved"], true, "seed {seed}: {ledger}");
    assert_eq!((&ledger["twice"], &ledger["open"]), (&0.into(), &0.into()), "seed {seed}: {ledger}");
    assert!(ledger["sent"].as_u64().unwrap() >= acknowledged.len() as u64, "seed {seed}: {ledger}");
    assert_eq!(site.json(&["ledger", "--tag", "doomed"])["done"], 0, "seed {seed}");
    assert_eq!(site.json(&["ledger", "--tag", "kept"])["dead"], 0, "seed {seed}");
    let check = rusqlite::Connection::open(site.db()).unwrap();
    let redone: i64 = check
        .query_row("SELECT count(*) FROM tasks WHERE attempts > failures + (state = 'done')", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(redone > 0, "seed {seed}: no attempt was lost with its worker, so nothing was shown");
    let sound: String = check.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_under_kill_9_seed_1() {
    survive(1);
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_under_kill_9_seed_2() {
    survive(2);
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_under_kill_9_seed_3() {
    survive(3);
}
