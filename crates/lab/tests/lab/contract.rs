//! The queue's guarantees, the same for every store, with the time held by the test.

mod bench;
mod claims;
mod dead;
mod events;
mod figures;
mod history;

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use squall_lab::{Access, Cursor, Location, QueueError};

use self::bench::Bench;
use crate::store::{Postgres, Redis, Sqlite, Store};

#[test]
fn every_guarantee_holds_on_sqlite() {
    hold(&Sqlite::new(), 48);
}

#[test]
fn every_guarantee_holds_on_redis() {
    hold(&Redis::new(), 12);
}

#[test]
fn every_guarantee_holds_on_postgresql() {
    let postgres = Postgres::new();
    hold(&postgres, 8);
    the_event_of_a_slow_change_is_not_skipped(&postgres);
}

/// Transactions do not end in the order in which they began.
fn the_event_of_a_slow_change_is_not_skipped(store: &Postgres) {
    let mut bench = Bench::new(store);
    let mut client = postgres::Client::connect(&bench.place, postgres::NoTls).unwrap();
    let mut slow = client.transaction().unwrap();
    slow.batch_execute(
        "INSERT INTO squall_lab.events (at, happened, task, tag, kind, attempt, late)
         VALUES (0, 'queued', 99, 't', 'sleep', 0, false)",
    )
    .unwrap();
    bench.put(1);
    assert_eq!(bench.queue.events(&Cursor::default(), 9).unwrap(), [], "one that began earlier is not over");
    slow.commit().unwrap();
    assert_eq!(bench.events(2).iter().map(|event| event.task.0).collect::<Vec<_>>(), [99, 1]);
}

type Guarantee = (&'static str, fn(&mut Bench<'_>));

macro_rules! guarantees {
    ($($part:ident { $($name:ident)* })*) => {
        [$($((stringify!($name), $part::$name as fn(&mut Bench<'_>))),*),*]
    };
}

const GUARANTEES: [Guarantee; 25] = guarantees![
    claims {
        a_task_is_claimed_by_one_worker_and_completed_once
        an_end_that_is_sent_again_changes_nothing
        a_lease_that_is_not_renewed_ends_and_the_late_worker_is_fenced
        a_renewed_lease_holds_and_a_task_of_a_dead_worker_is_stuck_until_it_is_taken
        failures_wait_longer_each_time_and_end_in_the_dead_letter_queue
        a_rejected_task_is_dead_at_once
        a_lost_lease_is_no_failure_of_the_task
        a_released_task_is_free_at_once_and_has_not_failed
        the_urgent_come_first_and_then_the_longest_waiting
        kinds_are_chosen_or_left_out
        many_workers_take_each_task_once
    }
    dead {
        a_dead_task_is_replayed_with_new_tries_and_without_its_deadline
        a_purged_task_stays_in_the_ledger
        work_that_this_version_cannot_read_is_dead_and_says_why
        a_lost_task_and_a_second_completion_show_in_the_ledger
    }
    figures {
        what_ends_after_its_deadline_is_late
        a_batch_tells_its_states_and_its_partial_results
        the_same_key_gives_the_same_tasks_and_another_content_is_a_conflict
        waiting_and_the_oldest_task_are_measured_from_the_submission
        tasks_are_listed_by_what_they_are_page_by_page
        counts_are_kept_by_tag_and_kind
        a_note_is_changed_only_by_who_knows_it
        strange_texts_come_back_as_they_were
    }
    events {
        events_tell_the_life_of_a_task_and_go_on_from_a_cursor
        events_are_followed_without_a_gap_while_others_write
    }
];

/// Each guarantee on a queue and a thread of its own, whose name is in the panic; then any history.
fn hold(store: &dyn Store, histories: u32) {
    let broken: Vec<&str> = std::thread::scope(|scope| {
        let running: Vec<_> = GUARANTEES
            .iter()
            .map(|(name, guarantee)| {
                let thread = std::thread::Builder::new().name((*name).to_owned());
                (*name, thread.spawn_scoped(scope, || guarantee(&mut Bench::new(store))).unwrap())
            })
            .collect();
        running.into_iter().filter_map(|(name, thread)| thread.join().err().map(|_| name)).collect()
    });
    assert!(broken.is_empty(), "not held: {broken:?}");
    let mut runner = TestRunner::new(Config { cases: histories, ..Config::default() });
    let history = vec(history::happening(), 1..60);
    runner.run(&history, |history| history::conserved(&mut Bench::new(store), &history)).unwrap();
}

#[test]
fn another_database_or_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let location = Location::File(path.clone());
    let error = |access| location.open(access).err().expect("refused");
    assert!(matches!(error(Access::Read), QueueError::Missing { .. }));
    assert!(matches!(error(Access::Work), QueueError::Missing { .. }));
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(error(Access::Make), QueueError::Foreign { .. }));
    assert!(matches!(error(Access::Read), QueueError::Foreign { .. }));
    std::fs::write(&path, "not a database, but a text that is long enough to be read as a header").unwrap();
    assert!(error(Access::Make).is_lasting());
}
