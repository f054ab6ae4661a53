//! The load against real servers, good ones and bad ones.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, post};
use squall_load::{Failure, HttpTarget, Load, Pattern, PerSecond, Settings, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A server that does `rude` with each connection after it has read something from it.
async fn serve_rudely<F, R>(rude: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            tokio::spawn(rude(stream));
        }
    });
    address
}

fn settings(address: SocketAddr, rate: f64, total: u64) -> Settings {
    let target = HttpTarget::new("GET", &format!("http://{address}/")).expect("a target");
    let pattern = Pattern::Constant(PerSecond::new(rate).expect("a rate"));
    Settings { max_total: Some(total), ..Settings::new(Target::Http(target), pattern) }
}

/// Waits until every request that is allowed has been counted.
async fn all_ended(load: &Load, total: u64) -> squall_load::Sample {
    let mut sum = load.sample();
    let ended = |sum: &squall_load::Sample| sum.ok + sum.failures.values().sum::<u64>();
    let waiting = async {
        while ended(&sum) < total {
            sleep(Duration::from_millis(10)).await;
            let next = load.sample();
            sum.ok += next.ok;
            sum.sent += next.sent;
            sum.late += next.late;
            sum.latency.merge(&next.latency);
            for (failure, count) in next.failures {
                *sum.failures.entry(failure).or_default() += count;
            }
        }
    };
    timeout(Duration::from_secs(30), waiting).await.expect("all requests end");
    sum
}

#[tokio::test]
async fn requests_start_at_the_rate_carry_their_number_and_share_connections() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    let app = Router::new().route(
        "/tasks",
        post(move |headers: axum::http::HeaderMap, body: String| async move {
            seen.lock().expect("the list").push((headers["content-type"].clone(), body));
            StatusCode::CREATED
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicU64::new(0));
    let accepted = Arc::clone(&connections);
    let counting = axum::serve::ListenerExt::tap_io(listener, move |_| {
        accepted.fetch_add(1, Ordering::Relaxed);
    });
    tokio::spawn(async move { axum::serve(counting, app).await });

    let target = HttpTarget::new("POST", &format!("http://{address}/tasks"))
        .unwrap()
        .header("content-type", "application/json")
        .unwrap()
        .body(r#"{"key":"k-{n}"}"#);
    let pattern = Pattern::Constant(PerSecond::new(100.0).unwrap());
    let start = Instant::now();
    let load = Load::start(Settings { max_total: Some(50), ..Settings::new(Target::Http(target), pattern) });
    all_ended(&load, 50).await;
    assert!(
        start.elapsed() >= Duration::from_millis(490),
        "50 requests at 100 a second in {:?}",
        start.elapsed()
    );
    let totals = load.stop().await;

    assert_eq!((totals.sent, totals.ok, totals.error_rate()), (50, 50, Some(0.0)), "{totals:?}");
    assert_eq!(totals.latency.count(), 50);
    let mut bodies = bodies.lock().unwrap().clone();
    bodies.sort_by_key(|(_, body)| body.len());
    assert_eq!(bodies[0].0, "application/json");
    assert!(bodies[..10].iter().any(|(_, body)| body == r#"{"key":"k-0"}"#), "{bodies:?}");
    assert!(bodies[10..].iter().any(|(_, body)| body == r#"{"key":"k-49"}"#), "{bodies:?}");
    assert!(connections.load(Ordering::Relaxed) < 25, "connections are kept alive");
}

/// A server that stands still for a second: each request that was due meanwhile has waited, and the p99 says so.
#[tokio::test]
async fn a_stall_of_a_second_shows_in_the_p99_and_not_in_the_median() {
    let start = Instant::now();
    let stall = start + Duration::from_millis(500)..start + Duration::from_millis(1500);
    let app = Router::new().route(
        "/",
        any(move || {
            let stall = stall.clone();
            async move {
                if stall.contains(&Instant::now()) {
                    tokio::time::sleep_until(stall.end).await;
                }
            }
        }),
    );
    let load = Load::start(settings(serve(app).await, 100.0, 300));
    all_ended(&load, 300).await;
    let totals = load.stop().await;
    assert_eq!((totals.sent, totals.ok), (300, 300), "the load went on while the server did not: {totals:?}");
    assert!(totals.latency.quantile(0.99) > Some(Duration::from_millis(850)), "{totals:?}");
    assert!(totals.latency.quantile(0.8) > Some(Duration::from_millis(200)), "{totals:?}");
    assert!(totals.latency.quantile(0.5) < Some(Duration::from_millis(200)), "{totals:?}");
}

/// A load generator that stands still itself must not hide it: the time counts from when the request was due.
#[tokio::test]
async fn a_pause_of_the_load_itself_is_counted_as_late_and_as_latency() {
    let app = Router::new().route("/", any(async || "ok"));
    let load = Load::start(settings(serve(app).await, 100.0, 60));
    sleep(Duration::from_millis(100)).await;
    std::thread::sleep(Duration::from_millis(300));
    all_ended(&load, 60).await;
    let totals = load.stop().await;
    assert_eq!(totals.ok, 60);
    assert!(totals.late >= 20, "{totals:?}");
    assert!(totals.latency.max() >= Some(Duration::from_millis(250)), "{totals:?}");
}

#[tokio::test]
async fn a_closed_port_is_counted_as_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let load = Load::start(settings(address, 200.0, 20));
    let sum = all_ended(&load, 20).await;
    assert_eq!(sum.failures, [(Failure::Refused, 20)].into());
    assert_eq!((sum.ok, sum.error_rate(), sum.latency.count()), (0, Some(1.0), 0));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_no_connection() {
    let target = HttpTarget::new("GET", "http://no-such-host.invalid/").unwrap();
    let pattern = Pattern::Constant(PerSecond::new(100.0).unwrap());
    let load = Load::start(Settings { max_total: Some(2), ..Settings::new(Target::Http(target), pattern) });
    let sum = all_ended(&load, 2).await;
    assert_eq!(sum.ok, 0);
    assert!(
        sum.failures.keys().all(|failure| matches!(failure, Failure::Connect | Failure::Timeout)),
        "{sum:?}"
    );
}

#[tokio::test]
async fn statuses_are_counted_each_by_its_number() {
    let turn = Arc::new(AtomicU64::new(0));
    let app = Router::new().route(
        "/",
        any(move || {
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            async move {
                match turn % 3 {
                    0 => StatusCode::SERVICE_UNAVAILABLE,
                    1 => StatusCode::FOUND,
                    _ => StatusCode::ACCEPTED,
                }
            }
        }),
    );
    let load = Load::start(settings(serve(app).await, 300.0, 30));
    let sum = all_ended(&load, 30).await;
    assert_eq!(sum.failures, [(Failure::Status(503), 10), (Failure::Status(302), 10)].into());
    assert_eq!((sum.ok, sum.latency.count()), (10, 10));
}

#[tokio::test]
async fn resets_half_answers_and_nonsense_are_told_apart() {
    let reset = serve_rudely(async |stream: TcpStream| {
        stream.set_zero_linger().expect("an option of the socket");
    })
    .await;
    let half = serve_rudely(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    })
    .await;
    let nonsense = serve_rudely(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").await;
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    for (address, failure) in [(reset, Failure::Cut), (half, Failure::Cut), (nonsense, Failure::Protocol)] {
        let load = Load::start(settings(address, 200.0, 10));
        let sum = all_ended(&load, 10).await;
        assert_eq!(sum.failures, [(failure, 10)].into());
        assert_eq!(sum.ok, 0);
    }
}

#[tokio::test]
async fn a_dripping_body_ends_at_the_timeout_and_the_time_counts() {
    let drip = serve_rudely(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while stream.write_all(b".").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let limit = Duration::from_millis(300);
    let load = Load::start(Settings { timeout: limit, ..settings(drip, 200.0, 10) });
    let sum = all_ended(&load, 10).await;
    assert_eq!(sum.failures, [(Failure::Timeout, 10)].into());
    assert!(sum.latency.quantile(0.5) >= Some(limit), "{sum:?}");
}

#[tokio::test]
async fn beyond_the_ceiling_requests_are_not_sent_but_counted() {
    let silent = serve_rudely(async |stream: TcpStream| {
        sleep(Duration::from_mins(1)).await;
        drop(stream);
    })
    .await;
    let ceiling = NonZeroUsize::new(5).unwrap();
    let limit = Duration::from_secs(2);
    let load =
        Load::start(Settings { max_in_flight: ceiling, timeout: limit, ..settings(silent, 500.0, 100) });
    let mut refused = 0;
    let start = Instant::now();
    while refused < 95 {
        assert!(start.elapsed() < Duration::from_secs(20), "only {refused} were not sent");
        sleep(Duration::from_millis(10)).await;
        let sample = load.sample();
        assert!(sample.in_flight <= 5);
        refused += sample.failures.get(&Failure::Ceiling).copied().unwrap_or_default();
    }
    let totals = load.stop().await;
    assert_eq!(totals.sent, 5);
    assert_eq!(totals.failures, [(Failure::Ceiling, 95), (Failure::Timeout, 5)].into());
}

#[tokio::test]
async fn stopping_waits_for_the_answers_and_a_dropped_load_sends_no_more() {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let app = Router::new().route(
        "/",
        any(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(200))
        }),
    );
    let address = serve(app).await;
    let endless = || Settings { max_total: None, ..settings(address, 100.0, 1) };
    let load = Load::start(endless());
    sleep(Duration::from_millis(100)).await;
    let totals = load.stop().await;
    assert!(totals.sent > 0 && totals.ok == totals.sent, "{totals:?}");

    let load = Load::start(endless());
    sleep(Duration::from_millis(100)).await;
    drop(load);
    sleep(Duration::from_millis(50)).await;
    let after = count.load(Ordering::Relaxed);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(count.load(Ordering::Relaxed), after);
}
