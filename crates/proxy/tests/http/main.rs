//! The layers for HTTP/1, HTTP/2, gRPC and WebSocket, byte by byte and between real peers (F18, F19).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/authority.rs"]
mod authority;
mod curl;
mod faults;
mod groups;
mod grpc;
mod nginx;
mod origin;
mod streams;
mod through;
mod tls;
mod tonic;
mod unchanged;
mod websocket;
mod wire;
