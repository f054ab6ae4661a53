//! How many bytes a second come, after the first moments.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::Failure;

/// What comes first is left out.
const BEGINNING: Duration = Duration::from_millis(500);

pub(crate) async fn run(at: SocketAddr, seconds: u64) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_u8(b's').await?;
    let mut buffer = vec![0; 256 * 1024];
    let warm = Instant::now() + BEGINNING;
    while let Ok(read) = timeout_at(warm, stream.read(&mut buffer)).await {
        if read? == 0 {
            return Err("the source has ended".into());
        }
    }
    // From the arrival of some bytes to that of others, so that no slice is counted by half.
    if stream.read(&mut buffer).await? == 0 {
        return Err("the source has ended".into());
    }
    let began = Instant::now();
    let end = began + Duration::from_secs(seconds);
    let (mut bytes, mut last) = (0_u64, began);
    while let Ok(read) = timeout_at(end, stream.read(&mut buffer)).await {
        bytes += read? as u64;
        last = Instant::now();
    }
    println!("{}", bytes as f64 / (last - began).as_secs_f64());
    Ok(())
}
