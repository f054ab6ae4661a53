//! A real nginx, and a client that asks it from outside.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use squall_host::clock;
use squall_host::process::Process;

use super::free_port;
use super::supervised::Supervised;
use crate::wait;

/// A master and one worker, which compresses `/heavy` anew for every request.
pub struct Nginx {
    supervised: Supervised,
    port: u16,
}

/// So that one answer needs a good part of a second of a processor.
const HEAVY: usize = 4 * 1024 * 1024;

impl Nginx {
    /// Starts one and waits until it answers. Its program has a name of its own, so that it can be found by that.
    ///
    /// # Panics
    /// When it does not answer: tests of peers need Debian's nginx.
    pub fn start(dir: &Path) -> Self {
        let port = free_port();
        let root = dir.join("pages");
        std::fs::create_dir(&root).expect("a folder of the test");
        std::fs::write(root.join("index.html"), "well\n").expect("a file of the test");
        std::fs::write(root.join("heavy.txt"), noise(HEAVY)).expect("a file of the test");
        let here = dir.display();
        let config = format!(
            "user root;\nworker_processes 1;\ndaemon off;\npid {here}/own.pid;\nerror_log {here}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n  access_log off;\n  client_body_temp_path {here}/body;\n  proxy_temp_path {here}/proxy;\n  \
             fastcgi_temp_path {here}/fastcgi;\n  uwsgi_temp_path {here}/uwsgi;\n  scgi_temp_path {here}/scgi;\n  \
             gzip on;\n  gzip_comp_level 9;\n  gzip_types text/plain;\n  default_type text/plain;\n  \
             server {{ listen 127.0.0.1:{port}; root {here}/pages; }}\n}}\n"
        );
        let config_path = dir.join("nginx.conf");
        std::fs::write(&config_path, config).expect("a file of the test");
        let program = dir.join(Self::name_at(port));
        std::os::unix::fs::symlink("/usr/sbin/nginx", &program).expect("a link of the test");
        let argv = [&program, Path::new("-p"), dir, Path::new("-c"), &config_path];
        let argv: Vec<String> = argv.iter().map(|word| word.display().to_string()).collect();
        let nginx = Self { supervised: Supervised::start(dir, "nginx", &argv), port };
        wait::until("nginx answers", Duration::from_secs(10), || nginx.get("/").ok());
        nginx
    }

    fn name_at(port: u16) -> String {
        format!("ngx-{port}")
    }

    /// The name of its program.
    pub fn name(&self) -> String {
        Self::name_at(self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The master and its worker.
    ///
    /// # Panics
    /// When there is no worker within five seconds.
    pub fn processes(&self) -> Vec<Process> {
        let master = self.supervised.process();
        wait::until("nginx has a worker", Duration::from_secs(5), || {
            let workers = master.children().ok().filter(|workers| !workers.is_empty())?;
            Some(std::iter::once(master).chain(workers).collect())
        })
    }

    /// Asks once, accepting compressed answers, and gives the time until the whole answer was there.
    pub fn get(&self, path: &str) -> io::Result<Duration> {
        let begin = clock::since_boot();
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(15)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: peer\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if answer.starts_with(b"HTTP/1.1 200") {
            Ok(clock::since_boot().saturating_sub(begin))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

/// Text that compresses slowly: words of a small generator.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 12
    };
    (0..length).map(|_| next()).collect()
}
