//! What is told of tasks and batches.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_lab::Happened::{Dead, Done};
use squall_lab::{
    Batch, Filter, Kind, Outcome, Priority, Receipt, Scope, Settled, State, Submission, TaskId, Work,
};

use super::bench::{Bench, LEASE, failed, millis, rejected, submission, tag};

pub(super) fn what_ends_after_its_deadline_is_late(bench: &mut Bench<'_>) {
    let deadline = Some(bench.now.plus(millis(100)));
    bench.send(&Submission { deadline, ..submission(4, None) });
    let claims = bench.claims("a", 4);
    assert_eq!(claims[0].deadline, deadline);
    bench.pass(millis(100));
    bench.complete(&claims[0], "a");
    assert_eq!(bench.stats().late, 0, "the last moment is in time");
    bench.pass(millis(1));
    bench.complete(&claims[1], "a");
    bench.end(&claims[2], "a", rejected());
    bench.end(&claims[3], "a", failed());
    let stats = bench.stats();
    assert_eq!((stats.late, stats.done, stats.dead, stats.queued), (2, 2, 1, 1));
    let late = bench.events(12);
    let late: Vec<_> = late.iter().filter(|event| event.late).map(|event| event.happened).collect();
    assert_eq!(late, [Done, Dead]);
}

pub(super) fn a_batch_tells_its_states_and_its_partial_results(bench: &mut Bench<'_>) {
    let batch = Some(tag("b-1"));
    bench.put(1);
    bench.send(&Submission { batch: batch.clone(), ..submission(3, None) });
    bench.send(&Submission { batch: batch.clone(), tag: tag("u"), ..submission(1, None) });
    for claim in bench.claims("a", 3) {
        match claim.task.0 {
            2 => bench.end(&claim, "a", Outcome::Done("half".into())),
            3 => bench.end(&claim, "a", rejected()),
            _ => Settled::Known,
        };
    }
    let far = bench.queue.batch(&tag("b-1")).unwrap();
    let name = "b-1".to_owned();
    assert_eq!(
        far,
        Some(Batch { batch: name, total: 4, queued: 2, running: 0, done: 1, dead: 1, purged: 0 })
    );
    assert_eq!(bench.queue.batch(&tag("b-2")).unwrap(), None);
    let parts = bench.queue.tasks(&Filter { batch, limit: 10, ..Filter::default() }).unwrap();
    let results: Vec<_> =
        parts.iter().map(|task| (task.id.0, task.result.as_deref(), task.error.as_deref())).collect();
    assert_eq!(
        results,
        [(2, Some("half"), None), (3, None, Some("never")), (4, None, None), (5, None, None)]
    );
}

pub(super) fn the_same_key_gives_the_same_tasks_and_another_content_is_a_conflict(bench: &mut Bench<'_>) {
    let first = submission(3, Some("order-7"));
    let later = Submission { deadline: Some(bench.now.plus(LEASE)), ..first.clone() };
    let other = Submission { max_failures: 9, ..first.clone() };
    let urgent = Submission { priority: Priority::try_from(9).unwrap(), ..first.clone() };
    let labelled = Submission { labels: vec![tag("x")], ..first.clone() };
    let grouped = Submission { batch: Some(tag("b")), ..first.clone() };
    let sent =
        [first.clone(), first, later, other, urgent, labelled, grouped, submission(2, Some("order-7"))];
    let receipts = bench.queue.submit(&sent, bench.now).unwrap();
    let ids: Vec<_> = (1..=3).map(TaskId).collect();
    assert_eq!(
        receipts[..3],
        [Receipt::Created(ids.clone()), Receipt::Known(ids.clone()), Receipt::Known(ids.clone())]
    );
    assert!(receipts[3..].iter().all(|receipt| *receipt == Receipt::Conflict), "{receipts:?}");
    assert_eq!(bench.queue.submit(&sent[..1], bench.now).unwrap(), [Receipt::Known(ids)]);
    assert_eq!(bench.ledger().sent, 3);
}

pub(super) fn waiting_and_the_oldest_task_are_measured_from_the_submission(bench: &mut Bench<'_>) {
    bench.put(2);
    bench.pass(millis(1500));
    let claim = bench.claim("a");
    bench.complete(&claim, "a");
    let scope = |tag_name: &str, kind: Option<&str>| Scope {
        tag: Some(tag(tag_name)),
        kind: kind.map(str::to_owned),
    };
    for scope in [Scope::default(), scope("t", None), scope("t", Some("sleep"))] {
        let stats = bench.queue.stats(&scope, LEASE, bench.now).unwrap();
        assert_eq!((stats.waiting_p50_s, stats.waiting_p95_s), (Some(1.5), Some(1.5)), "{scope:?}");
        assert_eq!((stats.oldest_queued_s, stats.total), (Some(1.5), 2), "{scope:?}");
    }
    for scope in [scope("other", None), scope("t", Some("flaky"))] {
        let nothing = bench.queue.stats(&scope, LEASE, bench.now).unwrap();
        assert_eq!(
            (nothing.total, nothing.oldest_queued_s, nothing.waiting_p50_s),
            (0, None, None),
            "{scope:?}"
        );
    }
}

pub(super) fn tasks_are_listed_by_what_they_are_page_by_page(bench: &mut Bench<'_>) {
    bench.put(5);
    let labels = vec![tag("red"), tag("big")];
    let work = Work { kind: Kind::FailAlways, takes: Duration::ZERO };
    bench.send(&Submission {
        labels: labels.clone(),
        batch: Some(tag("b")),
        ..Submission::new(tag("u"), work)
    });
    bench.send(&Submission { labels: vec![tag("red")], ..submission(1, None) });
    bench.claim("a");
    let all = Filter { tag: Some(tag("t")), limit: 3, ..Filter::default() };
    assert_eq!(bench.list(all.clone()), [1, 2, 3]);
    assert_eq!(bench.list(Filter { after: TaskId(3), ..all.clone() }), [4, 5, 7]);
    assert_eq!(bench.list(Filter { state: Some(State::Queued), ..all.clone() }), [2, 3, 4]);
    assert_eq!(bench.list(Filter { tag: Some(tag("x")), ..all.clone() }), [0i64; 0]);
    let everything = Filter { limit: 100, ..Filter::default() };
    assert_eq!(bench.list(everything.clone()), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(bench.list(Filter { kind: Some("fail-always".into()), ..everything.clone() }), [6]);
    assert_eq!(bench.list(Filter { batch: Some(tag("b")), ..everything.clone() }), [6]);
    assert_eq!(bench.list(Filter { label: Some(tag("red")), ..everything.clone() }), [6, 7]);
    let red = Filter { label: Some(tag("red")), tag: Some(tag("t")), ..everything };
    assert_eq!(bench.list(red.clone()), [7]);
    assert_eq!(bench.list(Filter { state: Some(State::Running), ..red }), [0i64; 0]);
    assert_eq!(bench.queue.task(TaskId(6)).unwrap().unwrap().labels, labels);
}

pub(super) fn counts_are_kept_by_tag_and_kind(bench: &mut Bench<'_>) {
    bench.put(2);
    let work = Work { kind: Kind::FailAlways, takes: Duration::ZERO };
    bench.send(&Submission::new(tag("u"), work));
    let claim = bench.claim("a");
    bench.complete(&claim, "a");
    let counts = bench.queue.counts().unwrap();
    let counts: BTreeMap<_, _> = counts
        .iter()
        .filter(|count| count.n > 0)
        .map(|count| ((count.tag.as_str(), count.kind.as_str(), count.name.as_str()), count.n))
        .collect();
    let expected =
        [(("t", "sleep", "queued"), 1), (("t", "sleep", "done"), 1), (("u", "fail-always", "queued"), 1)];
    assert_eq!(counts, BTreeMap::from(expected));
}

pub(super) fn a_note_is_changed_only_by_who_knows_it(bench: &mut Bench<'_>) {
    assert_eq!(bench.queue.note("n").unwrap(), None);
    assert!(!bench.queue.set_note("n", Some("a"), "b").unwrap());
    assert!(bench.queue.set_note("n", None, "a").unwrap());
    assert!(!bench.queue.set_note("n", None, "b").unwrap());
    assert!(bench.queue.set_note("n", Some("a"), "").unwrap());
    assert!(!bench.queue.set_note("n", Some("a"), "c").unwrap());
    assert_eq!(bench.queue.note("n").unwrap().as_deref(), Some(""));
}

pub(super) fn strange_texts_come_back_as_they_were(bench: &mut Bench<'_>) {
    for text in ["größe'\"\\{}[]:%_*?", "\u{1F980}--;$1\\x00"] {
        let (key, label) = (Some(format!("key {text}\n\t")), tag(text));
        let sent = Submission {
            tag: tag(text),
            key,
            labels: vec![label.clone()],
            batch: Some(label.clone()),
            ..submission(1, None)
        };
        let id = bench.send(&sent)[0];
        let known = bench.queue.submit(&[sent], bench.now).unwrap();
        assert_eq!(known, [Receipt::Known(vec![id])]);
        let worker = format!("w {text}\n");
        let claim = bench.claim(&worker);
        assert_eq!(bench.end(&claim, &worker, Outcome::Done(format!("r {text}\r\n"))), Settled::Done);
        let found =
            Filter { label: Some(label.clone()), tag: Some(label.clone()), limit: 5, ..Filter::default() };
        let task = bench.queue.tasks(&found).unwrap().remove(0);
        assert_eq!((task.id, task.tag.as_str(), task.worker), (id, text, Some(worker)));
        assert_eq!((task.result, task.labels), (Some(format!("r {text}\r\n")), vec![label.clone()]));
        assert_eq!(bench.queue.batch(&label).unwrap().unwrap().done, 1);
        assert_eq!(
            bench.queue.stats(&Scope { tag: Some(label), kind: None }, LEASE, bench.now).unwrap().done,
            1
        );
    }
}
