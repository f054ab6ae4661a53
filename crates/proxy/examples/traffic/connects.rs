//! New connections: how many in so many seconds.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::Failure;

/// Connections that are opened at the same time.
const ABREAST: usize = 50;

async fn one(at: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(b"x").await?;
    stream.read_u8().await?;
    // With a reset, so that no port is left in TIME_WAIT.
    stream.set_zero_linger()
}

pub(crate) async fn run(at: SocketAddr, seconds: u64) -> Result<(), Failure> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let (done, failed) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u64)));
    let set = LocalSet::new();
    for _ in 0..ABREAST {
        let (done, failed) = (Rc::clone(&done), Rc::clone(&failed));
        set.spawn_local(async move {
            while Instant::now() < end {
                let count = if one(at).await.is_ok() { &done } else { &failed };
                count.set(count.get() + 1);
            }
        });
    }
    set.await;
    if failed.get() * 1000 > done.get() {
        return Err(format!("{} connections failed, {} did not", failed.get(), done.get()).into());
    }
    println!("{}", done.get());
    Ok(())
}
