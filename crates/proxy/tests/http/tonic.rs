//! A server and a client of gRPC that know the protocol well, with a unary call and a stream.

use std::time::Duration;

use tokio::sync::oneshot;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::HealthReporter;

use crate::through::Through;

const SERVING: i32 = ServingStatus::Serving as i32;
const NOT_SERVING: i32 = ServingStatus::NotServing as i32;

/// The health service of gRPC behind a proxy. It ends when this is dropped.
struct Health {
    reporter: HealthReporter,
    through: Through,
    client: HealthClient<Channel>,
    _stop: oneshot::Sender<()>,
}

impl Health {
    async fn new(rules: &[&str]) -> Self {
        let (reporter, service) = tonic_health::server::health_reporter();
        reporter.set_service_status("queue", ServingStatus::Serving).await;
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let through = Through::http(&incoming.local_addr().unwrap(), rules);
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming_shutdown(incoming, async {
            let _ = stopped.await;
        }));
        let client = HealthClient::new(Endpoint::from_shared(through.url("")).unwrap().connect_lazy());
        Self { reporter, through, client, _stop: stop }
    }

    fn request() -> HealthCheckRequest {
        HealthCheckRequest { service: "queue".to_owned() }
    }

    async fn check(&mut self) -> Result<i32, Status> {
        self.client.check(Self::request()).await.map(|answer| answer.into_inner().status)
    }
}

/// What the stream says next, in time.
async fn next(stream: &mut Streaming<HealthCheckResponse>) -> Result<Option<i32>, Status> {
    let message = tokio::time::timeout(Duration::from_secs(30), stream.message()).await;
    message.expect("a message within half a minute").map(|message| message.map(|message| message.status))
}

#[tokio::test]
async fn every_other_check_is_refused_with_its_code() {
    let rule = r#"{"path": "/grpc.health.v1.Health/Check", "every": 2, "grpc": {"status": "RESOURCE_EXHAUSTED", "message": "no more than this"}}"#;
    let mut health = Health::new(&[rule]).await;
    for _ in 0..5 {
        assert_eq!(health.check().await.unwrap(), SERVING);
        let refused = health.check().await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::ResourceExhausted, "no more than this"));
    }
    assert_eq!(health.through.hit().await, "POST /grpc.health.v1.Health/Check: answered RESOURCE_EXHAUSTED");
}

// The client's own deadline is what ends a call that is held too long; the connection goes on.
#[tokio::test]
async fn a_call_that_is_held_beyond_its_deadline_ends_and_the_next_one_passes() {
    let mut health = Health::new(&[r#"{"first": 1, "delay": 60000}"#]).await;
    let mut request = Request::new(Health::request());
    request.set_timeout(Duration::from_millis(300));
    let late = health.client.check(request).await.unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late:?}");
    assert_eq!(health.check().await.unwrap(), SERVING);
}

#[tokio::test]
async fn a_stream_passes_message_by_message_while_it_is_open() {
    let mut health = Health::new(&[r#"{"path": "/never", "answer": {"status": 503}}"#]).await;
    let mut stream = health.client.watch(Health::request()).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await.unwrap(), Some(SERVING));
    for status in [ServingStatus::NotServing, ServingStatus::Serving, ServingStatus::NotServing] {
        health.reporter.set_service_status("queue", status).await;
        assert_eq!(next(&mut stream).await.unwrap(), Some(status as i32));
    }
    // A call beside it, on the same connection.
    assert_eq!(health.check().await.unwrap(), NOT_SERVING);
}

#[tokio::test]
async fn a_stream_is_cut_in_its_middle_and_the_connection_goes_on() {
    let rule =
        r#"{"path": "/grpc.health.v1.Health/Watch", "reset": "body", "stream_error": "REFUSED_STREAM"}"#;
    let mut health = Health::new(&[rule]).await;
    let mut stream = health.client.watch(Health::request()).await.unwrap().into_inner();
    let cut = loop {
        match next(&mut stream).await {
            Ok(Some(status)) => assert_eq!(status, SERVING),
            Ok(None) => panic!("a cut is not an end"),
            Err(cut) => break cut,
        }
    };
    // REFUSED_STREAM is UNAVAILABLE: gRPC over HTTP/2, "Errors".
    assert_eq!(cut.code(), Code::Unavailable, "{cut:?}");
    assert_eq!(health.check().await.unwrap(), SERVING);
}
