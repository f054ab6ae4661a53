//! What a server sees of the load: not what the load says of itself.

use std::net::SocketAddr;
use std::time::Duration;

use squall_load::{Load, Part, Pattern, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::stage::{PATIENCE, get, http, rate};

/// A server with a runtime of its own that notes when the first byte of each request came.
fn noting() -> (SocketAddr, mpsc::UnboundedReceiver<Instant>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("an option of the socket");
    let (note, noted) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener");
            // Until nobody wants to know any more.
            while !note.is_closed() {
                let Ok(Ok((stream, _))) = timeout(Duration::from_millis(100), listener.accept()).await else {
                    continue;
                };
                tokio::spawn(answer(stream, note.clone()));
            }
        });
    });
    (address, noted)
}

async fn answer(mut stream: TcpStream, note: mpsc::UnboundedSender<Instant>) {
    let mut bytes = Vec::with_capacity(4096);
    while matches!(stream.read_buf(&mut bytes).await, Ok(read) if read > 0) {
        let now = Instant::now();
        // Requests here have no bodies, and one connection carries one at a time.
        if bytes.ends_with(b"\r\n\r\n") {
            bytes.clear();
            if note.send(now).is_err() || stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err()
            {
                return;
            }
        }
    }
}

/// The arrivals of so many requests, counted from the start of the load.
async fn arrivals(pattern: Pattern, total: usize) -> Vec<Duration> {
    let (address, mut noted) = noting();
    let target = http(get(&format!("http://{address}/")));
    let began = Instant::now();
    let mut load =
        Load::start(Settings { max_total: Some(total as u64), ..Settings::new(target, pattern) }).unwrap();
    let mut arrivals = Vec::with_capacity(total);
    let all = async {
        while arrivals.len() < total {
            arrivals.push(noted.recv().await.expect("the server notes") - began);
        }
        load.ended().await;
    };
    timeout(2 * PATIENCE, all).await.expect("all requests arrive");
    let totals = load.stop().await;
    assert_eq!((totals.ok, totals.sent), (total as u64, total as u64), "{totals:?}");
    arrivals.sort_unstable();
    arrivals
}

/// None before its time. How late they are is the machine's matter here, so only a rough bound is put on the median.
async fn follows(pattern: Pattern, total: usize) {
    let arrivals = arrivals(pattern.clone(), total).await;
    let mut late = Vec::with_capacity(total);
    for (n, (due, arrival)) in pattern.schedule().zip(&arrivals).enumerate() {
        assert!(*arrival >= due, "request {n} came at {arrival:?}, and was due at {due:?}");
        late.push(arrival.saturating_sub(due));
    }
    late.sort_unstable();
    let median = late[late.len() / 2];
    assert!(median < Duration::from_millis(100), "half of the requests came more than {median:?} late");
    // The curve: at every tenth of the time, as many have come as the integral of the rate says, within the median delay
    // and 1 %.
    let whole = *arrivals.last().expect("some came");
    let until = |time: Duration| arrivals.iter().take_while(|arrival| **arrival <= time).count();
    let due_until = |time: Duration| pattern.schedule().take(total).take_while(|due| *due <= time).count();
    for tenth in 1..10 {
        let time = whole * tenth / 10;
        let came = until(time + median);
        let due = due_until(time);
        let slack = due_until(time + median) - due + total / 100 + total / 20;
        assert!(
            came + total / 20 >= due && came <= due + slack,
            "until {time:?} {came} came and {due} were due"
        );
    }
}

// C7, checked from the server's side.
#[tokio::test]
async fn a_ramp_is_followed() {
    let ramp = Pattern::Ramp { from: rate(0.0), to: rate(1_000.0), over: Duration::from_secs(2) };
    follows(ramp, 1_500).await;
}

#[tokio::test]
async fn a_sine_is_followed() {
    let sine = Pattern::Sine { mean: rate(500.0), swing: rate(400.0), period: Duration::from_secs(1) };
    follows(sine, 1_500).await;
}

#[tokio::test]
async fn a_sequence_with_a_burst_is_followed() {
    let milliseconds = Duration::from_millis;
    let burst =
        Pattern::Burst { rate: rate(400.0), base: rate(0.0), on: milliseconds(250), off: milliseconds(250) };
    let parts = vec![
        Part { length: Some(milliseconds(500)), pattern: Pattern::Constant(rate(200.0)) },
        Part { length: None, pattern: burst },
    ];
    follows(Pattern::Sequence(parts), 600).await;
}
