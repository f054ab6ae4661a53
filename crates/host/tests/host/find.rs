//! Finding processes by what people know about them.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use squall_host::cgroup::Hierarchies;
use squall_host::find::{self, FindError, Socket};
use squall_host::glob::Glob;
use squall_host::process::Process;
use squall_host::spawn::{Input, Spawn};
use squall_host::tool::Tool;

use crate::stage::{self, Actor, PATIENCE, require, require_root, until};

#[test]
fn by_name_and_by_the_whole_name_of_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("a-name-longer-than-15-bytes-{}", std::process::id());
    let program = dir.path().join(&name);
    std::fs::copy("/bin/sleep", &program).unwrap();
    let actor = Actor::start(Spawn::program(&program).arg("300"));
    assert_eq!(find::named(&Glob::new(&name)).unwrap(), [actor.process()]);
    assert_eq!(find::named(&Glob::new(&format!("*-bytes-{}", std::process::id()))).unwrap().len(), 1);
    assert!(find::named(&Glob::new("no-such-program-anywhere")).unwrap().is_empty());
}

#[test]
fn by_command_line_and_never_ourselves() {
    let token = stage::unique("token");
    // A shell that waits for its script: a fork of it would have the same command line.
    let (read, _write) = std::io::pipe().unwrap();
    let waiting = Spawn::program("sh").args(["-s", &token]);
    let actor = Actor::start(waiting.stdin(Input::Descriptor(read.into())));
    let found = find::with_command_line(|line| line.contains(&token)).unwrap();
    assert_eq!(found, [actor.process()]);
    let own = Process::current().unwrap();
    assert!(!find::with_command_line(|_| true).unwrap().contains(&own));
}

#[test]
fn by_pid_file_but_not_by_a_stale_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("worker.pid");
    assert_eq!(find::in_pid_file(&path).unwrap(), None);
    let mut actor = Actor::sleeping();
    let process = actor.process();
    std::fs::write(&path, format!("{}\n/var/lib/x\n", process.pid)).unwrap();
    assert_eq!(find::in_pid_file(&path).unwrap(), Some(process));

    let earlier = SystemTime::now() - Duration::from_hours(1);
    File::options().write(true).open(&path).unwrap().set_modified(earlier).unwrap();
    assert!(matches!(find::in_pid_file(&path), Err(FindError::Stale { .. })));

    process.signal(squall_host::signal::Signal::Kill).unwrap();
    process.wait_gone(PATIENCE).unwrap();
    assert_eq!(find::in_pid_file(&path).unwrap(), None, "a zombie is nobody");
    actor.child.wait(PATIENCE).unwrap();
    std::fs::write(&path, "not a number").unwrap();
    assert!(matches!(find::in_pid_file(&path), Err(FindError::NotANumber { .. })));
}

#[test]
fn by_listening_socket_of_each_kind() {
    let own = Process::current().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    assert_eq!(find::listening(&Socket::Tcp(port)).unwrap(), [own]);

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let bound = udp.local_addr().unwrap().port();
    assert_eq!(find::listening(&Socket::Udp(bound)).unwrap(), [own]);

    match TcpListener::bind("[::1]:0") {
        Ok(six) => {
            let port = six.local_addr().unwrap().port();
            assert_eq!(find::listening(&Socket::Tcp(port)).unwrap(), [own]);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::AddrNotAvailable),
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b.sock");
    let unix = UnixListener::bind(&path).unwrap();
    assert_eq!(find::listening(&Socket::Unix(path.clone())).unwrap(), [own]);
    drop((tcp, unix));
    assert!(find::listening(&Socket::Tcp(port)).unwrap().is_empty());
    assert!(find::listening(&Socket::Unix(path)).unwrap().is_empty());
}

/// S4: "could not see" is not "nobody listens".
#[test]
fn a_listener_of_another_user_is_hidden_and_not_absent() {
    if !require_root() || !require("setpriv") {
        return;
    }
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let said = Tool::new("setpriv", PATIENCE)
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(stage::ROLE_ARGUMENTS)
        .env(stage::ROLE, "stranger")
        .env("PORT", port.to_string())
        .run()
        .unwrap();
    assert!(said.exit.is_success(), "{}{}", said.stdout.text(), said.stderr.text());
    assert!(said.stdout.text().contains("the listener is hidden"), "{}", said.stdout.text());
}

/// S4: nor is "hidden from us" the same as "not there".
#[test]
fn where_proc_hides_processes_nothing_found_is_an_error() {
    if !require_root() || !require("setpriv") || !require("unshare") {
        return;
    }
    let script = "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid=65534 \
                  --regid=65534 --clear-groups \"$@\"";
    let exe = std::env::current_exe().unwrap();
    let said = Tool::new("unshare", PATIENCE)
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(exe)
        .args(stage::ROLE_ARGUMENTS)
        .env(stage::ROLE, "blind")
        .run()
        .unwrap();
    assert!(said.exit.is_success(), "{}{}", said.stdout.text(), said.stderr.text());
    assert!(said.stdout.text().contains("blind, and said so"), "{}", said.stdout.text());
}

pub(crate) fn play_blind() {
    assert!(matches!(find::named(&Glob::new("no-such-program")), Err(FindError::Blind)));
    println!("blind, and said so");
}

pub(crate) fn play(port: &str) {
    let socket = Socket::Tcp(port.parse().unwrap());
    assert!(matches!(find::listening(&socket), Err(FindError::HolderHidden { .. })));
    println!("the listener is hidden");
}

#[test]
fn by_group_and_a_missing_group_is_an_error() {
    let hierarchies = Hierarchies::read().unwrap();
    let actor = Actor::sleeping();
    let home = hierarchies.home(actor.process()).unwrap();
    let directory = home.directories[0].to_str().unwrap();
    assert!(find::in_group(&hierarchies, directory).unwrap().contains(&actor.process()));
    assert!(find::in_group(&hierarchies, "/no/such/group").is_err());
    assert!(find::in_group(&hierarchies, &format!("{directory}/../..")).is_err());
    until("the actor", || actor.process().is_alive().unwrap().then_some(()));
}
