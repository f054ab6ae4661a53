//! The coordinated omission: a real server that stands still for ten seconds.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use squall_load::{Load, Settings};
use tokio::time::{Instant, sleep_until, timeout};

use crate::stage::{PATIENCE, settings};

/// Answers each request as soon as it can, and says where it listens.
const SERVER: &str = "\
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *text):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Answer)
server.request_queue_size = 1024
server.socket.listen(1024)
print(server.server_address[1], flush=True)
server.serve_forever()
";

/// A server in a process of its own, which is killed at the end, also while it is stopped.
struct Server(Child);

impl Server {
    #[allow(clippy::disallowed_methods, reason = "a test starts servers of its own")]
    fn start() -> (Self, SocketAddr) {
        let mut command = Command::new("python3");
        command.args(["-c", SERVER]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = Self(command.spawn().expect("python3 is installed"));
        let mut line = String::new();
        let output = server.0.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("it says its port");
        let port: u16 = line.trim().parse().expect("a port");
        (server, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it is alive");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// C7: a stall of ten seconds in fourteen. All requests that were due meanwhile have waited, the first of them for ten
// seconds; whoever sends the next request only when the last one is answered has one slow request and a fine p99.
#[tokio::test]
async fn a_server_that_stands_still_for_ten_seconds_shows_it_in_the_p99() {
    const STALL: Duration = Duration::from_secs(10);
    let (server, address) = Server::start();
    let whole = Settings { timeout: PATIENCE, ..settings(address, 50.0, 700) };
    let began = Instant::now();
    let mut load = Load::start(whole).unwrap();
    sleep_until(began + Duration::from_secs(2)).await;
    server.signal(Signal::STOP);
    let stopped = Instant::now();
    sleep_until(stopped + STALL).await;
    server.signal(Signal::CONT);
    let stall = stopped.elapsed();
    timeout(PATIENCE, load.ended()).await.expect("the load ends");
    let totals = load.stop().await;
    assert_eq!((totals.sent, totals.ok), (700, 700), "the load went on while the server did not: {totals:?}");
    let at = |share| totals.latency.quantile(share).unwrap();
    // Of 700 requests 500 were due in the stall, one every 20 ms: the p99 is that of the 8th of them, the median in the
    // middle of it.
    assert!(at(0.99) + Duration::from_secs(1) > stall, "{:?} of {stall:?}", at(0.99));
    let longest = totals.latency.max().unwrap();
    assert!(longest + Duration::from_millis(200) >= stall, "{longest:?} of {stall:?}");
    assert!(at(0.5) > stall / 5 && at(0.5) < stall, "{:?}", at(0.5));
    assert!(at(0.1) < stall / 10, "those outside of the stall are quick: {:?}", at(0.1));
}
