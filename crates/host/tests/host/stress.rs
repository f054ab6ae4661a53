//! Stressors as they run: processes of their own, measured from outside. F8, F9, F10, F12.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::time::Duration;

use squall_host::clock;
use squall_host::disk::Space;
use squall_host::exit::Exit;
use squall_host::signal::Signal;
use squall_host::spawn::{Output, Spawn};
use squall_host::stress::{self, End, Line, Measured, Order, Stress};

use crate::stage::{self, Actor, PATIENCE, require, require_root, role, shell, unique, until};

pub(crate) fn play(order: &str) {
    let order: Order = serde_json::from_str(order).unwrap();
    let code = i32::from(stress::main(&order).is_err());
    std::process::exit(code);
}

struct Stressor {
    actor: Actor,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Stressor {
    fn start(stress: Stress, deadline: Duration) -> Self {
        Self::within(role("stress"), stress, deadline)
    }

    fn within(spawn: Spawn, stress: Stress, deadline: Duration) -> Self {
        let order = serde_json::to_string(&Order { stress, deadline }).unwrap();
        let mut actor = Actor::start(spawn.env("ORDER", order).stdout(Output::Pipe));
        let lines = BufReader::new(actor.child.take_stdout().unwrap()).lines();
        Self { actor, lines }
    }

    fn next(&mut self) -> Option<Line> {
        // The test harness of the role talks too, and not in JSON.
        self.lines.find_map(|line| {
            let line = line.unwrap();
            serde_json::from_str(&line[line.find('{')?..]).ok()
        })
    }

    fn ready(&mut self) -> Measured {
        assert!(matches!(self.next(), Some(Line::Started { .. })));
        match self.next() {
            Some(Line::Ready(measured)) => measured,
            other => panic!("expected to hear that it is ready, heard {other:?}"),
        }
    }

    fn kill(mut self) {
        self.actor.process().signal(Signal::Kill).unwrap();
        self.actor.child.wait(PATIENCE).unwrap().unwrap();
    }
}

/// F8
#[test]
fn half_a_core_is_half_a_core() {
    let stress = Stress::Cpu { percent: 50.0, workers: 1 };
    let mut stressor = Stressor::start(stress, Duration::from_mins(1));
    assert!(matches!(stressor.ready(), Measured::Cpu { workers: 1, .. }));
    let process = stressor.actor.process();
    until("two seconds with half a core", || {
        let (begin, before) = (clock::now(), process.cpu_time().unwrap());
        std::thread::sleep(Duration::from_secs(2));
        let used = process.cpu_time().unwrap().checked_sub(before).unwrap();
        let percent = used.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0;
        assert!(percent < 60.0, "{percent} % of a core");
        // 49 to 51 on an idle machine. A busy one may not give it at once.
        (percent > 40.0).then_some(())
    });
}

/// F9
#[test]
fn memory_is_in_use_at_the_end_of_the_ramp_and_back_after_the_end() {
    let bytes = 48 << 20;
    let stress = Stress::Memory { bytes, ramp: Duration::from_millis(300) };
    let begin = clock::now();
    let mut stressor = Stressor::start(stress, Duration::from_mins(1));
    let Measured::Memory { bytes: measured } = stressor.ready() else { panic!() };
    assert!(begin.elapsed() >= Duration::from_millis(300), "the ramp takes its time");
    assert!(measured >= bytes * 95 / 100, "{measured}");
    let process = stressor.actor.process();
    assert!(process.resident_bytes().unwrap() > bytes);
    let score = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", process.pid)).unwrap();
    assert_eq!(score.trim(), "1000", "when memory runs out it goes first");
    stressor.kill();
    assert!(!process.is_alive().unwrap());
}

/// S3: the deadline is in the stressor itself.
#[test]
fn a_stressor_ends_at_its_own_deadline_also_within_its_ramp() {
    for stress in [
        Stress::Cpu { percent: 5.0, workers: 1 },
        Stress::Memory { bytes: 8 << 20, ramp: Duration::from_secs(100) },
        Stress::Tasks { count: 2 },
    ] {
        let mut stressor = Stressor::start(stress, Duration::from_millis(700));
        assert_eq!(stressor.actor.child.wait(PATIENCE).unwrap(), Some(Exit::Code(0)));
    }
}

/// S3: and if its own code hangs, the kernel ends it.
#[test]
fn the_kernel_stands_behind_the_deadline() {
    let stress = Stress::Cpu { percent: 1.0, workers: 1 };
    let mut stressor = Stressor::start(stress, Duration::from_millis(600));
    stressor.ready();
    let process = stressor.actor.process();
    process.signal(Signal::Stop).unwrap();
    // Stopped over its deadline: the alarm is what it meets first when it goes on.
    until("the alarm is pending", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
        let pending = u64::from_str_radix(pending.trim(), 16).unwrap();
        (pending & 1 << (14 - 1) != 0).then_some(())
    });
    process.signal(Signal::Cont).unwrap();
    let exit = stressor.actor.child.wait(PATIENCE).unwrap();
    assert_eq!(exit, Some(Exit::Signal(14)), "SIGALRM");
}

#[test]
fn orders_that_make_no_sense_are_refused_in_words_and_exit_code() {
    let orders = [
        (Stress::Cpu { percent: 0.0, workers: 1 }, "percent"),
        (Stress::Cpu { percent: 50.0, workers: 0 }, "worker"),
        (Stress::Memory { bytes: 0, ramp: Duration::ZERO }, "byte"),
        (Stress::Ports { first: 9, last: 8 }, "ports"),
        (Stress::DiskFill { dir: "/".into(), bytes: 1 << 20 }, "root file system"),
        (Stress::DiskFill { dir: "/no/such/place".into(), bytes: 1 }, "/no/such/place"),
        (Stress::Inodes { dir: "/".into(), count: 1 }, "root file system"),
    ];
    for (stress, word) in orders {
        let mut stressor = Stressor::start(stress.clone(), Duration::from_mins(1));
        assert!(matches!(stressor.next(), Some(Line::Started { .. })), "{stress:?}");
        let Some(Line::Error(text)) = stressor.next() else { panic!("{stress:?}: no error") };
        assert!(text.starts_with("could not ") && text.contains(word), "{text}");
        assert_eq!(stressor.actor.child.wait(PATIENCE).unwrap(), Some(Exit::Code(1)));
    }
}

/// A small file system of our own in a mount namespace of its own: gone with its keeper.
struct Room {
    keeper: Actor,
    point: PathBuf,
    _dir: tempfile::TempDir,
}

impl Room {
    fn build(options: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let point = dir.path().to_owned();
        let script = format!("mount -t tmpfs -o {options} none {} && exec sleep 300", point.display());
        let keeper = Actor::start(Spawn::program("unshare").args(["-m", "sh", "-c", &script]));
        let name = || keeper.process().command_line().unwrap_or_default();
        until("the room", || (name() == ["sleep", "300"]).then_some(()));
        Self { keeper, point, _dir: dir }
    }

    /// As seen from outside.
    fn space(&self) -> Space {
        let inside = self.point.strip_prefix("/").unwrap();
        let root = format!("/proc/{}/root", self.keeper.process().pid);
        Space::of(&Path::new(&root).join(inside)).unwrap()
    }

    fn stress(&self, stress: Stress) -> Stressor {
        let pid = self.keeper.process().pid.to_string();
        let spawn = Spawn::program("nsenter")
            .args(["-t", &pid, "-m"])
            .arg(std::env::current_exe().unwrap())
            .args(stage::ROLE_ARGUMENTS)
            .env(stage::ROLE, "stress");
        Stressor::within(spawn, stress, Duration::from_mins(1))
    }
}

/// F10
#[test]
fn a_disk_is_filled_and_the_space_returns_after_kill_9() {
    if !require_root() || !require("unshare") || !require("nsenter") {
        return;
    }
    let room = Room::build("size=32m");
    let before = room.space().available;
    let bytes = 10 << 20;
    let mut some = room.stress(Stress::DiskFill { dir: room.point.clone(), bytes });
    let Measured::DiskFill { bytes: held, end, available } = some.ready() else { panic!() };
    assert_eq!((held, end), (bytes, End::Asked));
    assert_eq!(before - room.space().available, bytes);
    assert_eq!(room.space().available, available);
    some.kill();
    assert_eq!(room.space().available, before);

    let mut all = room.stress(Stress::DiskFill { dir: room.point.clone(), bytes: 1 << 30 });
    let Measured::DiskFill { end, .. } = all.ready() else { panic!() };
    assert_eq!((end, room.space().available), (End::Exhausted, 0));
    all.kill();
    assert_eq!(room.space().available, before);
}

/// F12
#[test]
fn inodes_run_out_and_return() {
    if !require_root() || !require("unshare") || !require("nsenter") {
        return;
    }
    let room = Room::build("size=8m,nr_inodes=100");
    let before = room.space().inodes_free;
    let mut stressor = room.stress(Stress::Inodes { dir: room.point.clone(), count: 1000 });
    let Measured::Inodes { count, free, end } = stressor.ready() else { panic!() };
    assert_eq!((count, free, end), (before, 0, End::Exhausted));
    assert_eq!(room.space().inodes_free, 0);
    stressor.kill();
    assert_eq!(room.space().inodes_free, before);
}

/// F12
#[test]
fn tasks_are_held_and_counted() {
    let mut stressor = Stressor::start(Stress::Tasks { count: 50 }, Duration::from_mins(1));
    let Measured::Tasks { count, end } = stressor.ready() else { panic!() };
    assert_eq!((count, end), (50, End::Asked));
    assert!(stressor.actor.process().threads().unwrap() >= 50);
}

/// F12: in a group with a limit they run out, and that is the effect.
#[test]
fn tasks_run_out_where_the_group_has_a_limit() {
    use squall_host::cgroup::{Controller, Hierarchies, Limit};
    if !require_root() {
        return;
    }
    let hierarchies = Hierarchies::read().unwrap();
    let group = hierarchies.plan(&unique("tasks"), &[Controller::Pids]).unwrap();
    group.create().unwrap();
    let (read, write) = std::io::pipe().unwrap();
    let exe = std::env::current_exe().unwrap();
    let script = format!("read go; exec {} {}", exe.display(), stage::ROLE_ARGUMENTS.join(" "));
    let spawn =
        shell(&script).stdin(squall_host::spawn::Input::Descriptor(read.into())).env(stage::ROLE, "stress");
    let mut stressor = Stressor::within(spawn, Stress::Tasks { count: 500 }, Duration::from_mins(1));
    let home = hierarchies.home(stressor.actor.process()).unwrap();
    let held = group.limit(Limit::Tasks(40)).and_then(|()| group.add(stressor.actor.process()));
    std::io::Write::write_all(&mut &write, b"go\n").unwrap();
    let measured = held.is_ok().then(|| stressor.ready());
    let tasks = group.usage().unwrap().tasks;
    stressor.kill();
    group.remove(&[home], PATIENCE).unwrap();
    assert!(matches!(measured, Some(Measured::Tasks { end: End::Exhausted, .. })), "{measured:?}");
    assert_eq!(tasks, Some(40));
}

/// F12
#[test]
fn held_ports_cannot_be_had_by_others() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let stress = Stress::Ports { first: port, last: port };
    let mut stressor = Stressor::start(stress, Duration::from_mins(1));
    let Measured::Ports { count, taken } = stressor.ready() else { panic!() };
    assert_eq!((count, taken), (1, 0));
    assert!(TcpListener::bind(("127.0.0.1", port)).is_err());
    stressor.kill();
    until("the port again", || TcpListener::bind(("127.0.0.1", port)).ok());
}
