//! The parts that live on the queue's events, on the stores that are servers.

use crate::process::Site;
use crate::store::{Postgres, Redis, Store};
use crate::{breaker, events, relay};

fn hold(store: &dyn Store) {
    breaker::opens_and_closes(&Site::on(store.fresh()));
    events::misses_nothing(&Site::on(store.fresh()));
    relay::every_end_is_reported(&Site::on(store.fresh()));
}

#[test]
fn breakers_events_and_reports_are_the_same_on_redis() {
    hold(&Redis::new());
}

#[test]
fn breakers_events_and_reports_are_the_same_on_postgres() {
    hold(&Postgres::new());
}
