//! How long messages take there and back, one sent every so often whether the last has come back or not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::Failure;
use crate::spread::rank;

const SIZE: usize = 64;

/// Blocking calls on two threads: what is measured is the way and not a runtime of this program's.
pub(crate) fn run(at: SocketAddr, count: usize, micros: u64) -> Result<(), Failure> {
    let mut writer = TcpStream::connect(at)?;
    writer.set_nodelay(true)?;
    let mut reader = writer.try_clone()?;
    reader.set_read_timeout(Some(Duration::from_secs(30)))?;
    let came = thread::spawn(move || {
        let mut times = Vec::with_capacity(count);
        let mut message = [0; SIZE];
        for _ in 0..count {
            reader.read_exact(&mut message)?;
            times.push(Instant::now());
        }
        Ok::<_, std::io::Error>(times)
    });
    let mut sent = Vec::with_capacity(count);
    let began = Instant::now();
    for number in 0..count as u64 {
        let due = began + Duration::from_micros(micros) * u32::try_from(number)?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        sent.push(Instant::now());
        writer.write_all(&[b'x'; SIZE])?;
    }
    let came = came.join().map_err(|_| "the reader ended badly")??;
    let mut took: Vec<f64> =
        sent.iter().zip(&came).map(|(sent, came)| (*came - *sent).as_secs_f64() * 1e3).collect();
    println!("{:.4} {:.4} {:.4}", rank(&mut took, 0.5), rank(&mut took, 0.99), rank(&mut took, 0.0));
    Ok(())
}
