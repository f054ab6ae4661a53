//! The built-in target: a real job queue to practise on, started and supervised by the run itself.

use std::collections::BTreeMap;

use squall_model::measure::{Header, HttpFact, HttpProbe, HttpRequest, Probe};
use squall_model::target::{Control, Find, Queue, Service, Start, Target, TaskIntake};
use squall_model::template::Template;
use squall_model::unit::{Span, Unit};

use crate::plan::target::words;

/// Its name, as people write it under `target:`.
pub const NAME: &str = "lab";

/// How many workers it has where nothing is said.
pub const WORKERS: u32 = 4;

/// The lab with so many workers.
pub fn target(workers: u32) -> Target {
    let api =
        words(&["{squall}", "lab", "api", "--db", "{run-dir}/queue.db", "--listen", "127.0.0.1:{port:api}"]);
    let worker = words(&["{squall}", "lab", "worker", "--db", "{run-dir}/queue.db", "--name", "{name}"]);
    let health = Probe::Http(Box::new(HttpProbe {
        request: HttpRequest {
            url: "http://127.0.0.1:{port:api}/health".into(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
            ca: None,
        },
        read: HttpFact::Latency,
        login: None,
        unit: Unit::Seconds,
    }));
    let services = [service("api", api, 1, Some(health)), service("worker", worker, workers, None)];
    Target {
        name: NAME.to_owned(),
        environment: "local".to_owned(),
        services: services.into_iter().map(|service| (service.name.clone(), service)).collect(),
        queue: Some(Queue {
            stats: words(&["{squall}", "lab", "stats", "--db", "{run-dir}/queue.db", "--json"]),
        }),
        tasks: Some(TaskIntake {
            url: "http://127.0.0.1:{port:api}/tasks".into(),
            method: "POST".to_owned(),
            headers: vec![Header { name: "content-type".to_owned(), value: "application/json".into() }],
            body: r#"{"tag":"load","kind":"sleep","work_ms":{work}}"#.to_owned(),
        }),
    }
}

fn service(name: &str, run: Vec<Template>, count: u32, health: Option<Probe>) -> Service {
    let restart_after = Some(Span::seconds(1));
    Service {
        name: name.to_owned(),
        find: Find::Start(Start { run, count, env: BTreeMap::new(), dir: None, restart_after }),
        control: Control::default(),
        health,
    }
}
