//! The built-in target: a real job queue to practise on, started and supervised by the run itself.

use std::collections::BTreeMap;

use squall_model::measure::{Header, HttpProbe, Probe};
use squall_model::target::{Control, Find, Queue, Service, Start, Target, TaskIntake};
use squall_model::template::Template;
use squall_model::unit::Span;

use crate::plan::target::words;

/// Its name, as people write it under `target:`.
pub const NAME: &str = "lab";

/// How many workers it has where nothing is said.
pub const WORKERS: u32 = 4;

/// What keeps its queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// A file in the run's folder.
    #[default]
    Sqlite,
    /// A Redis server, started by the run as the service `queue`. It keeps what it acknowledges.
    Redis,
    /// A PostgreSQL server, started by the run as the service `queue`, with its data in the run's folder.
    Postgres,
}

/// Makes a database cluster where there is none, and becomes its server. PostgreSQL refuses to be root, and root's
/// folders are closed to everybody else: in a user namespace (user_namespaces(7)) root has another number and keeps its
/// files. Debian keeps the programs off the path.
const POSTGRES: &str = r#"
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
as=
if [ "$(id -u)" = 0 ]; then as='unshare --user --map-user=1000 --'; fi
if [ ! -e "$1/PG_VERSION" ]; then
  rm -rf "$1.new" || exit
  $as initdb --username=postgres --auth=trust --no-locale --encoding=UTF8 --no-sync --pgdata="$1.new" >&2 || exit
  mv "$1.new" "$1" || exit
fi
exec $as postgres -D "$1" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=16MB
"#;

impl Store {
    /// As `--queue` takes it.
    fn place(self) -> &'static str {
        match self {
            Self::Sqlite => "{run-dir}/queue.db",
            Self::Redis => "redis://127.0.0.1:{port:queue}/0",
            Self::Postgres => "postgres://postgres@127.0.0.1:{port:queue}/postgres",
        }
    }

    fn server(self) -> Option<Service> {
        let run = match self {
            Self::Sqlite => return None,
            Self::Redis => words(&[
                "redis-server",
                "--bind",
                "127.0.0.1",
                "--port",
                "{port:queue}",
                "--dir",
                "{run-dir}",
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ]),
            Self::Postgres => {
                words(&["sh", "-c", POSTGRES, "postgres", "{run-dir}/postgres", "{port:queue}"])
            }
        };
        Some(service("queue", run, 1, Some(Probe::Tcp { address: "127.0.0.1:{port:queue}".into() })))
    }
}

/// The lab with so many workers.
pub fn target(workers: u32, store: Store) -> Target {
    let queue = store.place();
    let api = words(&["{squall}", "lab", "api", "--queue", queue, "--listen", "127.0.0.1:{port:api}"]);
    let worker = words(&["{squall}", "lab", "worker", "--queue", queue, "--name", "{name}"]);
    let health = Probe::Http(Box::new(HttpProbe::latency("http://127.0.0.1:{port:api}/health".into())));
    let parts = [service("api", api, 1, Some(health)), service("worker", worker, workers, None)];
    let services = parts.into_iter().chain(store.server());
    Target {
        name: NAME.to_owned(),
        environment: "local".to_owned(),
        services: services.map(|service| (service.name.clone(), service)).collect(),
        queue: Some(Queue { stats: words(&["{squall}", "lab", "stats", "--queue", queue, "--json"]) }),
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
        proxy: None,
    }
}
