//! An echo server, and one that sends without end to whoever says something.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::Failure;

fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(4096)
}

/// Serves for ever.
pub(crate) async fn run(echo: SocketAddr, source: SocketAddr) -> Result<(), Failure> {
    let (echo, source) = (listen(echo)?, listen(source)?);
    loop {
        // Whatever a client does with its connection, the next one is served.
        tokio::select! {
            Ok((stream, _)) = echo.accept() => drop(tokio::spawn(answer(stream))),
            Ok((stream, _)) = source.accept() => drop(tokio::spawn(pour(stream))),
            else => return Err("nothing can be accepted".into()),
        }
    }
}

/// Sends back what comes, until the end.
pub(crate) async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..read]).await?;
    }
}

async fn pour(mut stream: TcpStream) -> std::io::Result<()> {
    let buffer = vec![b'x'; 256 * 1024];
    stream.read_u8().await?;
    loop {
        stream.write_all(&buffer).await?;
    }
}
