//! Control groups of this machine: made, used, and gone again. F7, F8, F9, F12, S2.

use std::fs;
use std::path::Path;
use std::time::Duration;

use squall_host::cgroup::{CgroupError, Controller, Group, Hierarchies, Home, Limit, Version};
use squall_host::clock;
use squall_host::process::Process;
use squall_host::restoration::Restoration;
use squall_host::spawn::SpawnError;

use crate::stage::{Actor, PATIENCE, require_root, settle, unique, until};

/// A group that is gone at the end of the test.
struct Stand {
    hierarchies: Hierarchies,
    group: Group,
    homes: Vec<Home>,
}

impl Stand {
    fn build(controllers: &[Controller]) -> Self {
        Self::build_in(Hierarchies::read().unwrap(), controllers)
    }

    fn build_in(hierarchies: Hierarchies, controllers: &[Controller]) -> Self {
        let group = hierarchies.plan(&unique("group"), controllers).unwrap();
        assert!(!group.exists());
        group.create().unwrap();
        Self { hierarchies, group, homes: Vec::new() }
    }

    fn take_in(&mut self, process: Process) {
        self.homes.push(self.hierarchies.home(process).unwrap());
        self.group.add(process).unwrap();
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        settle(&self.group.remove(&self.homes, PATIENCE));
    }
}

/// Version 2 alone, as if nothing else were mounted. `None`: it is not mounted here.
fn unified() -> Option<Hierarchies> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let line = own.lines().find(|line| line.starts_with("0::"))?;
    let found = Hierarchies::at(Path::new("/"), line, &mounts).unwrap();
    (!found.list().is_empty()).then_some(found)
}

fn groups_of(process: Process) -> String {
    fs::read_to_string(format!("/proc/{}/cgroup", process.pid)).unwrap()
}

#[test]
fn a_process_is_moved_in_and_moved_back_with_what_it_has_started() {
    if !require_root() {
        return;
    }
    let actor = Actor::shell("while :; do sleep 0.05; done");
    let before = groups_of(actor.process());
    let mut stand = Stand::build(&Controller::ALL);
    stand.take_in(actor.process());
    assert!(stand.group.members().unwrap().contains(&actor.process()));
    assert_ne!(groups_of(actor.process()), before);

    let noted = written_down(&stand.group);
    let proof = noted.remove(&stand.homes, PATIENCE).unwrap();
    assert!(proof.contains("is gone") && proof.contains("moved back"), "{proof}");
    assert_eq!(groups_of(actor.process()), before);
    assert!(!noted.exists() && actor.process().is_alive().unwrap());
    // S2: undoing twice is harmless.
    stand.group.remove(&stand.homes, PATIENCE).unwrap();
}

/// The undo is data: what was written down and read back still undoes.
fn written_down(group: &Group) -> Group {
    serde_json::from_str(&serde_json::to_string(group).unwrap()).unwrap()
}

/// F7
#[test]
fn a_frozen_process_makes_no_progress_until_it_is_thawed() {
    if !require_root() {
        return;
    }
    let actor = Actor::shell("while :; do :; done");
    let mut stand = Stand::build(&[Controller::Freezer]);
    stand.take_in(actor.process());
    let used = || actor.process().cpu_time().unwrap();
    stand.group.freeze(PATIENCE).unwrap();
    assert!(stand.group.is_frozen().unwrap());
    let frozen = used();
    // Nothing announces that nothing happens: a stretch of time is what is measured.
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(used(), frozen);
    for _ in 0..2 {
        stand.group.thaw(PATIENCE).unwrap();
        assert!(!stand.group.is_frozen().unwrap());
    }
    until("progress", || (used() > frozen).then_some(()));
}

/// S2: also what is frozen dies.
#[test]
fn killing_a_frozen_group_leaves_nobody() {
    if !require_root() {
        return;
    }
    let actor = Actor::shell("sleep 300 & sleep 300 & wait");
    let mut stand = Stand::build(&[Controller::Freezer]);
    stand.take_in(actor.process());
    for process in squall_host::mark::marked(&actor.mark).unwrap() {
        let _ = stand.group.add(process);
    }
    stand.group.freeze(PATIENCE).unwrap();
    let proof = stand.group.kill_all(PATIENCE).unwrap();
    assert!(proof.contains("no process is left"), "{proof}");
    actor.process().wait_gone(PATIENCE).unwrap();
    assert!(stand.group.members().unwrap().is_empty());
}

/// F7 with version 2: frozen, killed while frozen, and counted.
#[test]
fn version_2_freezes_kills_and_counts_too() {
    let Some(hierarchies) = unified().filter(|_| require_root()) else {
        return;
    };
    let actor = Actor::shell("while :; do :; done");
    let mut stand = Stand::build_in(hierarchies, &[Controller::Freezer, Controller::Cpuacct]);
    assert_eq!(stand.group.places[0].version, Version::V2);
    stand.take_in(actor.process());
    until("processor time", || {
        (stand.group.usage().unwrap().cpu > Some(Duration::from_millis(20))).then_some(())
    });
    stand.group.freeze(PATIENCE).unwrap();
    assert!(stand.group.is_frozen().unwrap());
    let frozen = actor.process().cpu_time().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(actor.process().cpu_time().unwrap(), frozen);
    stand.group.thaw(PATIENCE).unwrap();
    until("progress", || (actor.process().cpu_time().unwrap() > frozen).then_some(()));
    stand.group.freeze(PATIENCE).unwrap();
    stand.group.kill_all(PATIENCE).unwrap();
    actor.process().wait_gone(PATIENCE).unwrap();
    stand.group.remove(&stand.homes, PATIENCE).unwrap();
    assert!(!stand.group.exists());
}

/// A stressor is in its group before it takes anything.
#[test]
fn a_program_can_be_started_inside_of_a_group() {
    if !require_root() {
        return;
    }
    let stand = Stand::build(&[Controller::Memory, Controller::Pids]);
    let spawn = crate::stage::shell("sleep 300 & wait").group(&stand.group);
    let actor = Actor::start(spawn);
    assert!(stand.group.members().unwrap().contains(&actor.process()));
    until("its child", || (stand.group.members().unwrap().len() == 2).then_some(()));
    stand.group.kill_all(PATIENCE).unwrap();
    stand.group.remove(&[], PATIENCE).unwrap();
    let late = crate::stage::shell("exit 0").group(&stand.group).start();
    assert!(matches!(late, Err(SpawnError::Group { .. })));
}

/// F8
#[test]
fn a_processor_limit_slows_a_busy_process() {
    if !require_root() {
        return;
    }
    let actor = Actor::shell("while :; do :; done");
    let mut stand = Stand::build(&[Controller::Cpu, Controller::Cpuacct]);
    stand.group.limit(Limit::Cpu(20.0)).unwrap();
    stand.take_in(actor.process());
    let measure = || (clock::now(), stand.group.usage().unwrap().cpu.unwrap());
    let (begin, before) = measure();
    until("a second of time", || (begin.elapsed() > Duration::from_secs(1)).then_some(()));
    let used = measure().1.checked_sub(before).unwrap();
    let share = used.as_secs_f64() / begin.elapsed().as_secs_f64();
    assert!(share > 0.01 && share < 0.35, "{share} of a core, limit 0.2");
}

/// F9
#[test]
fn a_memory_limit_has_the_kernel_kill_who_wants_more() {
    if !require_root() {
        return;
    }
    let mut stand = Stand::build(&[Controller::Memory]);
    stand.group.limit(Limit::Memory(32 << 20)).unwrap();
    let (read, write) = std::io::pipe().unwrap();
    // Reads a line before it grows, so that it is inside by then; `tail` keeps all of one endless line.
    let grow = crate::stage::shell("read go; tail /dev/zero")
        .stdin(squall_host::spawn::Input::Descriptor(read.into()));
    let mut actor = Actor::start(grow);
    stand.take_in(actor.process());
    std::io::Write::write_all(&mut &write, b"go\n").unwrap();
    actor.child.wait(PATIENCE).unwrap().expect("it ends when its memory has ended");
    until("a kill by the kernel", || (stand.group.usage().unwrap().oom_kills > Some(0)).then_some(()));
}

/// F12
#[test]
fn a_task_limit_refuses_another_child() {
    if !require_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let script = "while :; do (exit 0) && echo forked; :; done";
    let spawn = crate::stage::shell(script);
    let output = |path: &Path| squall_host::spawn::Output::File(path.into());
    let mut actor = Actor::start(spawn.stderr(output(&log)));
    let mut stand = Stand::build(&[Controller::Pids]);
    stand.group.limit(Limit::Tasks(1)).unwrap();
    stand.take_in(actor.process());
    // A shell that cannot fork says so and ends.
    actor.child.wait(PATIENCE).unwrap().expect("without children it ends");
    let said = fs::read_to_string(&log).unwrap().to_lowercase();
    assert!(said.contains("fork"), "{said}");
}

/// S2: the exact previous value, unless somebody else has changed it.
#[test]
fn a_limit_in_place_is_put_back_to_the_byte() {
    if !require_root() {
        return;
    }
    let actor = Actor::sleeping();
    // The group that the target happens to live in. Ours, because all others are somebody else's.
    let mut stand = Stand::build(&[Controller::Cpu, Controller::Memory, Controller::Pids]);
    stand.take_in(actor.process());
    for limit in [Limit::Cpu(50.0), Limit::Memory((64 << 20) + 17), Limit::Tasks(40)] {
        let settings = stand.hierarchies.in_place(actor.process(), limit).unwrap();
        let before: Vec<_> = settings.iter().map(|one| fs::read(one.path()).unwrap()).collect();
        for setting in &settings {
            assert!(setting.path().starts_with("/sys/fs/cgroup"));
            setting.apply().unwrap();
            assert_ne!(fs::read_to_string(setting.path()).unwrap(), setting.previous);
        }
        for _ in 0..2 {
            for setting in settings.iter().rev() {
                assert_eq!(setting.restore().unwrap(), Restoration::Restored, "{setting:?}");
            }
        }
        let after: Vec<_> = settings.iter().map(|one| fs::read(one.path()).unwrap()).collect();
        assert_eq!(before, after);
    }
    let sharers = stand.hierarchies.sharers(actor.process(), Controller::Pids).unwrap();
    assert_eq!(sharers, [actor.process()]);

    let tasks = stand.hierarchies.in_place(actor.process(), Limit::Tasks(40)).unwrap();
    tasks[0].apply().unwrap();
    fs::write(tasks[0].path(), "41").unwrap();
    assert_eq!(tasks[0].restore().unwrap(), Restoration::ForeignValue("41".into()));
    assert_eq!(fs::read_to_string(tasks[0].path()).unwrap(), "41\n");
    stand.group.remove(&stand.homes, PATIENCE).unwrap();
    assert_eq!(tasks[0].restore().unwrap(), Restoration::Gone);
}

#[test]
fn a_target_in_the_root_group_cannot_be_limited_in_place() {
    if !require_root() {
        return;
    }
    let actor = Actor::sleeping();
    let hierarchies = Hierarchies::read().unwrap();
    let home = hierarchies.home(actor.process()).unwrap();
    let root = hierarchies.with(Controller::Pids).unwrap().mount.clone();
    if home.directories.contains(&root) {
        let refused = hierarchies.in_place(actor.process(), Limit::Tasks(10));
        assert!(matches!(refused, Err(CgroupError::Root { .. })), "{refused:?}");
    }
}

/// Never two owners of one group; and names stay below our directory.
#[test]
fn a_group_is_made_once_and_only_below_ours() {
    if !require_root() {
        return;
    }
    let stand = Stand::build(&[Controller::Freezer]);
    assert!(matches!(stand.group.create(), Err(CgroupError::Make { .. })));
    assert!(stand.hierarchies.ours().unwrap().contains(&stand.group.places[0].directory));
    for name in ["", "..", ".hidden", "a/b", "../x", "a b"] {
        let refused = stand.hierarchies.plan(name, &[Controller::Freezer]);
        assert!(matches!(refused, Err(CgroupError::Name { .. })), "{name}");
    }
}

#[test]
fn a_home_that_is_gone_is_replaced_by_the_group_above_it() {
    if !require_root() {
        return;
    }
    let actor = Actor::sleeping();
    let mut stand = Stand::build(&[Controller::Freezer]);
    let root = stand.group.places[0].base.clone();
    // A group of somebody else's, which is removed while the process is away.
    let other = root.join(format!("squall-test-{}", unique("other")));
    fs::create_dir(&other).unwrap();
    fs::write(other.join("cgroup.procs"), actor.process().pid.to_string()).unwrap();
    stand.take_in(actor.process());
    fs::remove_dir(&other).unwrap();
    stand.group.remove(&stand.homes, PATIENCE).unwrap();
    let members = fs::read_to_string(root.join("cgroup.procs")).unwrap();
    let pid = actor.process().pid.to_string();
    assert!(members.lines().any(|line| line == pid));
}

#[test]
fn a_process_that_is_gone_cannot_be_added() {
    if !require_root() {
        return;
    }
    let mut actor = Actor::shell("exit 0");
    actor.child.wait(PATIENCE).unwrap();
    let stand = Stand::build(&[Controller::Freezer]);
    assert!(matches!(stand.group.add(actor.process()), Err(CgroupError::Process(_))));
}

/// A frozen group with us in it could never be thawed by us.
#[test]
fn we_are_never_frozen_ourselves() {
    if !require_root() {
        return;
    }
    let mut stand = Stand::build(&[Controller::Freezer]);
    stand.take_in(Process::current().unwrap());
    assert!(matches!(stand.group.freeze(PATIENCE), Err(CgroupError::ContainsUs { .. })));
}
