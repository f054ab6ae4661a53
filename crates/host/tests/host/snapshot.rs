//! The picture that crash tests compare.

use std::fs;

use squall_host::limit::{self, Resource};
use squall_host::process::State;
use squall_host::signal::Signal;
use squall_host::snapshot::{Snapshot, Watch};

use crate::stage::{Actor, until};

#[test]
fn what_was_left_behind_is_named_and_what_was_mended_is_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("kept"), "1234").unwrap();
    let target = Actor::sleeping();
    let process = target.process();
    let watch = Watch { processes: vec![process], directories: vec![dir.path().into()], ..Watch::default() };
    // Other tests start and end marked processes and groups meanwhile: only ours count here.
    let ours = |sentences: Vec<String>, word: &str| {
        sentences.into_iter().filter(|sentence| sentence.contains(word)).collect::<Vec<_>>()
    };
    let pid = format!("process {} ", process.pid);
    let place = dir.path().display().to_string();
    let before = Snapshot::take(&watch).unwrap();

    process.signal(Signal::Stop).unwrap();
    until("stopped", || (process.state().unwrap() == Some(State::Stopped)).then_some(()));
    let previous = limit::read(process, Resource::Descriptors).unwrap();
    limit::set(process, Resource::Descriptors, Some(9)).unwrap();
    fs::write(dir.path().join("kept"), "12345").unwrap();
    fs::write(dir.path().join("left"), "").unwrap();
    let stray = Actor::sleeping();
    let during = Snapshot::take(&watch).unwrap();
    let found = before.diff(&during);
    assert_eq!(ours(found.clone(), &pid).len(), 2, "{found:?}");
    assert_eq!(ours(found.clone(), &place).len(), 2, "{found:?}");
    assert_eq!(ours(found.clone(), &stray.mark).len(), 1, "{found:?}");
    let stray_mark = stray.mark.clone();
    drop(stray);

    process.signal(Signal::Cont).unwrap();
    until("going on", || (process.state().unwrap() == Some(State::Sleeping)).then_some(()));
    limit::restore(process, Resource::Descriptors, Some(9), previous).unwrap();
    fs::write(dir.path().join("kept"), "1234").unwrap();
    fs::remove_file(dir.path().join("left")).unwrap();
    let found = before.diff(&Snapshot::take(&watch).unwrap());
    for word in [&pid, &place, &stray_mark] {
        assert!(ours(found.clone(), word).is_empty(), "{found:?}");
    }
    assert!(before.diff(&before).is_empty());
}
