//! Any chain, under any history of changes, delivers exactly the bytes that came, in their order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{Bench, Step};
use crate::chain::Piece;

/// Toxics that destroy nothing.
fn toxic() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..50_u32, 0..50_u32, prop_oneof!["uniform", "normal", "pareto"]).prop_map(
            |(latency, jitter, distribution)| json!({"type": "latency",
                "attributes": {"latency": latency, "jitter": jitter, "distribution": distribution}})
        ),
        (1..5000_u32, any::<bool>()).prop_map(
            |(rate, shared)| json!({"type": "bandwidth", "attributes": {"rate": rate, "shared": shared}})
        ),
        (1..2000_u32, 0..1000_u32, 0..500_u32).prop_map(|(size, variation, delay)| json!({"type": "slicer",
            "attributes": {"average_size": size, "size_variation": variation.min(size - 1), "delay": delay}})),
        (0..50_u32).prop_map(|delay| json!({"type": "slow_close", "attributes": {"delay": delay}})),
        Just(json!({"type": "corrupt", "attributes": {"rate": 0}})),
        Just(json!({"type": "limit_data", "attributes": {"bytes": 1_000_000_000}})),
        Just(json!({"type": "limit_time", "attributes": {"time": 86_400_000}})),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..20_000_usize).prop_map(Step::Come),
        3 => (0..30_000_u64).prop_map(Step::Wait),
        1 => toxic().prop_map(Step::Add),
        1 => (any::<usize>(), toxic()).prop_map(|(which, toxic)| Step::Change(which, toxic)),
        1 => any::<usize>().prop_map(Step::Remove),
    ]
}

proptest! {
    #[test]
    fn every_byte_arrives_in_order_through_any_history(steps in prop::collection::vec(step(), 1..60)) {
        let mut bench = Bench::new();
        for step in steps {
            bench.step(step);
            prop_assert!(bench.came.starts_with(&bench.left), "something was lost, doubled or turned around");
        }
        bench.push(Piece::End);
        // What is held leaves in its own time: follow the alarms.
        for _ in 0..200_000 {
            prop_assert_eq!(bench.run(), None);
            if bench.ended.is_some() {
                break;
            }
            let due = bench.chain.due().expect("what is held has a time");
            bench.now = bench.now.max(due);
        }
        prop_assert_eq!(&bench.ended, &Some(Piece::End));
        prop_assert!(bench.left == bench.came);
        prop_assert_eq!(bench.chain.held(), 0);
    }

    #[test]
    fn removing_everything_lets_everything_go_at_once(steps in prop::collection::vec(step(), 1..60)) {
        let mut bench = Bench::new();
        for step in steps {
            bench.step(step);
        }
        bench.toxics.clear();
        prop_assert_eq!(bench.publish(), None);
        prop_assert!(bench.left == bench.came);
    }
}
