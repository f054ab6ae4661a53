//! A server of HTTP/1.1 or 2 to stand behind the proxy.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// A server that lives as long as its handle.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    pub(crate) async fn new(speaks: Speaks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (io, service) = (TokioIo::new(socket), service_fn(serve));
                match speaks {
                    Speaks::Http1 => {
                        let serving =
                            hyper::server::conn::http1::Builder::new().serve_connection(io, service);
                        connections.spawn(async { drop(serving.await) });
                    }
                    Speaks::Http2 => {
                        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        let serving = builder.serve_connection(io, service);
                        connections.spawn(async { drop(serving.await) });
                    }
                }
            }
        });
        Self { address, task }
    }
}

type Body = BoxBody<Bytes, Infallible>;

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

/// The bytes that `/big/SIZE` answers with.
pub(crate) fn big(size: usize) -> Bytes {
    (0..size).map(|at| (at % 251) as u8).collect()
}

/// `/echo` the body, `/big/SIZE` so many bytes, `/json` some JSON, `/stream` chunks with trailers, `/call` a call of
/// gRPC; anything else the path. The request's `x-n` comes back.
async fn serve(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let n = request.headers().get("x-n").cloned();
    let path = request.uri().path().to_owned();
    let mut response = match path.split('/').collect::<Vec<_>>()[..] {
        ["", "echo"] => Response::new(full(request.into_body().collect().await?.to_bytes())),
        ["", "big", size] => Response::new(full(big(size.parse().unwrap()))),
        ["", "json"] => Response::new(full(r#"{"a": [1, 2]}"#)),
        ["", "call"] => {
            let body = request.into_body().collect().await?.to_bytes();
            let mut response = Response::new(with_trailers(body, "grpc-status", "0"));
            response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
            response
        }
        ["", "stream"] => {
            let mut response = Response::new(with_trailers(big(3000), "x-sum", "7"));
            response.headers_mut().insert("trailer", "x-sum".parse().unwrap());
            response
        }
        _ => Response::new(full(path)),
    };
    if let Some(n) = n {
        response.headers_mut().insert("x-n", n);
    }
    Ok(response)
}

fn with_trailers(body: Bytes, name: &'static str, value: &'static str) -> Body {
    let mut trailers = HeaderMap::new();
    trailers.insert(name, value.parse().unwrap());
    let frames = [Ok::<_, Infallible>(Frame::data(body)), Ok(Frame::trailers(trailers))];
    StreamBody::new(futures_util::stream::iter(frames)).boxed()
}
