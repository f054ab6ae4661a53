//! E3: PromQL, at Debian's own `prometheus`.

use std::fs;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use squall_host::spawn::{Spawn, SpawnError};
use squall_model::measure::{Outcome, Probe};
use squall_model::unit::Unit;
use squall_probe::{ProbeError, Prober};

use crate::child::Guarded;
use crate::stage::{Stage, prober, refused, skip, text, unreadable, until, value};
use crate::wire::{Nobody, Site};

/// A server that scrapes itself every second.
struct Server {
    process: Guarded,
    url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// `None`: it is not installed, and that was said.
    async fn running() -> Option<Self> {
        for _ in 0..5 {
            let server = Self::start()?;
            if server.scrapes_itself().await {
                return Some(server);
            }
        }
        panic!("prometheus ends as soon as it is started");
    }

    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.path().join("prometheus.yml");
        fs::write(
            &config,
            format!(
                "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
             scrape_configs: [{{ job_name: self, static_configs: [{{ targets: ['127.0.0.1:{port}'] }}] }}]\n"
            ),
        )
        .unwrap();
        let started = Spawn::program("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .start();
        let process = match started {
            Ok(child) => Guarded(child),
            Err(error @ SpawnError::Start { .. }) => {
                skip(&error);
                return None;
            }
            Err(error) => panic!("could not {error}"),
        };
        Some(Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder })
    }

    /// Whether it came up: somebody else may have taken its port meanwhile.
    async fn scrapes_itself(&self) -> bool {
        let mut up = self.prober("up");
        let mut scrapes = false;
        until("it scrapes itself", async || {
            scrapes = up.read().await == value(1.0, Unit::Number);
            scrapes || !self.process.0.process().is_alive().unwrap()
        })
        .await;
        scrapes
    }

    fn prober(&self, query: &str) -> Prober {
        asking(&self.url, query)
    }

    async fn read(&self, query: &str) -> Outcome {
        self.prober(query).read().await
    }
}

fn probe(url: &str, query: &str) -> Probe {
    Probe::Prometheus { url: url.into(), query: query.into(), unit: Unit::Number }
}

fn asking(url: &str, query: &str) -> Prober {
    prober(&Rc::new(Stage::default()), probe(url, query))
}

#[tokio::test]
async fn one_series_is_a_number_none_is_absent_and_several_are_refused() {
    let Some(server) = Server::running().await else { return };
    assert_eq!(server.read("up{job=\"self\"}").await, value(1.0, Unit::Number));
    assert_eq!(server.read("scalar(sum(up)) + 0.5").await, value(1.5, Unit::Number));
    assert_eq!(server.read("up == 0").await, Outcome::Absent);
    assert_eq!(server.read("no_such_metric").await, Outcome::Absent);
    let several = server.read("{__name__=~\"scrape_duration_seconds|up\"}").await;
    assert_eq!(several, unreadable("2 series; aggregate them, e.g. sum(...)"));
    assert_eq!(server.read("up[5s]").await, unreadable("the query gives a matrix, not one number"));
    assert_eq!(server.read("\"x\"").await, unreadable("the query gives a string, not one number"));
    assert_eq!(server.read("0 / 0").await, unreadable("the value is NaN"));
    assert_eq!(server.read("1 / 0").await, unreadable("the value is inf"));
    let wrong = server.read("sum(").await;
    assert!(
        matches!(&wrong, Outcome::Unreadable(why) if why.starts_with("Prometheus: ") && why.contains("parse error")),
        "{wrong}"
    );

    // S6: how far behind it is.
    assert_eq!(server.prober("up").lag().await, Some(Duration::from_secs(1)));
    assert_eq!(server.prober("sum(up)").lag().await, Some(Duration::from_secs(1)));

    let mut up = server.prober("up");
    assert_eq!(up.read().await, value(1.0, Unit::Number));
    server.process.kill();
    until("it is gone", async || up.read().await == unreadable("connection refused")).await;
    assert_eq!(up.lag().await, None);
}

#[tokio::test]
async fn a_server_below_a_path_is_asked_there_and_only_probes_of_metrics_lag() {
    let answer = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"42"]}}"#;
    let query =
        axum::routing::get(move |axum::extract::RawQuery(query): axum::extract::RawQuery| async move {
            assert_eq!(query.as_deref(), Some("query=a+%2B+b%7Bc%3D%22%26%22%7D"));
            answer
        });
    let site = Site::running(axum::Router::new().route("/prom/api/v1/query", query)).await;
    for base in ["/prom", "/prom/"] {
        let mut prober = asking(&site.url(base), "a + b{c=\"&\"}");
        assert_eq!(prober.read().await, value(42.0, Unit::Number));
        assert_eq!(prober.lag().await, None);
    }
    let mut other = asking(&site.url("/elsewhere"), "up");
    assert_eq!(other.read().await, unreadable("answered 404"));
    let run = crate::stage::argv(&["echo", "x"]);
    let read = squall_model::measure::Output::Text;
    let mut command = Stage::default().prober(Probe::Command { run, read, unit: Unit::Number });
    assert_eq!(command.lag().await, None);
    assert_eq!(command.read().await, text("x"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreadable() {
    let nobody = Nobody::here();
    let url = format!("http://{}", nobody.address);
    assert_eq!(asking(&url, "up").read().await, unreadable("connection refused"));
    assert!(matches!(refused(probe("localhost:9090", "up"), Stage::default()), ProbeError::Address { .. }));
}
