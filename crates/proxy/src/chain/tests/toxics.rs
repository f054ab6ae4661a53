//! What each toxic does to a stream, and when.

use std::time::Duration;

use serde_json::json;

use super::bench::{Bench, Step, live};
use crate::chain::{Cut, Piece};

#[test]
fn a_delay_line_lets_each_chunk_go_at_its_own_time() {
    let mut bench = Bench::new();
    bench.step(Step::Add(json!({"type": "latency", "attributes": {"latency": 100}})));
    let began = bench.now;
    for _ in 0..10 {
        bench.come(1);
        bench.now += Duration::from_millis(10);
    }
    assert_eq!(bench.chain.due(), Some(began + Duration::from_millis(100)));
    bench.now = began + Duration::from_millis(145);
    bench.run();
    assert_eq!(bench.left.len(), 5);
    // A shorter latency counts from when the chunks came.
    bench.toxics[0] = live(&json!({"type": "latency", "attributes": {"latency": 75}}), 1, 2);
    bench.publish();
    bench.run();
    assert_eq!(bench.left.len(), 8);
}

#[test]
fn a_bandwidth_carries_its_bytes_in_its_time_however_it_is_woken() {
    for woken_every in [1, 7, 50] {
        let mut bench = Bench::new();
        bench.step(Step::Add(json!({"type": "bandwidth", "attributes": {"rate": 100}})));
        let began = bench.now;
        bench.come(100_000);
        while bench.now < began + Duration::from_millis(500) {
            bench.now += Duration::from_millis(woken_every);
            bench.run();
        }
        let elapsed = (bench.now - began).as_secs_f64();
        let expected = 100_000.0 * elapsed;
        assert!((bench.left.len() as f64 - expected).abs() <= 0.02 * expected, "{}", bench.left.len());
    }
}

#[test]
fn a_shared_bandwidth_is_one_line_for_all() {
    let toxics = vec![live(&json!({"type": "bandwidth", "attributes": {"rate": 100, "shared": true}}), 1, 1)];
    let mut benches: Vec<Bench> = (0..4).map(|_| Bench::new()).collect();
    let began = benches[0].now;
    for bench in &mut benches {
        (bench.now, bench.opened, bench.toxics) = (began, began, toxics.clone());
        bench.publish();
        bench.come(100_000);
    }
    for millis in 1..=400 {
        for bench in &mut benches {
            bench.now = began + Duration::from_millis(millis);
            bench.run();
        }
    }
    let left: Vec<usize> = benches.iter().map(|bench| bench.left.len()).collect();
    let sum: usize = left.iter().sum();
    assert!((38_000..=40_000).contains(&sum), "{left:?}");
    assert!(left.iter().all(|one| (9_000..=11_000).contains(one)), "each has its turn: {left:?}");
}

#[test]
fn limit_data_closes_after_its_bytes_and_a_change_counts_what_has_passed() {
    let mut bench = Bench::new();
    bench.step(Step::Add(json!({"type": "limit_data", "attributes": {"bytes": 100}})));
    bench.come(60);
    bench.run();
    bench.toxics[0] = live(&json!({"type": "limit_data", "attributes": {"bytes": 80}}), 1, 2);
    bench.publish();
    bench.come(60);
    bench.run();
    assert_eq!((bench.left.len(), &bench.ended), (80, &Some(Piece::Close)));
}

#[test]
fn slow_close_delays_the_close_and_no_data() {
    let mut bench = Bench::new();
    bench.step(Step::Add(json!({"type": "slow_close", "attributes": {"delay": 100}})));
    bench.come(10);
    bench.push(Piece::End);
    bench.run();
    assert_eq!((bench.left.len(), bench.ended.is_some()), (10, false));
    bench.now += Duration::from_millis(100);
    bench.run();
    assert_eq!(bench.ended, Some(Piece::End));
}

#[test]
fn a_bandwidth_of_next_to_nothing_holds_everything_and_lets_it_go() {
    for rate in [1e-300, 1e-20, 0.0] {
        let mut bench = Bench::new();
        bench.step(Step::Add(json!({"type": "bandwidth", "attributes": {"rate": rate}})));
        bench.come(1000);
        bench.now += Duration::from_hours(24);
        bench.run();
        assert_eq!(bench.left.len(), 0, "{rate}");
        bench.toxics.clear();
        assert_eq!((bench.publish(), bench.left.len()), (None, 1000), "{rate}");
    }
}

#[test]
fn the_slicer_gives_pieces_of_its_sizes() {
    let mut bench = Bench::new();
    bench.step(Step::Add(
        json!({"type": "slicer", "attributes": {"average_size": 100, "size_variation": 20, "delay": 1000}}),
    ));
    bench.come(10_000);
    let (mut sizes, mut before) = (Vec::new(), 0);
    while bench.left.len() < 10_000 {
        bench.run();
        sizes.push(bench.left.len() - before);
        before = bench.left.len();
        bench.now += Duration::from_millis(1);
    }
    sizes.pop();
    assert!(sizes.iter().all(|size| (80..=120).contains(size)), "{sizes:?}");
    assert!(sizes.len() > 80 && sizes.iter().any(|size| *size != sizes[0]));
}

#[test]
fn corruption_turns_one_bit_in_its_share_of_bytes() {
    let mut bench = Bench::new();
    bench.step(Step::Add(json!({"type": "corrupt", "attributes": {"rate": 0.01}})));
    for _ in 0..100 {
        bench.come(1000);
    }
    bench.run();
    assert_eq!(bench.left.len(), 100_000);
    let turned: Vec<u32> = bench
        .came
        .iter()
        .zip(&bench.left)
        .map(|(came, left)| (came ^ left).count_ones())
        .filter(|bits| *bits > 0)
        .collect();
    assert!(turned.iter().all(|bits| *bits == 1));
    assert!((850..1150).contains(&turned.len()), "{}", turned.len());
    let places = bench.came.iter().zip(&bench.left).fold(0, |places, (came, left)| places | (came ^ left));
    assert_eq!(places, 0xff, "any bit of a byte");
    // From a change on it is another share.
    bench.toxics[0] = live(&json!({"type": "corrupt", "attributes": {"rate": 0}}), 1, 2);
    bench.publish();
    bench.come(10_000);
    bench.run();
    assert_eq!(bench.left[100_000..], bench.came[100_000..]);
}

#[test]
fn being_woken_late_does_not_add_up_from_one_toxic_to_the_next() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        bench.step(Step::Add(json!({"type": "latency", "attributes": {"latency": 100}})));
    }
    let began = bench.now;
    bench.come(1);
    bench.now = began + Duration::from_millis(150);
    bench.run();
    assert_eq!(bench.chain.due(), Some(began + Duration::from_millis(200)));
}

#[test]
fn another_bandwidth_is_in_force_at_once_and_gives_no_credit_for_the_time_before() {
    let mut bench = Bench::new();
    // A byte in a quarter of an hour.
    bench.step(Step::Add(json!({"type": "bandwidth", "attributes": {"rate": 0.000_001}})));
    bench.come(100_000);
    bench.now += Duration::from_secs(10);
    bench.run();
    assert_eq!(bench.left.len(), 0);
    bench.toxics[0] = live(&json!({"type": "bandwidth", "attributes": {"rate": 100}}), 1, 2);
    bench.publish();
    for _ in 0..100 {
        bench.now += Duration::from_millis(1);
        bench.run();
    }
    assert!((9_000..=10_000).contains(&bench.left.len()), "{}", bench.left.len());
}

#[test]
fn limit_data_below_what_has_passed_closes_at_once() {
    let mut bench = Bench::new();
    bench.step(Step::Add(json!({"type": "limit_data", "attributes": {"bytes": 100}})));
    bench.come(60);
    bench.run();
    bench.toxics[0] = live(&json!({"type": "limit_data", "attributes": {"bytes": 50}}), 1, 2);
    bench.publish();
    bench.run();
    assert_eq!((bench.left.len(), &bench.ended), (60, &Some(Piece::Close)));
}

#[test]
fn limit_time_counts_from_when_the_connection_was_opened_whenever_it_is_added_or_changed() {
    let toxic =
        |time: u32, revision| live(&json!({"type": "limit_time", "attributes": {"time": time}}), 1, revision);
    let mut bench = Bench::new();
    let at = |bench: &mut Bench, millis| {
        bench.now = bench.opened + Duration::from_millis(millis);
        bench.run()
    };
    assert_eq!(at(&mut bench, 50), None);
    bench.toxics.push(toxic(100, 1));
    assert_eq!((bench.publish(), at(&mut bench, 99)), (None, None));
    bench.toxics[0] = toxic(200, 2);
    assert_eq!((bench.publish(), at(&mut bench, 199)), (None, None));
    bench.come(5);
    assert_eq!((bench.run(), bench.left.len()), (None, 5), "until then all goes on");
    assert_eq!(at(&mut bench, 200), Some(Cut::Close));
}

#[test]
fn a_silence_ends_in_time_and_when_it_is_taken_away() {
    let mut bench = Bench::new();
    bench.step(Step::Add(json!({"type": "timeout", "attributes": {"timeout": 100}})));
    bench.come(10);
    assert_eq!((bench.run(), bench.left.len()), (None, 0));
    bench.now += Duration::from_millis(100);
    assert_eq!(bench.run(), Some(Cut::Close));

    let mut bench = Bench::new();
    bench.step(Step::Add(json!({"type": "timeout", "attributes": {"timeout": 0}})));
    bench.now += Duration::from_hours(1);
    assert_eq!(bench.run(), None);
    bench.toxics.clear();
    assert_eq!(bench.publish(), Some(Cut::Close), "what was dropped makes a hole that nobody must read over");

    for (kind, how) in [("timeout", Cut::Close), ("reset_peer", Cut::Reset)] {
        // A change counts from when the toxic was added.
        let mut bench = Bench::new();
        let began = bench.now;
        bench.step(Step::Add(json!({"type": kind, "attributes": {"timeout": 3_600_000}})));
        bench.now = began + Duration::from_millis(400);
        bench.toxics[0] = live(&json!({"type": kind, "attributes": {"timeout": 500}}), 1, 2);
        assert_eq!((bench.publish(), bench.run()), (None, None));
        bench.now = began + Duration::from_millis(499);
        assert_eq!((bench.run(), bench.chain.due()), (None, Some(began + Duration::from_millis(500))));
        bench.now = began + Duration::from_millis(500);
        assert_eq!(bench.run(), Some(how), "{kind}");
    }
    for (came, expected) in [(0, None), (10, Some(Cut::Reset))] {
        let mut bench = Bench::new();
        bench.step(Step::Add(json!({"type": "reset_peer", "attributes": {"timeout": 3_600_000}})));
        if came > 0 {
            bench.come(came);
        }
        bench.toxics.clear();
        assert_eq!(bench.publish(), expected, "an idle connection goes on, one that lost bytes does not");
    }
}
