//! What the tests have in common: servers, and waiting for the end of a load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use squall_load::{HttpTarget, Load, Pattern, PerSecond, Sample, Sender, Sending, Settings, Target, Text};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// Nothing takes longer than this, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something to come true.
pub(crate) async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !check().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "{what} in time");
}

pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A server that does `rude` with each connection after it has read something from it.
pub(crate) async fn serve_rudely<F, R>(rude: F) -> SocketAddr
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

pub(crate) fn rate(rate: f64) -> PerSecond {
    PerSecond::new(rate).expect("a rate")
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text, None).expect("a text")
}

pub(crate) fn get(url: &str) -> HttpTarget {
    HttpTarget::new("GET", &text(url)).expect("a target")
}

pub(crate) fn http(target: HttpTarget) -> Target {
    Target::Http(Box::new(target))
}

/// So many requests for `/`.
pub(crate) fn settings(address: SocketAddr, per_second: f64, total: u64) -> Settings {
    of(http(get(&format!("http://{address}/"))), per_second, total)
}

pub(crate) fn of(target: Target, per_second: f64, total: u64) -> Settings {
    Settings { max_total: Some(total), ..Settings::new(target, Pattern::Constant(rate(per_second))) }
}

/// Carries a load out that ends by itself.
pub(crate) async fn carried_out(settings: Settings) -> Sample {
    let mut load = Load::start(settings).expect("a load");
    timeout(PATIENCE, load.ended()).await.expect("the load ends");
    load.stop().await
}

/// A target of the test's own.
pub(crate) struct Own<F>(pub(crate) F);

impl<F, R> Sender for Own<F>
where
    F: Fn(u64) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), squall_load::Failure>> + Send + 'static,
{
    fn send(&self, n: u64) -> Sending<'_> {
        Box::pin((self.0)(n))
    }
}

pub(crate) fn own<F, R>(send: F) -> Target
where
    F: Fn(u64) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), squall_load::Failure>> + Send + 'static,
{
    Target::Other(Arc::new(Own(send)))
}
