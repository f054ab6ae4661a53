//! E3: facts of a cgroup, at a real one. Needs root.

use std::path::{Path, PathBuf};
use std::time::Duration;

use squall_host::cgroup::{Controller, Group, Hierarchies, Limit};
use squall_model::measure::{CgroupFact, Outcome, Probe};
use squall_model::unit::Unit;
use squall_probe::Prober;

use crate::child::Guarded;
use crate::stage::{AMPLE, Stage, skip, unreadable, until, value};

const CONTROLLERS: [Controller; 3] = [Controller::Cpuacct, Controller::Memory, Controller::Pids];

/// A group of the test, removed at its end with all that is in it.
struct OwnGroup(Group);

impl OwnGroup {
    /// `None`: we are not allowed to, and that was said.
    fn make(name: &str) -> Option<Self> {
        let name = format!("probe-{name}-{}", std::process::id());
        let group = Hierarchies::read().and_then(|hierarchies| hierarchies.plan(&name, &CONTROLLERS));
        let group = group.map(Self).and_then(|group| group.0.create().map(|()| group));
        match group {
            Ok(group) => Some(group),
            Err(error) => {
                skip(&error);
                None
            }
        }
    }

    /// Below the hierarchy's root.
    fn path(&self) -> String {
        let place = &self.0.places[0];
        let hierarchies = Hierarchies::read().unwrap();
        let mount = &hierarchies.with(place.controllers[0]).unwrap().mount;
        Path::new("/").join(place.directory.strip_prefix(mount).unwrap()).display().to_string()
    }

    fn prober(&self, fact: CgroupFact) -> Prober {
        Stage::default().prober(Probe::Cgroup { path: self.path().as_str().into(), fact })
    }

    fn remove(&self) {
        self.0.kill_all(AMPLE).expect("its processes can be killed");
        self.0.remove(&[], AMPLE).expect("it can be removed");
    }
}

impl Drop for OwnGroup {
    fn drop(&mut self) {
        let _ = self.0.kill_all(AMPLE);
        let _ = self.0.remove(&[], AMPLE);
    }
}

#[tokio::test]
async fn a_group_is_read_while_it_is_there() {
    let Some(group) = OwnGroup::make("read") else { return };
    let mut pids = group.prober(CgroupFact::Pids);
    let mut memory = group.prober(CgroupFact::Memory);
    let mut cpu = group.prober(CgroupFact::Cpu);
    assert_eq!(pids.read().await, value(0.0, Unit::Number));

    let busy = Guarded::busy();
    group.0.add(busy.0.process()).unwrap();
    assert_eq!(pids.read().await, value(1.0, Unit::Number));
    tokio::time::sleep(Duration::from_millis(400)).await;
    let Outcome::Value(share) = cpu.read().await else { panic!("no share") };
    assert_eq!(share.unit, Unit::Percent);
    assert!((5.0..120.0).contains(&share.value), "{share}");
    assert!(matches!(memory.read().await, Outcome::Value(used) if used.unit == Unit::Bytes));

    busy.kill();
    drop(busy);
    group.remove();
    for prober in [&mut pids, &mut memory, &mut cpu] {
        assert_eq!(prober.read().await, Outcome::Absent);
    }
}

#[tokio::test]
async fn kills_for_want_of_memory_are_counted_since_the_start() {
    let Some(group) = OwnGroup::make("oom") else { return };
    group.0.limit(Limit::Memory(16 << 20)).unwrap();
    let mut kills = group.prober(CgroupFact::OomKills);
    assert_eq!(kills.read().await, value(0.0, Unit::Number));
    // `tail` keeps a line without end in memory. It begins once it is in the group.
    let glutton = Guarded::start("sh", &["-c", "kill -STOP $$; head -c 200000000 /dev/zero | tail -n 1"]);
    let process = glutton.0.process();
    let stopped = squall_host::process::State::Stopped;
    until("it waits", async || process.state().unwrap() == Some(stopped)).await;
    group.0.add(process).unwrap();
    process.signal(squall_host::signal::Signal::Cont).unwrap();
    until("it is killed", async || kills.read().await != value(0.0, Unit::Number)).await;
    // A probe that was made afterwards does not see the kills before it.
    assert_eq!(group.prober(CgroupFact::OomKills).read().await, value(0.0, Unit::Number));
}

#[tokio::test]
async fn a_path_outside_of_the_hierarchy_is_unreadable() {
    let outside = PathBuf::from("/../../etc").display().to_string();
    let mut prober =
        Stage::default().prober(Probe::Cgroup { path: outside.as_str().into(), fact: CgroupFact::Pids });
    let outcome = prober.read().await;
    let outside = unreadable("the group is outside of what is mounted here");
    assert!(
        outcome == outside || matches!(&outcome, Outcome::Unreadable(why) if why.starts_with("could not")),
        "{outcome}"
    );
}
