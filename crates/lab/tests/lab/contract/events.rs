//! The stream of events.

use std::time::Duration;

use squall_lab::Happened::{Dead, Failed, Purged, Queued, Released, Replayed, Started};
use squall_lab::{Access, Cursor, Event, Location, Outcome, QueueError, Submission};

use super::bench::{Bench, crowd, failed, millis, rejected, submission};
use crate::process::until;

pub(super) fn events_tell_the_life_of_a_task_and_go_on_from_a_cursor(bench: &mut Bench<'_>) {
    let id = bench.send(&Submission { max_failures: 2, ..submission(1, None) })[0];
    let first = bench.claim("a");
    bench.end(&first, "a", failed());
    bench.pass(millis(400));
    let second = bench.claim("b");
    bench.end(&second, "b", Outcome::Released);
    bench.kill(&failed());
    bench.queue.replay(&[id], bench.now).unwrap();
    bench.kill(&rejected());
    bench.queue.purge(&[id], bench.now).unwrap();
    let events = bench.events(11);
    let life: Vec<_> = events.iter().map(|event| (event.happened, event.attempt)).collect();
    assert_eq!(
        life,
        [
            (Queued, 0),
            (Started, 1),
            (Failed, 1),
            (Started, 2),
            (Released, 2),
            (Started, 3),
            (Dead, 3),
            (Replayed, 3),
            (Started, 4),
            (Dead, 4),
            (Purged, 4)
        ]
    );
    let expected = Event {
        cursor: events[4].cursor.clone(),
        at_ms: events[4].at_ms,
        happened: Released,
        task: id,
        tag: "t".into(),
        kind: "sleep".into(),
        attempt: 2,
        worker: Some("b".into()),
        late: false,
    };
    assert_eq!(events[4], expected);
    assert_eq!(bench.queue.events(&events[4].cursor, 2).unwrap(), events[5..7]);
    assert_eq!(bench.queue.events(&events[10].cursor, 2).unwrap(), []);
    let newest = until("the newest is the last one", Duration::from_secs(30), || {
        let newest = bench.queue.newest().unwrap();
        bench.queue.events(&newest, 9).unwrap().is_empty().then_some(newest)
    });
    bench.put(1);
    assert_eq!(bench.events(12).len(), 12);
    assert_eq!(bench.queue.events(&newest, 9).unwrap().len(), 1);
    let garbled = bench.queue.events(&Cursor("x'; --".into()), 9);
    assert!(matches!(garbled, Err(QueueError::Garbled { .. })), "{garbled:?}");
}

pub(super) fn events_are_followed_without_a_gap_while_others_write(bench: &mut Bench<'_>) {
    let (now, many) = (bench.now, 240);
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        let place = bench.place.clone();
        let reader = scope.spawn(move || {
            let mut queue = place.parse::<Location>().unwrap().open(Access::Read).unwrap();
            let (mut cursor, mut seen) = (Cursor::default(), Vec::new());
            until("all events were followed", Duration::from_mins(1), || {
                let page = queue.events(&cursor, 5).unwrap();
                cursor = page.last().map_or(cursor.clone(), |event| event.cursor.clone());
                seen.extend(page.iter().map(|event| event.task.0));
                (seen.len() >= many).then_some(())
            });
            seen
        });
        crowd(bench, |_, mut queue| {
            for _ in 0..many / 4 {
                queue.submit(&[submission(1, None)], now).unwrap();
            }
        });
        seen = reader.join().unwrap();
    });
    seen.sort_unstable();
    assert_eq!(seen, (1..=240).collect::<Vec<i64>>());
}
