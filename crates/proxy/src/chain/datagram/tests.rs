use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::chain::{Chain, Piece};
use crate::layer::Way;
use crate::toxic::{Live, Toxic};

fn live(document: &Value, id: u64, revision: u64, seed: u64) -> Arc<Live> {
    let (toxic, unknown) = Toxic::read(document).unwrap();
    assert!(unknown.is_empty());
    Arc::new(Live { id, revision, toxic, seed, shared: Arc::default() })
}

/// A chain with a clock of its own. Datagrams are numbers.
struct Bench {
    chain: Chain,
    began: Instant,
    now: Instant,
    /// Milliseconds from the beginning, and the number.
    left: Vec<(f64, u32)>,
}

impl Bench {
    fn new(toxics: &[Arc<Live>]) -> Self {
        let began = tokio::time::Instant::now().into_std();
        let mut bench =
            Self { chain: Chain::of_datagrams(Way::Downstream), began, now: began, left: Vec::new() };
        bench.change(toxics);
        bench
    }

    fn change(&mut self, toxics: &[Arc<Live>]) {
        let mut ready = Vec::new();
        assert_eq!(self.chain.change(toxics, 0, self.began, self.now, &mut ready), None);
        self.collect(ready);
    }

    fn collect(&mut self, ready: Vec<Piece>) {
        let at = (self.now - self.began).as_secs_f64() * 1000.0;
        self.left.extend(ready.into_iter().map(|piece| match piece {
            Piece::Data(bytes) => (at, u32::from_be_bytes(bytes[..4].try_into().unwrap())),
            other => panic!("{other:?} is no datagram"),
        }));
    }

    fn run(&mut self) {
        let mut ready = Vec::new();
        assert_eq!(self.chain.run(self.now, &mut ready), None);
        self.collect(ready);
    }

    /// Follows the alarms to this time.
    fn until(&mut self, millis: u64) {
        let end = self.began + Duration::from_millis(millis);
        while let Some(due) = self.chain.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.run();
        }
        self.now = end;
    }

    fn come(&mut self, number: u32, length: usize) {
        let mut bytes = number.to_be_bytes().to_vec();
        bytes.resize(length.max(4), 0);
        let mut ready = Vec::new();
        self.chain.push(Piece::Data(Bytes::from(bytes)), self.now, &mut ready);
        self.collect(ready);
        self.run();
    }

    fn numbers(&self) -> Vec<u32> {
        self.left.iter().map(|(_, number)| *number).collect()
    }
}

/// Those that come behind a later one.
fn overtaken(numbers: &[u32]) -> u64 {
    let mut most = 0;
    numbers.iter().fold(0, |count, number| {
        most = most.max(*number);
        count + u64::from(*number < most)
    })
}

proptest! {
    // F20: what is counted as hit is what has happened.
    #[test]
    fn losses_doubles_and_overtakings_are_counted_exactly(
        seed in any::<u64>(),
        percent in 0.0_f64..100.0,
        correlation in 0.0_f64..99.0,
        gap in 1_u64..5,
        datagrams in 1_u32..400,
        every in 0_u64..30,
    ) {
        let toxics = |kind: &str, attributes: Value| vec![live(&json!({"type": kind, "attributes": attributes}), 1, 1, seed)];
        let through = |toxics: &[Arc<Live>]| {
            let mut bench = Bench::new(toxics);
            for number in 0..datagrams {
                bench.until(u64::from(number) * every);
                bench.come(number, 10);
            }
            bench.until(1_000_000);
            prop_assert_eq!(bench.chain.held(), 0);
            Ok((bench.numbers(), toxics[0].shared.hits()))
        };
        let loss = toxics("loss", json!({"percent": percent, "correlation": correlation}));
        let (left, hits) = through(&loss)?;
        prop_assert_eq!(left.len() as u64 + hits, u64::from(datagrams));
        prop_assert!(left.is_sorted());
        let again = toxics("loss", json!({"percent": percent, "correlation": correlation}));
        prop_assert_eq!(through(&again)?.0, left, "the same seed loses the same");

        let (left, hits) = through(&toxics("duplicate", json!({"percent": percent})))?;
        prop_assert_eq!(left.len() as u64, u64::from(datagrams) + hits);
        let mut once = left.clone();
        once.dedup();
        prop_assert_eq!(once, (0..datagrams).collect::<Vec<_>>());

        let (mut left, hits) = through(&toxics("reorder", json!({"percent": percent, "gap": gap, "delay": 50})))?;
        prop_assert_eq!(overtaken(&left), hits);
        left.sort_unstable();
        prop_assert_eq!(left, (0..datagrams).collect::<Vec<_>>());
    }

    #[test]
    fn removing_everything_lets_go_what_is_held(
        seed in any::<u64>(),
        jitter in 0_u64..100,
        in_order in any::<bool>(),
        datagrams in 1_u32..100,
    ) {
        let toxics = [
            live(&json!({"type": "latency", "attributes": {"latency": 100, "jitter": jitter, "in_order": in_order}}), 1, 1, seed),
            live(&json!({"type": "bandwidth", "attributes": {"rate": 1, "queue": 1_000_000}}), 2, 1, seed),
            live(&json!({"type": "reorder", "attributes": {"percent": 50}}), 3, 1, seed),
        ];
        let mut bench = Bench::new(&toxics);
        for number in 0..datagrams {
            bench.until(u64::from(number) * 3);
            bench.come(number, 10);
        }
        bench.change(&[]);
        let mut left = bench.numbers();
        left.sort_unstable();
        prop_assert_eq!(left, (0..datagrams).collect::<Vec<_>>());
        prop_assert_eq!(bench.chain.held(), 0);
    }
}

#[test]
fn losses_come_in_bursts_as_long_as_the_correlation_says_and_their_share_stays() {
    for (percent, correlation) in [(10.0, 0.0), (10.0, 75.0), (30.0, 50.0)] {
        let document =
            json!({"type": "loss", "attributes": {"percent": percent, "correlation": correlation}});
        let mut bench = Bench::new(&[live(&document, 1, 1, 11)]);
        for number in 0..100_000 {
            bench.come(number, 4);
        }
        let gaps = bench.numbers().windows(2).filter(|pair| pair[1] - pair[0] > 1).count();
        let lost = 100_000 - bench.left.len();
        let share = lost as f64 / 1000.0;
        let burst = lost as f64 / gaps as f64;
        let expected = 1.0 / ((1.0 - percent / 100.0) * (1.0 - correlation / 100.0));
        assert!((share - percent).abs() < 1.0, "{percent} % asked, {share} % lost");
        assert!((burst / expected - 1.0).abs() < 0.05, "bursts of {burst}, {expected} expected");
    }
}

#[test]
fn a_jitter_lets_datagrams_overtake_unless_they_are_to_keep_their_order() {
    let left = |in_order: bool| {
        let document =
            json!({"type": "latency", "attributes": {"latency": 50, "jitter": 40, "in_order": in_order}});
        let mut bench = Bench::new(&[live(&document, 1, 1, 5)]);
        for number in 0..200 {
            bench.until(u64::from(number));
            bench.come(number, 4);
        }
        bench.until(1000);
        for (at, number) in &bench.left {
            let delay = at - f64::from(*number);
            assert!(delay >= 10.0 - 1e-6 && (in_order || delay <= 90.0 + 1e-6), "{number} took {delay} ms");
        }
        bench.numbers()
    };
    let (free, kept) = (left(false), left(true));
    assert!(overtaken(&free) > 50, "{free:?}");
    assert_eq!((free.len(), kept), (200, (0..200).collect()));
}

#[test]
fn a_line_carries_its_rate_and_loses_what_its_queue_has_no_room_for() {
    // 100 bytes a millisecond, and room for 10 datagrams of 100 bytes behind each other.
    let toxic = live(&json!({"type": "bandwidth", "attributes": {"rate": 100, "queue": 1000}}), 1, 1, 1);
    let mut bench = Bench::new(&[Arc::clone(&toxic)]);
    for number in 0..25 {
        bench.come(number, 100);
    }
    bench.until(100);
    let expected: Vec<_> = (0..10).map(|number| (f64::from(number) + 1.0, number)).collect();
    assert_eq!(bench.left.len(), 10);
    for (found, expected) in bench.left.iter().zip(expected) {
        assert!((found.0 - expected.0).abs() < 0.01 && found.1 == expected.1, "{found:?}, {expected:?}");
    }
    // Half of the rate, halfway: what waits takes twice as long.
    let mut bench = Bench::new(&[Arc::clone(&toxic)]);
    for number in 0..10 {
        bench.come(number, 100);
    }
    bench.until(5);
    let slower = json!({"type": "bandwidth", "attributes": {"rate": 50, "queue": 1000}});
    bench.change(&[live(&slower, 1, 2, 1)]);
    bench.until(100);
    let last = bench.left.last().unwrap();
    assert!((last.0 - 15.0).abs() < 0.1, "{last:?}");
    // What comes later finds a line that is busy for as long.
    let mut bench = Bench::new(&[Arc::clone(&toxic)]);
    for number in 0..10 {
        bench.come(number, 100);
    }
    bench.until(5);
    bench.change(&[live(&slower, 1, 2, 1)]);
    bench.until(7);
    bench.come(10, 100);
    bench.until(100);
    let last = bench.left.last().unwrap();
    assert!((last.0 - 17.0).abs() < 0.1 && last.1 == 10, "{last:?}");
}

#[test]
fn what_is_overtaken_is_overtaken_by_just_as_many_as_the_gap_says() {
    for gap in [1, 2, 5] {
        let document =
            json!({"type": "reorder", "attributes": {"percent": 20, "gap": gap, "delay": 86_400_000}});
        let mut bench = Bench::new(&[live(&document, 1, 1, 3)]);
        for number in 0..500 {
            bench.come(number, 4);
        }
        let left = bench.numbers();
        let ahead = |at: usize| left[..at].iter().filter(|number| **number > left[at]).count() as u64;
        let overtaken: Vec<u64> = (0..left.len()).map(ahead).filter(|count| *count > 0).collect();
        assert!(overtaken.len() > 50 && overtaken.iter().all(|count| *count == gap), "{gap}: {overtaken:?}");
    }
}

#[test]
fn the_first_datagram_is_lost_as_often_as_any() {
    let document = json!({"type": "loss", "attributes": {"percent": 30, "correlation": 50}});
    let lost = (0..2000).filter(|seed| {
        let mut bench = Bench::new(&[live(&document, 1, 1, *seed)]);
        bench.come(0, 4);
        bench.left.is_empty()
    });
    let lost = lost.count();
    assert!((500..700).contains(&lost), "{lost} of 2,000");
}

#[test]
fn a_line_that_is_shared_is_one_for_all() {
    let toxics = [live(&json!({"type": "bandwidth", "attributes": {"rate": 10, "shared": true}}), 1, 1, 1)];
    let mut benches = [Bench::new(&toxics), Bench::new(&toxics)];
    for bench in &mut benches {
        for number in 0..10 {
            bench.come(number, 100);
        }
    }
    for bench in &mut benches {
        bench.until(1000);
    }
    let last = benches.iter().map(|bench| bench.left.last().unwrap().0).fold(0.0, f64::max);
    assert!((last - 200.0).abs() < 5.0, "2,000 bytes at 10 a millisecond took {last} ms");
}

#[test]
fn sizes_bits_and_silence() {
    let mut bench =
        Bench::new(&[live(&json!({"type": "limit_size", "attributes": {"bytes": 100}}), 1, 1, 1)]);
    bench.come(0, 100);
    bench.come(1, 101);
    bench.come(2, 4);
    assert_eq!(bench.numbers(), [0, 2]);
    let silent = live(&json!({"type": "timeout"}), 1, 1, 1);
    let mut bench = Bench::new(&[Arc::clone(&silent)]);
    bench.come(0, 4);
    bench.change(&[]);
    bench.come(1, 4);
    assert_eq!((bench.numbers(), silent.shared.hits()), (vec![1], 1));
    let damaged = live(&json!({"type": "corrupt", "attributes": {"rate": 1}}), 1, 1, 1);
    let mut bench = Bench::new(&[Arc::clone(&damaged)]);
    bench.come(0, 4);
    let bits: u32 = bench.numbers()[0].count_ones();
    assert_eq!((bits, damaged.shared.hits()), (4, 1), "one bit of each byte");
}
