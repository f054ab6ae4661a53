//! `squall proxy` as a process: without descriptors, at its end, and as the first process of a container (F20).
#![allow(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests start the binary as a person does")]

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use squall_e2e::{binary, wait};
use squall_host::process::Process;
use squall_host::signal::Signal;

const LONG: Duration = Duration::from_secs(30);

/// A server that sends back what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    at
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Whether what is sent comes back.
fn is_served(mut stream: &TcpStream) -> bool {
    let mut back = [0; 5];
    stream.write_all(b"hello").is_ok() && stream.read_exact(&mut back).is_ok() && back == *b"hello"
}

/// A proxy to an echo server.
struct Proxy {
    child: Child,
    at: SocketAddr,
    api: SocketAddr,
    lines: Receiver<String>,
    /// What it has told so far.
    told: RefCell<Vec<String>>,
}

impl Proxy {
    /// Started by this command line of a shell, in which `$squall` stands for the binary, `$to` for the server.
    fn start(line: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", line])
            .env("squall", binary::path())
            .env("to", echo().to_string())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || told.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut proxy = Self { child, at: unknown, api: unknown, lines, told: RefCell::default() };
        let line = proxy.hear("listening at http://");
        proxy.api = line.split("http://").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
        let line = proxy.hear("proxy: from ");
        proxy.at = line.split(' ').nth(2).unwrap().parse().unwrap();
        proxy
    }

    /// The next line with this in it.
    fn hear(&self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LONG).unwrap_or_else(|_| panic!("never told: {text}"));
            self.told.borrow_mut().push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// What the API answers to this request, up to its end.
    fn ask(&self, path: &str) -> String {
        let mut api = connect(self.api);
        write!(api, "GET {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        api.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The process of the proxy itself, below the programs that it was started with.
    fn process(&self) -> Process {
        let mut pid = self.child.id();
        loop {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            let Some(child) = children.split_whitespace().next() else { break };
            pid = child.parse().unwrap();
        }
        Process::of(pid).unwrap().expect("it runs")
    }

    fn ended(&mut self) -> ExitStatus {
        wait::until("the proxy has ended", LONG, || self.child.try_wait().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.process().signal(Signal::Kill);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

const ONE: &str = "--listen 127.0.0.1:0 --from 127.0.0.1:0 --to $to --workers 1";

#[test]
fn a_proxy_whose_descriptors_are_used_up_says_so_and_serves_again_afterwards() {
    let proxy = Proxy::start(&format!("ulimit -n 40; exec $squall proxy {ONE}"));
    let first = connect(proxy.at);
    assert!(is_served(&first));
    // The kernel takes them for the proxy until its queue is full.
    let clients: Vec<TcpStream> = (0..60).map(|_| connect(proxy.at)).collect();
    // A dial that fails for the same reason says so too, but not that clients wait.
    let told = proxy.hear("could not take connections, clients wait");
    assert!(told.contains("Too many open files"), "{told}");
    assert!(is_served(&first), "one that was there before goes on");
    assert!(proxy.ask("/version").contains("squall"), "the API has descriptors of its own");
    assert!(proxy.ask("/proxies/proxy/connections").contains("\"established\":true"));
    drop(clients);
    wait::until("a new connection is served", LONG, || is_served(&connect(proxy.at)).then_some(()));
}

#[test]
fn a_proxy_takes_as_many_descriptors_as_it_may_have_and_not_as_few_as_it_was_given() {
    let proxy = Proxy::start(&format!("ulimit -Sn 40; exec $squall proxy {ONE}"));
    let clients: Vec<TcpStream> = (0..60).map(|_| connect(proxy.at)).collect();
    assert!(clients.iter().all(is_served));
}

#[test]
fn a_proxy_that_is_terminated_takes_no_more_and_lets_open_connections_finish() {
    let mut proxy = Proxy::start(&format!("exec $squall proxy {ONE} --drain 60s"));
    let client = connect(proxy.at);
    assert!(is_served(&client));
    proxy.process().signal(Signal::Term).unwrap();
    wait::until("it takes no more", LONG, || TcpStream::connect(proxy.at).is_err().then_some(()));
    assert!(is_served(&client), "an open connection goes on");
    assert!(proxy.child.try_wait().unwrap().is_none(), "and is waited for");
    drop(client);
    assert!(proxy.ended().success());
}

// Whoever starts it may wait for its end without reading what it tells.
#[test]
fn a_proxy_whose_log_nobody_reads_ends_when_it_is_terminated() {
    let mut child = Command::new(binary::path())
        .args(["proxy", "--listen", "127.0.0.1:0", "--to", &echo().to_string(), "--log", "debug"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("proxy: from ") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it has ended");
    }
    let at: SocketAddr = line.split(' ').nth(2).unwrap().parse().unwrap();
    // A pipe holds 64 KiB, pipe(7); each of these is told in about 150 bytes.
    for _ in 0..1000 {
        assert!(is_served(&connect(at)));
    }
    Process::of(child.id()).unwrap().unwrap().signal(Signal::Term).unwrap();
    let ended = wait::until("the proxy has ended", LONG, || child.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_proxy_that_is_the_first_process_of_a_container_ends_when_it_is_terminated() {
    // Whoever is process 1 gets only the signals that it asked for, pid_namespaces(7).
    let mut proxy =
        Proxy::start(&format!("exec unshare --pid --fork --kill-child $squall proxy {ONE} --drain 1ms"));
    let client = connect(proxy.at);
    assert!(is_served(&client));
    let process = proxy.process();
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap();
    let inside = status.lines().find(|line| line.starts_with("NSpid:")).unwrap();
    assert!(inside.ends_with("\t1"), "{inside}");
    process.signal(Signal::Term).unwrap();
    assert!(proxy.ended().success(), "although somebody is still connected");
    drop(client);
}

#[test]
fn a_second_signal_ends_a_proxy_that_waits_for_its_connections() {
    let mut proxy = Proxy::start(&format!("exec $squall proxy {ONE} --drain 1h"));
    let client = connect(proxy.at);
    assert!(is_served(&client));
    proxy.process().signal(Signal::Term).unwrap();
    wait::until("it takes no more", LONG, || TcpStream::connect(proxy.at).is_err().then_some(()));
    proxy.process().signal(Signal::Term).unwrap();
    assert!(proxy.ended().success());
    drop(client);
}

#[test]
fn mistakes_in_a_config_file_and_on_the_command_line_have_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxies.json");
    let toxic = r#"[{"name": "a", "upstream": "b:1"}, {"name": "c", "upstream": "b:1", "toxics": [{"type": "latncy"}]}]"#;
    std::fs::write(&file, toxic).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, code, words) in [
        (
            &["--config", file][..],
            3,
            "proxies.json: toxic 1 of proxy 2: invalid toxic type\n\nhint: `latncy` is none of",
        ),
        (&["--to", "127.0.0.1:7", "--from", "127.0.0.1:7"], 4, "would come back to it"),
        (&["--to", "127.0.0.1:7", "--from", "nowhere"], 2, "'--from <ADDRESS>': `nowhere` is no address"),
        (
            &["--to", "127.0.0.1:7", "--from", "192.0.2.1:7"],
            4,
            "could not make a proxy: listen 192.0.2.1:7: ",
        ),
        (&["--to", "127.0.0.1:7", "--tls", "{}"], 2, "--protocol <PROTOCOL>"),
        (
            &["--to", "127.0.0.1:7", "--protocol", "http", "--tls", "{ autority: {} }"],
            2,
            "--tls:1:3]\n 1 | { autority: {} }",
        ),
        (
            &[
                "--to",
                "127.0.0.1:7",
                "--protocol",
                "http",
                "--tls",
                "{ upstream: { tls: { roots: /nowhere } } }",
            ],
            3,
            "--tls: could not fill in {file:/nowhere}: No such file",
        ),
        (&["--listen", "unix:/tmp/api"], 2, "the API listens at HOST:PORT"),
    ] {
        let done = Command::new(binary::path()).arg("proxy").args(arguments).output().unwrap();
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}

// Toxiproxy's config file, with toxics in it; the seed decides whom they hit.
#[test]
fn a_config_file_has_toxics_and_the_seed_of_the_command_line_decides_whom_they_hit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxies.json");
    let hit = |seed: u32| {
        let config = r#"[{\"name\": \"proxy\", \"listen\": \"127.0.0.1:0\", \"upstream\": \"$to\", \"colour\": 1,
            \"toxics\": [{\"name\": \"half\", \"type\": \"reset_peer\", \"toxicity\": 0.5}]}]"#;
        let file = file.display();
        let proxy = Proxy::start(&format!(
            "echo \"{config}\" > {file}; exec $squall proxy --listen 127.0.0.1:0 --config {file} --seed {seed} 2>&1"
        ));
        let told = proxy.told.borrow().join("\n");
        assert!(told.contains("`colour` means nothing here"), "{told}");
        assert!(told.contains(&format!("seed {seed}")), "{told}");
        assert!(proxy.ask("/proxies/proxy/toxics").contains("\"half\""));
        (0..40).map(|_| !is_served(&connect(proxy.at))).collect::<Vec<bool>>()
    };
    let first = hit(7);
    let count = first.iter().filter(|hit| **hit).count();
    assert!((5..35).contains(&count), "{count} of 40");
    assert_eq!(first, hit(7));
    assert_ne!(first, hit(8));
}
