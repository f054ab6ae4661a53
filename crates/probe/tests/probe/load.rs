//! E3: figures of the built-in load.

use std::rc::Rc;

use squall_model::measure::{LoadFigure, Outcome, Probe};
use squall_model::unit::Unit;

use crate::stage::{Stage, prober, unreadable, value};

#[tokio::test]
async fn every_measure_counts_since_its_own_reading_before() {
    let stage = Rc::new(Stage::default());
    let figure = |figure| prober(&stage, Probe::Load(figure));
    let mut idle = figure(LoadFigure::InFlight);
    assert_eq!(idle.read().await, unreadable("no load is running"));

    stage.sent.set(Some(100));
    let (mut often, mut seldom) = (figure(LoadFigure::InFlight), figure(LoadFigure::InFlight));
    let (mut rate, mut errors) = (figure(LoadFigure::Rate), figure(LoadFigure::ErrorRate));
    stage.sent.set(Some(110));
    assert_eq!(often.read().await, value(10.0, Unit::Number));
    stage.sent.set(Some(115));
    assert_eq!(often.read().await, value(5.0, Unit::Number));
    assert_eq!(seldom.read().await, value(15.0, Unit::Number));
    assert!(
        matches!(rate.read().await, Outcome::Value(rate) if rate.unit == Unit::PerSecond && rate.value > 1.0)
    );
    // Nothing has finished: that is not an error rate of zero.
    assert_eq!(errors.read().await, Outcome::Absent);
}
