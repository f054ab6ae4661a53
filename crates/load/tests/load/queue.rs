//! Tasks for queues, with the real servers.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use squall_load::{Failure, PostgresTarget, RedisQueue, RedisTarget, Settings, SqliteTarget, Target};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::stage::{carried_out, of, text, until};

/// A server that is killed at the end.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[allow(clippy::disallowed_methods, reason = "a test starts servers of its own")]
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

async fn redis(folder: &Path) -> (Server, String) {
    let socket = folder.join("redis.sock");
    let server = program("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(&socket)
        .arg("--dir")
        .arg(folder)
        .spawn()
        .expect("redis-server is installed");
    let server = Server(server);
    until("Redis listens", async || UnixStream::connect(&socket).await.is_ok()).await;
    (server, format!("unix://{}", socket.display()))
}

#[tokio::test]
async fn tasks_are_pushed_to_lists_and_streams_of_redis() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = redis(folder.path()).await;
    let push = |queue| {
        let target = RedisTarget::new(&url, queue, text(r#"{"task":{n}}"#), None).unwrap();
        carried_out(of(Target::Redis(target), 200.0, 20))
    };
    assert_eq!(push(RedisQueue::List("jobs".to_owned())).await.ok, 20);
    assert_eq!(push(RedisQueue::Stream("events".to_owned())).await.ok, 20);
    let wrong = push(RedisQueue::Stream("jobs".to_owned())).await;
    assert_eq!(wrong.failures, [(Failure::Rejected, 20)].into(), "a list is no stream");

    let mut connection = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    let jobs: Vec<String> = redis::cmd("LRANGE").arg("jobs").arg(0).arg(-1).query(&mut connection).unwrap();
    assert_eq!(jobs.len(), 20);
    assert!(jobs.contains(&r#"{"task":19}"#.to_owned()), "{jobs:?}");
    let events: usize = redis::cmd("XLEN").arg("events").query(&mut connection).unwrap();
    assert_eq!(events, 20);
}

/// A Redis that dies under the load, and one that was never there.
#[tokio::test]
async fn a_redis_that_goes_away_is_counted_and_one_that_comes_back_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let list = || RedisQueue::List("jobs".to_owned());
    let target = RedisTarget::new(&url, list(), text("x"), None).unwrap();
    let refused = carried_out(of(Target::Redis(target), 100.0, 5)).await;
    assert_eq!(refused.failures, [(Failure::Refused, 5)].into());

    let (server, url) = redis(folder.path()).await;
    let target = RedisTarget::new(&url, list(), text("x"), None).unwrap();
    let endless = Settings { max_total: None, ..of(Target::Redis(target), 100.0, 1) };
    let load = squall_load::Load::start(endless).unwrap();
    until("tasks are taken", async || load.sample().ok > 0).await;
    drop(server);
    until("failures are counted", async || !load.sample().failures.is_empty()).await;
    std::fs::remove_file(folder.path().join("redis.sock")).ok();
    let (_server, _) = redis(folder.path()).await;
    until("tasks are taken again", async || load.sample().ok > 0).await;
    load.stop().await;
}

#[tokio::test]
async fn tasks_are_inserted_into_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute_batch("create table jobs (body text check (body <> 'b3'))").unwrap();
    let target = SqliteTarget::new(&file, "insert into jobs values (?1)", text("b{n}"));
    let totals = carried_out(of(Target::Sqlite(target), 100.0, 10)).await;
    assert_eq!((totals.ok, totals.failures), (9, [(Failure::Rejected, 1)].into()));
    let count: i64 =
        database.query_row("select count(distinct body) from jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 9);

    // Somebody else holds the lock: the requests end with their time.
    database.execute_batch("begin immediate").unwrap();
    let target = SqliteTarget::new(&file, "insert into jobs values (?1)", text("late{n}"));
    let settings = Settings { timeout: Duration::from_millis(300), ..of(Target::Sqlite(target), 100.0, 3) };
    let locked = carried_out(settings).await;
    assert_eq!(locked.failures, [(Failure::Timeout, 3)].into());
    database.execute_batch("rollback").unwrap();

    for (file, statement) in [
        (folder.path().join("none.db"), "insert into jobs values (?1)"),
        (file.clone(), "insert into nothing values (?1)"),
        (file, "insert into jobs values (?1 || ?2)"),
    ] {
        let target = SqliteTarget::new(&file, statement, text("x"));
        assert!(squall_load::Load::start(of(Target::Sqlite(target), 1.0, 1)).is_err(), "{statement}");
    }
    assert!(!folder.path().join("none.db").exists(), "nothing is made that was not there");
}

/// PostgreSQL refuses to run as root, so it runs as `nobody` where the tests do.
pub(crate) async fn postgres(folder: &Path, settings: &[&str]) -> (Server, String) {
    let binaries = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest = binaries.map(|entry| entry.unwrap().path().join("bin")).max().expect("a version");
    let data = folder.join("data");
    let as_nobody = |name: &str| {
        let mut command = program("setpriv");
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        }
        command.arg(newest.join(name)).current_dir("/");
        command
    };
    if rustix::process::geteuid().is_root() {
        let owned = program("chown").args(["-R", "nobody:nogroup"]).arg(folder).status().unwrap();
        assert!(owned.success());
    }
    let made =
        as_nobody("initdb").args(["-A", "trust", "-U", "load", "-N", "-D"]).arg(&data).status().unwrap();
    assert!(made.success(), "initdb");
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let server = as_nobody("postgres")
        .args(["-h", "127.0.0.1", "-c", "fsync=off", "-p", &port.to_string(), "-k"])
        .arg(folder)
        .arg("-D")
        .arg(&data)
        .args(settings)
        .spawn()
        .unwrap();
    let server = Server(server);
    let url = format!("postgres://load@127.0.0.1:{port}/postgres");
    until("PostgreSQL answers", async || {
        TcpStream::connect(("127.0.0.1", port)).await.is_ok()
            && tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_ok()
    })
    .await;
    (server, url)
}

#[tokio::test]
async fn tasks_are_inserted_into_postgresql() {
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let (server, url) = postgres(folder.path(), &[]).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("create table jobs (body jsonb check (body->>'n' <> '3'))").await.unwrap();
    let insert = |statement: &str| {
        let target = PostgresTarget::new(&url, statement, text(r#"{"n":"{n}"}"#), None).unwrap();
        carried_out(of(Target::Postgres(target), 100.0, 10))
    };
    let totals = insert("insert into jobs values ($1::jsonb)").await;
    assert_eq!((totals.ok, totals.failures), (9, [(Failure::Rejected, 1)].into()));
    let count: i64 = client.query_one("select count(*) from jobs", &[]).await.unwrap().get(0);
    assert_eq!(count, 9);
    let wrong = insert("insert into nothing values ($1)").await;
    assert_eq!(wrong.failures, [(Failure::Rejected, 10)].into());
    drop(server);
    let gone = insert("insert into jobs values ($1::jsonb)").await;
    assert_eq!(gone.ok, 0, "{gone:?}");
    assert!(
        gone.failures.keys().all(|failure| matches!(
            failure,
            Failure::Refused | Failure::Closed | Failure::Reset | Failure::Rejected
        )),
        "{gone:?}"
    );
    assert!(PostgresTarget::new("no url", "x", text("x"), None).is_err());
}
