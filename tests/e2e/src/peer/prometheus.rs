//! A real Prometheus that scrapes a page of the test once a second.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::free_port;
use super::supervised::Supervised;
use crate::wait;

/// A Prometheus with one target and one alert: `Stuck` fires while `jobs_stuck` is more than 0.
pub struct Prometheus {
    port: u16,
    _supervised: Supervised,
}

impl Prometheus {
    /// Starts one and waits until it has scraped the target once. `target` is `HOST:PORT`.
    ///
    /// # Panics
    /// When it does not: tests of peers need Debian's prometheus.
    pub fn start(dir: &Path, target: &str) -> Self {
        let port = free_port();
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: [rules.yml]\n\
             scrape_configs: [{{ job_name: queue, static_configs: [{{ targets: ['{target}'] }}] }}]\n"
        );
        let rules = "groups: [{ name: queue, rules: [{ alert: Stuck, expr: jobs_stuck > 0 }] }]\n";
        std::fs::write(dir.join("prometheus.yml"), config).expect("a file of the test");
        std::fs::write(dir.join("rules.yml"), rules).expect("a file of the test");
        let argv = [
            "prometheus".to_owned(),
            format!("--config.file={}/prometheus.yml", dir.display()),
            format!("--storage.tsdb.path={}/series", dir.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=error".to_owned(),
        ];
        let prometheus = Self { port, _supervised: Supervised::start(dir, "prometheus", &argv) };
        wait::until("Prometheus has scraped", Duration::from_secs(20), || {
            prometheus.ask("jobs_stuck").filter(|answer| answer.contains("jobs_stuck"))
        });
        prometheus
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn ask(&self, query: &str) -> Option<String> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET /api/v1/query?query={query} HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}
