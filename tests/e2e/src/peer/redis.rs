//! A real Redis, and a client that asks it from outside.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::free_port;
use super::supervised::Supervised;
use crate::wait;

/// A Redis without a disk, on a port of its own.
pub struct Redis {
    supervised: Supervised,
    port: u16,
}

/// One connection to it.
pub struct Client(BufReader<TcpStream>);

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_millis(700);

impl Redis {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// When it does not answer: tests of peers need Debian's redis-server.
    pub fn start(dir: &Path) -> Self {
        let port = free_port();
        let argv = format!(
            "redis-server --port {port} --bind 127.0.0.1 --appendonly no --daemonize no --loglevel warning --dir"
        );
        let mut argv: Vec<String> = argv.split(' ').map(str::to_owned).collect();
        // Saving is asked for by tests, and never happens by itself.
        argv.extend([dir.display().to_string(), "--save".to_owned(), String::new()]);
        let redis = Self { supervised: Supervised::start(dir, "redis", &argv), port };
        redis.await_pong();
        redis
    }

    /// Waits until it answers.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub fn await_pong(&self) {
        wait::until("Redis answers", Duration::from_secs(10), || {
            self.ask("PING").ok().filter(|answer| answer == "+PONG")
        });
    }

    /// Its supervisor.
    pub fn supervised(&self) -> &Supervised {
        &self.supervised
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new connection.
    pub fn connect(&self) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], self.port)), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// The first line of the answer, over a new connection.
    pub fn ask(&self, command: &str) -> io::Result<String> {
        self.connect()?.ask(command)
    }
}

impl Client {
    /// The first line of the answer.
    pub fn ask(&mut self, command: &str) -> io::Result<String> {
        write!(self.0.get_mut(), "{command}\r\n")?;
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
