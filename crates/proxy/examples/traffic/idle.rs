//! Connections that are open and silent.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

pub(crate) async fn run(at: SocketAddr, count: usize) -> Result<(), Failure> {
    let mut held = Vec::with_capacity(count);
    while held.len() < count {
        let mut fresh = Vec::new();
        for _ in 0..(count - held.len()).min(100) {
            fresh.push(tokio::spawn(async move {
                let mut stream = TcpStream::connect(at).await?;
                // A message there and back: the way is open to its end.
                stream.write_all(b"x").await?;
                stream.read_u8().await?;
                Ok::<_, std::io::Error>(stream)
            }));
        }
        for stream in fresh {
            held.push(stream.await??);
        }
    }
    println!("open");
    std::future::pending::<()>().await;
    Ok(())
}
