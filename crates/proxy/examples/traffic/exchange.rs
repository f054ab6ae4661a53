//! One connection that sends what it can check, and checks what comes back.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::soak::{Dice, Found};

/// Writes of about this number make up a connection at most; each may be followed by a pause.
const WRITES: u64 = 1000;

/// The bytes of a connection from this place on.
fn fill(bytes: &mut [u8], key: u64, from: u64) {
    for (at, byte) in (from..).zip(bytes) {
        *byte = (key ^ at.wrapping_mul(31) ^ (at >> 8)) as u8;
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// The client's own address, once it is connected.
    pub(crate) client: Option<SocketAddr>,
    size: u64,
    sent: u64,
    /// It has sent all, and said so.
    ended: bool,
    came: u64,
}

/// One connection. Whether everything came back.
pub(crate) async fn exchange(
    at: SocketAddr,
    dice: &mut Dice,
    found: &RefCell<Found>,
    progress: &Cell<Progress>,
) -> io::Result<bool> {
    progress.take();
    let step = |change: &dyn Fn(&mut Progress)| {
        let mut now = progress.get();
        change(&mut now);
        progress.set(now);
    };
    let mut stream = TcpStream::connect(at).await?;
    let client = stream.local_addr()?;
    let key = dice.below(u64::MAX);
    // Most are short; some are long enough for the way within the kernel.
    let size = if dice.below(10) == 0 { 1 + dice.below(4_000_000) } else { 1 + dice.below(60_000) };
    let most = (1 + dice.below(60_000)).max(2 * size / WRITES);
    step(&|now| (now.client, now.size) = (Some(client), size));
    let (mut reader, mut writer) = stream.split();
    let write = async {
        let mut buffer = vec![0; usize::try_from(most).unwrap_or(1)];
        let mut sent = 0;
        while sent < size {
            let part = usize::try_from((size - sent).min(1 + dice.below(most))).unwrap_or(1);
            fill(&mut buffer[..part], key, sent);
            writer.write_all(&buffer[..part]).await?;
            sent += part as u64;
            step(&|now| now.sent = sent);
            if dice.below(8) == 0 {
                sleep(Duration::from_millis(dice.below(5))).await;
            }
        }
        writer.shutdown().await?;
        step(&|now| now.ended = true);
        Ok::<_, io::Error>(())
    };
    let read = async {
        let (mut buffer, mut wanted) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
        let mut came = 0_u64;
        loop {
            let read = reader.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<_, io::Error>(came);
            }
            fill(&mut wanted[..read], key, came);
            if came + read as u64 > size || buffer[..read] != wanted[..read] {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("of {size} bytes: not what was sent, at or after byte {came}"),
                ));
            }
            came += read as u64;
            step(&|now| now.came = came);
            found.borrow_mut().bytes += read as u64;
        }
    };
    let (wrote, came) = tokio::join!(write, read);
    match came {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error),
        Ok(came) if came == size && wrote.is_ok() => Ok(true),
        _ => Ok(false),
    }
}
