//! E5, F6, F23: no acknowledged task is lost and none is completed twice, whoever is killed at whatever moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;

use squall_lab::{Access, Cursor, Event, Happened, TaskId};

use crate::client::{get, post, submit};
use crate::process::{Process, Site, now, until};
use crate::store::{Postgres, Redis, Server, Store};

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

/// The client of an API that must not hang: refusals while the store is away come within this time, on a busy machine.
const REFUSED_WITHIN: Duration = Duration::from_secs(15);

/// Kills, pauses and restarts what is around the queue, and what is below it when that is a server.
struct Storm<'a> {
    site: &'a Site,
    server: Option<&'a mut dyn Server>,
    dice: SmallRng,
    port: u16,
    api: Option<Process>,
    workers: Vec<Process>,
    sleepy: Process,
    asleep: bool,
}

impl Storm<'_> {
    fn strike(&mut self, round: usize) {
        std::thread::sleep(Duration::from_millis(self.dice.random_range(0..120)));
        match self.dice.random_range(0..4) {
            0 => {
                self.api.take().expect("an API").kill();
                self.api = Some(self.site.api_at(self.port).0);
            }
            1 => {
                // Wherever it is, also in the middle of a change: then all others have to wait for it.
                self.sleepy.signal(if self.asleep { Signal::CONT } else { Signal::STOP });
                self.asleep = !self.asleep;
            }
            _ => {
                let which = self.dice.random_range(0..self.workers.len());
                self.workers.swap_remove(which).kill();
                self.workers.push(worker(self.site, 3 + round));
            }
        }
        if round % 8 == 4 {
            self.lose_the_store(round / 8);
        }
    }

    fn lose_the_store(&mut self, time: usize) {
        let Some(server) = &mut self.server else { return };
        let away = Duration::from_millis(self.dice.random_range(50..400));
        match time % 3 {
            0 => {
                server.kill();
                refused(self.port);
                std::thread::sleep(away);
                server.start();
            }
            1 => {
                server.pause();
                refused(self.port);
                std::thread::sleep(away);
                server.resume();
            }
            _ => server.cut(),
        }
    }
}

/// While the store is away, the API says so and does not hang.
fn refused(port: u16) {
    let began = now();
    let answer = post(port, "/tasks", r#"{"tag":"kept","key":"never"}"#).unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body["error"].as_str().unwrap().starts_with("could not "), "{answer:?}");
    assert_eq!(get(port, "/health").unwrap().status, 503);
    assert!(began.elapsed() < REFUSED_WITHIN, "refused after {:?}", began.elapsed());
}

fn survive<'a>(seed: u64, site: &'a Site, server: Option<&'a mut dyn Server>) {
    let (api, port) = site.api();
    let mut storm = Storm {
        site,
        server,
        dice: SmallRng::seed_from_u64(seed),
        port,
        api: Some(api),
        workers: (0..3).map(|number| worker(site, number)).collect(),
        sleepy: worker(site, 1000),
        asleep: false,
    };
    let over = AtomicBool::new(false);

    let receipts: Vec<i64> = std::thread::scope(|scope| {
        // Also when a round panics: the scope waits for its clients.
        let ending = Ending(&over);
        let over = &over;
        let clients: Vec<_> = (0..3).map(|name| scope.spawn(move || client(port, name, over))).collect();
        (0..40).for_each(|round| storm.strike(round));
        storm.sleepy.signal(Signal::CONT);
        drop(ending);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });

    let acknowledged: BTreeSet<i64> = receipts.iter().copied().collect();
    // Each receipt was for another task: a number that is given out twice belonged to a task that was lost.
    assert_eq!(acknowledged.len(), receipts.len(), "seed {seed}: a number was given out twice");
    assert!(acknowledged.len() > 50, "seed {seed}: only {} tasks were acknowledged", acknowledged.len());
    until("every task ends", Duration::from_mins(2), || (site.stat("depth") == 0).then_some(()));
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
    told(seed, site, &ledger);
}

/// The events agree with the ledger, in pages: nothing is missing, nothing is told twice, each task in its order.
fn told(seed: u64, site: &Site, ledger: &serde_json::Value) {
    let mut queue = site.open(Access::Read);
    let (mut cursor, mut lives) = (Cursor::default(), BTreeMap::<TaskId, Vec<Event>>::new());
    loop {
        let page = queue.events(&cursor, 97).unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.cursor.clone();
        for event in page {
            lives.entry(event.task).or_default().push(event);
        }
    }
    assert_eq!(lives.len() as u64, ledger["sent"].as_u64().unwrap(), "seed {seed}");
    let (mut done, mut redone) = (0, 0);
    for (task, life) in &lives {
        let attempts: Vec<u32> = life.iter().map(|event| event.attempt).collect();
        assert!(
            life[0].happened == Happened::Queued && attempts.is_sorted(),
            "seed {seed}, {task:?}: {life:?}"
        );
        let count = |what: Happened| life.iter().filter(|event| event.happened == what).count();
        assert_eq!(count(Happened::Done) + count(Happened::Dead), 1, "seed {seed}, {task:?}: {life:?}");
        done += count(Happened::Done) as u64;
        redone += count(Happened::Started) - count(Happened::Failed) - 1;
    }
    assert_eq!(done, ledger["done"].as_u64().unwrap(), "seed {seed}");
    assert!(redone > 0, "seed {seed}: no attempt was lost with its worker, so nothing was shown");
}

fn on_sqlite(seed: u64) {
    let site = Site::new();
    survive(seed, &site, None);
    let check = rusqlite::Connection::open(site.db()).unwrap();
    let sound: String = check.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

fn on_redis(seed: u64) {
    let mut redis = Redis::new();
    let site = Site::on(redis.fresh());
    survive(seed, &site, Some(&mut redis));
}

fn on_postgresql(seed: u64) {
    let mut postgres = Postgres::new();
    let site = Site::on(postgres.fresh());
    survive(seed, &site, Some(&mut postgres));
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_under_kill_9_seed_1() {
    on_sqlite(1);
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_under_kill_9_seed_2() {
    on_sqlite(2);
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_on_redis_also_when_it_is_lost_seed_1() {
    on_redis(1);
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_on_redis_also_when_it_is_lost_seed_2() {
    on_redis(2);
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_on_postgresql_also_when_it_is_lost_seed_1() {
    on_postgresql(1);
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_on_postgresql_also_when_it_is_lost_seed_2() {
    on_postgresql(2);
}
