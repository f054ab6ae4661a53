//! When requests arrive, as the server sees it: `cargo run --release -p squall-load --example arrivals -- 1000000`.
//!
//! Three patterns of 20,000 requests a second on average: constant, ramp and sine. For each: how late requests came against
//! the pattern's own integral, and how far the curve of arrivals was from it, second by second.

#![allow(clippy::print_stdout, reason = "an example that prints its figures")]

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use squall_load::{HttpTarget, Load, Pattern, PerSecond, Settings, Target, Text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

type Noted = Arc<Mutex<Vec<Instant>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let total: usize = std::env::args().nth(1).map_or(Ok(200_000), |number| number.parse())?;
    let rate = |rate: f64| PerSecond::new(rate);
    let seconds = total as f64 / 20_000.0;
    let patterns = [
        ("constant", Pattern::Constant(rate(20_000.0)?)),
        (
            "ramp",
            Pattern::Ramp {
                from: rate(10_000.0)?,
                to: rate(30_000.0)?,
                over: Duration::from_secs_f64(seconds),
            },
        ),
        (
            "sine",
            Pattern::Sine {
                mean: rate(20_000.0)?,
                swing: rate(10_000.0)?,
                period: Duration::from_secs_f64(seconds / 3.0),
            },
        ),
    ];
    let noted = Noted::default();
    let address = serve(Arc::clone(&noted))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (name, pattern) in patterns {
        noted.lock().expect("nobody panics with the list").clear();
        let url = Text::new(&format!("http://{address}/"), None)?;
        let target = Target::Http(Box::new(HttpTarget::new("GET", &url)?));
        let settings = Settings { max_total: Some(total as u64), ..Settings::new(target, pattern.clone()) };
        let (began, totals) = runtime.block_on(async {
            let began = Instant::now();
            let mut load = Load::start(settings)?;
            load.ended().await;
            Ok::<_, Box<dyn Error>>((began, load.stop().await))
        })?;
        let mut arrivals: Vec<Duration> =
            noted.lock().expect("nobody panics with the list").iter().map(|at| *at - began).collect();
        arrivals.sort_unstable();
        tell(name, &pattern, &arrivals);
        println!("{:>9}  by its own word: ok {}, {:?}", "", totals.ok, totals.start_error);
    }
    Ok(())
}

fn tell(name: &str, pattern: &Pattern, arrivals: &[Duration]) {
    let due: Vec<Duration> = pattern.schedule().take(arrivals.len()).collect();
    let mut late: Vec<f64> =
        due.iter().zip(arrivals).map(|(due, at)| (at.as_secs_f64() - due.as_secs_f64()) * 1e3).collect();
    let early = late.iter().filter(|late| **late < 0.0).count();
    late.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    // Second by second, without the last, which is not whole.
    let whole = arrivals.last().map_or(0, Duration::as_secs) as usize;
    let (mut came, mut asked) = (vec![0_i64; whole + 2], vec![0_i64; whole + 2]);
    for (due, at) in due.iter().zip(arrivals) {
        came[(at.as_secs() as usize).min(whole + 1)] += 1;
        asked[(due.as_secs() as usize).min(whole + 1)] += 1;
    }
    let off =
        (0..whole).map(|second| (came[second] - asked[second]).abs() as f64 / asked[second].max(1) as f64);
    let worst = off.fold(0.0, f64::max) * 100.0;
    println!(
        "{name:>9}  {} requests, {early} early; late by {:.3} ms (median), {:.3} ms (p99), {:.3} ms (worst); curve off by {worst:.2} % at most",
        arrivals.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

/// A server on a thread of its own that notes when each request came.
fn serve(noted: Noted) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&noted)));
            }
        });
    });
    Ok(address)
}

async fn answer(mut stream: TcpStream, noted: Noted) {
    let mut bytes = Vec::with_capacity(4096);
    while matches!(stream.read_buf(&mut bytes).await, Ok(read) if read > 0) {
        if bytes.ends_with(b"\r\n\r\n") {
            bytes.clear();
            noted.lock().expect("nobody panics with the list").push(Instant::now());
            if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
                return;
            }
        }
    }
}
