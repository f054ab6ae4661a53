//! HTTP/1.1.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, post};
use squall_load::{Connections, Failure, HttpTarget, Load, Pattern, Rows, Settings, Text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::stage::{
    PATIENCE, carried_out, get, http, of, own, rate, serve, serve_rudely, settings, text, until,
};

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

    let target = HttpTarget::new("POST", &text(&format!("http://{address}/tasks")))
        .unwrap()
        .header("content-type", &text("application/json"))
        .unwrap()
        .body(text(r#"{"key":"k-{n}"}"#));
    let start = Instant::now();
    let totals = carried_out(of(http(target), 100.0, 50)).await;
    assert!(
        start.elapsed() >= Duration::from_millis(490),
        "50 requests at 100 a second in {:?}",
        start.elapsed()
    );
    assert_eq!((totals.sent, totals.ok, totals.error_rate()), (50, 50, Some(0.0)), "{totals:?}");
    assert_eq!(totals.due, 50);
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
    let totals = carried_out(settings(serve(app).await, 100.0, 300)).await;
    assert_eq!((totals.sent, totals.ok), (300, 300), "the load went on while the server did not: {totals:?}");
    assert!(totals.latency.quantile(0.99) > Some(Duration::from_millis(850)), "{totals:?}");
    assert!(totals.latency.quantile(0.8) > Some(Duration::from_millis(200)), "{totals:?}");
    assert!(totals.latency.quantile(0.5) < Some(Duration::from_millis(200)), "{totals:?}");
}

/// A load generator that stands still itself must not hide it: the time counts from when the request was due.
#[tokio::test]
async fn a_pause_of_the_load_itself_is_counted_as_late_and_as_latency() {
    // The first request holds up the thread of the load.
    let target = own(|n| async move {
        if n == 0 {
            std::thread::sleep(Duration::from_millis(300));
        }
        Ok(())
    });
    let totals = carried_out(of(target, 100.0, 60)).await;
    assert_eq!(totals.ok, 60);
    assert!(totals.late >= 20, "{totals:?}");
    assert!(totals.latency.max() >= Some(Duration::from_millis(250)), "{totals:?}");
    assert!(totals.start_error.max() >= Some(Duration::from_millis(250)), "{totals:?}");
}

/// What the owner of the load does meanwhile does not matter: the load has a thread of its own.
#[tokio::test]
async fn a_busy_owner_does_not_hold_up_the_load() {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&starts);
    let target = own(move |_| {
        seen.lock().expect("the list").push(Instant::now());
        std::future::ready(Ok(()))
    });
    let mut load = Load::start(of(target, 1000.0, 400)).unwrap();
    // The only thread of this runtime.
    std::thread::sleep(Duration::from_millis(400));
    timeout(PATIENCE, load.ended()).await.unwrap();
    assert_eq!(load.stop().await.sent, 400);
    let starts = starts.lock().unwrap();
    let longest = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < Duration::from_millis(300), "nothing was started for {longest:?}");
}

#[tokio::test]
async fn a_closed_port_is_counted_as_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sum = carried_out(settings(address, 200.0, 20)).await;
    assert_eq!(sum.failures, [(Failure::Refused, 20)].into());
    assert_eq!((sum.ok, sum.error_rate(), sum.latency.count()), (0, Some(1.0), 0));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_no_connection() {
    let sum = carried_out(of(http(get("http://no-such-host.invalid/")), 100.0, 2)).await;
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
    let sum = carried_out(settings(serve(app).await, 300.0, 30)).await;
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
    let long = serve_rudely(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nmore than that").await;
    })
    .await;
    let silent = serve_rudely(async |stream: TcpStream| drop(stream)).await;
    for (address, failure) in [
        (reset, Failure::Reset),
        (half, Failure::Closed),
        (silent, Failure::Closed),
        (nonsense, Failure::Malformed),
        (long, Failure::Surplus),
    ] {
        let sum = carried_out(settings(address, 200.0, 10)).await;
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
    let sum = carried_out(Settings { timeout: limit, ..settings(drip, 200.0, 10) }).await;
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
        Load::start(Settings { max_in_flight: ceiling, timeout: limit, ..settings(silent, 500.0, 100) })
            .unwrap();
    let mut refused = 0;
    until("all others are counted", async || {
        let sample = load.sample();
        assert!(sample.in_flight <= 5);
        refused += sample.failures.get(&Failure::Ceiling).copied().unwrap_or_default();
        refused >= 95
    })
    .await;
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
    let came = || count.load(Ordering::Relaxed);
    let load = Load::start(endless()).unwrap();
    until("requests come", async || came() > 5).await;
    let totals = load.stop().await;
    assert!(totals.sent > 0 && totals.ok == totals.sent, "{totals:?}");

    let before = came();
    let load = Load::start(endless()).unwrap();
    until("requests come again", async || came() > before + 5).await;
    drop(load);
    // What was on its way may still arrive; then nothing more does, for a stretch in which thirty would have come.
    let mut before = came();
    until("a dropped load sends nothing", async || {
        sleep(Duration::from_millis(300)).await;
        came() == std::mem::replace(&mut before, came())
    })
    .await;
}

// C7: whatever the pattern asks for, in no second there are more.
#[tokio::test]
async fn a_ceiling_of_the_rate_holds_when_the_load_catches_up() {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&starts);
    let target = own(move |n| {
        seen.lock().expect("the list").push(Instant::now());
        if n == 0 {
            // Long enough for a backlog of a hundred.
            std::thread::sleep(Duration::from_secs(1));
        }
        std::future::ready(Ok(()))
    });
    let ceiling = Settings { max_rate: Some(rate(100.0)), ..of(target, 100.0, 250) };
    let totals = carried_out(ceiling).await;
    assert_eq!(totals.sent, 250);
    let starts = starts.lock().unwrap();
    for (at, start) in starts.iter().enumerate() {
        let within =
            starts[at..].iter().take_while(|other| **other < *start + Duration::from_millis(990)).count();
        assert!(within <= 100, "{within} in a second, from request {at}");
    }
}

#[tokio::test]
async fn the_warm_up_is_sent_and_not_counted() {
    let app = Router::new().route("/", any(async || "ok"));
    let warm_up = Duration::from_millis(500);
    let totals = carried_out(Settings { warm_up, ..settings(serve(app).await, 100.0, 150) }).await;
    assert_eq!((totals.due, totals.sent, totals.ok), (100, 100, 100), "{totals:?}");
    assert_eq!(totals.latency.count(), 100);
}

#[tokio::test]
async fn retries_are_off_unless_asked_for_and_are_counted() {
    // Every second connection is closed without an answer.
    let closing = async || {
        let turn = Arc::new(AtomicU64::new(0));
        serve_rudely(move |mut stream: TcpStream| {
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            async move {
                if turn % 2 == 1 {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
                }
            }
        })
        .await
    };
    let without = carried_out(settings(closing().await, 50.0, 10)).await;
    assert_eq!((without.ok, without.retried), (5, 0), "{without:?}");
    assert_eq!(without.failures, [(Failure::Closed, 5)].into());
    let with = carried_out(Settings { retries: 3, ..settings(closing().await, 50.0, 10) }).await;
    assert_eq!((with.sent, with.ok, with.failures.len()), (10, 10, 0), "{with:?}");
    assert!(with.retried >= 5, "{with:?}");
}

#[tokio::test]
async fn connections_are_not_reused_when_asked_not_to_be() {
    let connections = Arc::new(AtomicU64::new(0));
    let accepted = Arc::clone(&connections);
    let server = serve_rudely(move |mut stream: TcpStream| {
        accepted.fetch_add(1, Ordering::Relaxed);
        async move {
            let _ = stream.write_all(b"HTTP/1.1 204 No\r\n\r\n").await;
            // A client that comes again on this connection waits in vain.
            let _ = stream.read(&mut [0; 1]).await;
        }
    })
    .await;
    let target = get(&format!("http://{server}/")).connections(Connections::New);
    let totals = carried_out(of(http(target), 200.0, 20)).await;
    assert_eq!((totals.ok, connections.load(Ordering::Relaxed)), (20, 20), "{totals:?}");
}

/// A connection that the server closed while nobody used it is no failure of the next request.
#[tokio::test]
async fn a_connection_that_was_closed_while_it_waited_is_not_used_again() {
    let server = serve_rudely(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 204 No\r\n\r\n").await;
    })
    .await;
    let totals = carried_out(settings(server, 20.0, 10)).await;
    assert_eq!((totals.ok, totals.failures.len()), (10, 0), "{totals:?}");
}

#[tokio::test]
async fn every_request_is_written_from_its_row_and_its_number() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&seen);
    let app =
        Router::new().fallback(move |uri: axum::http::Uri, headers: axum::http::HeaderMap, body: String| {
            let name = headers["x-name"].to_str().unwrap_or_default().to_owned();
            list.lock().expect("the list").push(format!("{uri} {name} {body}"));
            async {}
        });
    let rows = Arc::new(Rows::read("name\nann\nbob\n".as_bytes()).unwrap());
    let of_row = |text: &str| Text::new(text, Some(&rows)).unwrap();
    let address = serve(app).await;
    let target = HttpTarget::new("PUT", &of_row(&format!("http://{address}/{{csv:name}}?n={{n}}")))
        .unwrap()
        .header("x-name", &of_row("{csv:name}"))
        .unwrap()
        .body(of_row("{random:7-7}"));
    let totals = carried_out(of(http(target), 50.0, 3)).await;
    assert_eq!(totals.ok, 3, "{totals:?}");
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, ["/ann?n=0 ann 7", "/ann?n=2 ann 7", "/bob?n=1 bob 7"]);
}

#[tokio::test]
async fn a_load_that_cannot_be_is_refused() {
    let address = "127.0.0.1:1".parse().unwrap();
    let nothing = Settings { pattern: Pattern::Constant(rate(0.0)), ..settings(address, 1.0, 1) };
    assert!(Load::start(nothing).is_err());
    assert!(Load::start(Settings { timeout: Duration::ZERO, ..settings(address, 1.0, 1) }).is_err());
    assert!(Load::start(Settings { max_rate: Some(rate(0.0)), ..settings(address, 1.0, 1) }).is_err());
}
