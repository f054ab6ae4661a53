//! A real PostgreSQL behind its layer.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::postgres_server::PostgresServer;
use crate::proxied::Proxied;

/// A server with a table of ten rows, and a way to it with rules that can be changed.
struct Stage {
    proxied: Proxied,
    server: PostgresServer,
    runtime: Runtime,
}

impl Stage {
    fn new() -> Self {
        let server = PostgresServer::start();
        let proxied = Proxied::start(&server.socket(), "postgres");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stage = Self { proxied, server, runtime };
        let client = stage.direct();
        let table = "CREATE TABLE jobs (id int PRIMARY KEY, done bool NOT NULL);
            INSERT INTO jobs SELECT n, false FROM generate_series(1, 10) n";
        stage.wait(client.batch_execute(table)).unwrap();
        stage
    }

    fn rules(&self, rules: &[&str]) {
        self.proxied.rules(rules);
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let in_time = async { tokio::time::timeout(Duration::from_secs(30), future).await };
        self.runtime.block_on(in_time).expect("it takes no half a minute")
    }

    fn connect(&self, config: &Config) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.wait(config.connect(NoTls))?;
        self.runtime.spawn(connection);
        Ok(client)
    }

    fn proxied(&self) -> Client {
        self.try_proxied().unwrap()
    }

    fn try_proxied(&self) -> Result<Client, tokio_postgres::Error> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.proxied.address.port()).user("postgres");
        self.connect(&config)
    }

    fn direct(&self) -> Client {
        let mut config = Config::new();
        config.host_path(self.server.folder()).user("postgres");
        self.connect(&config).unwrap()
    }

    fn done(&self) -> i64 {
        let client = self.direct();
        self.wait(client.query_one("SELECT count(*) FROM jobs WHERE done", &[])).unwrap().get(0)
    }

    fn psql(&self, script: &str) -> (String, String) {
        let output = Command::new("psql")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.proxied.address.port().to_string(),
                "-U",
                "postgres",
                "-X",
                "-A",
                "-t",
            ])
            .args(["-c", "\\set VERBOSITY verbose"])
            .args(script.lines().flat_map(|line| ["-c", line]))
            .output()
            .expect("psql is of Debian's package postgresql-client");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

fn code(error: &tokio_postgres::Error) -> &str {
    error.code().unwrap_or_else(|| panic!("{error:?}")).code()
}

#[test]
fn an_error_fails_the_transaction_in_the_server_too() {
    let stage = Stage::new();
    let mut client = stage.proxied();
    // Prepared before there is a rule.
    let update = stage.wait(client.prepare("UPDATE jobs SET done = true WHERE id = $1")).unwrap();
    stage.rules(&[r#"{"kind":"update","every":2,"error":{"sqlstate":"40001"}}"#]);
    stage.wait(async {
        let transaction = client.transaction().await.unwrap();
        assert_eq!(transaction.execute(&update, &[&1]).await.unwrap(), 1);
        let error = transaction.execute(&update, &[&2]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
        let refused = transaction.query("SELECT 1", &[]).await.unwrap_err();
        assert_eq!(code(&refused), "25P02", "the server knows that the transaction has failed");
        transaction.rollback().await.unwrap();
        // Outside of a transaction the session goes on at once; in the simple protocol too.
        assert_eq!(client.execute(&update, &[&1]).await.unwrap(), 1);
        assert_eq!(code(&client.execute(&update, &[&2]).await.unwrap_err()), "40001");
        client.simple_query("UPDATE jobs SET done = true WHERE id = 3").await.unwrap();
        let error = client.simple_query("UPDATE jobs SET done = true WHERE id = 4").await.unwrap_err();
        assert_eq!(code(&error), "40001");
        assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
    });
    assert_eq!(stage.done(), 2);
}

#[test]
fn an_error_of_commit_leaves_no_transaction_and_no_change() {
    let stage = Stage::new();
    let mut client = stage.proxied();
    let commit = stage.wait(client.prepare("COMMIT")).unwrap();
    stage.rules(&[r#"{"kind":"commit","error":{"sqlstate":"40001","message":"not today"}}"#]);
    stage.wait(async {
        let transaction = client.transaction().await.unwrap();
        transaction.execute("UPDATE jobs SET done = true", &[]).await.unwrap();
        let error = transaction.commit().await.unwrap_err();
        assert_eq!((code(&error), error.as_db_error().unwrap().message()), ("40001", "not today"));
        client.batch_execute("BEGIN; UPDATE jobs SET done = true").await.unwrap();
        assert_eq!(code(&client.execute(&commit, &[]).await.unwrap_err()), "40001");
        // There is no transaction: a failed one would refuse this.
        assert_eq!(client.query("SELECT 1 FROM jobs WHERE NOT done", &[]).await.unwrap().len(), 10);
        // Nothing of ours is left in the session.
        let names =
            client.query("SELECT name FROM pg_prepared_statements WHERE name LIKE 'squall%'", &[]).await;
        assert_eq!(names.unwrap().len(), 0);
    });
    assert_eq!(stage.done(), 0);
}

#[test]
fn sessions_are_ended_cut_and_refused() {
    let stage = Stage::new();
    let client = stage.proxied();
    stage.rules(&[
        r#"{"statement":{"glob":"update jobs *"},"error":{"sqlstate":"57P01"}}"#,
        r#"{"statement":{"regex":"where id = 2"},"cut":"before"}"#,
        r#"{"kind":"commit","cut":"reply"}"#,
        r#"{"kind":"connect","database":"other","error":{"sqlstate":"53300"}}"#,
    ]);
    stage.wait(async {
        client.batch_execute("BEGIN").await.unwrap();
        let error = client.batch_execute("UPDATE jobs SET done = true").await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::ADMIN_SHUTDOWN));
        assert!(client.batch_execute("SELECT 1").await.unwrap_err().is_closed());
    });
    let client = stage.proxied();
    let lost = stage.wait(client.batch_execute("BEGIN; DELETE FROM jobs WHERE id = 2")).unwrap_err();
    assert!(lost.is_closed() || lost.code().is_none(), "{lost:?}");
    let client = stage.proxied();
    stage.wait(async {
        client.batch_execute("BEGIN").await.unwrap();
        client.batch_execute("DELETE FROM jobs WHERE id = 3").await.unwrap();
        // It is carried out, and the client cannot know.
        assert!(client.batch_execute("COMMIT").await.unwrap_err().code().is_none());
    });
    let direct = stage.direct();
    let ids = stage.wait(direct.query("SELECT id FROM jobs WHERE NOT done ORDER BY id", &[])).unwrap();
    assert_eq!(ids.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [1, 2, 4, 5, 6, 7, 8, 9, 10]);
    let mut config = Config::new();
    config.host("127.0.0.1").port(stage.proxied.address.port()).user("postgres").dbname("other");
    let refused = stage.connect(&config).err().unwrap();
    assert_eq!(refused.code(), Some(&SqlState::TOO_MANY_CONNECTIONS));
    assert!(stage.try_proxied().is_ok());
}

#[test]
fn statements_and_rows_are_slow_as_told_and_copies_pass() {
    let stage = Stage::new();
    stage.rules(&[
        r#"{"statement":{"glob":"select pg_sleep(0)"},"delay":300}"#,
        r#"{"kind":"select","statement":{"regex":"from jobs"},"row_delay":30}"#,
    ]);
    let client = stage.proxied();
    stage.wait(async {
        let began = Instant::now();
        client.query("SELECT pg_sleep(0)", &[]).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(client.query("SELECT id FROM jobs", &[]).await.unwrap().len(), 10);
        assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    });
    // In the extended protocol, with rules that look at it and do not hit.
    stage.wait(async {
        use futures_util::SinkExt as _;
        let sink = client.copy_in::<_, bytes::Bytes>("COPY jobs FROM STDIN").await.unwrap();
        let mut sink = std::pin::pin!(sink);
        for id in 11..1011 {
            sink.send(format!("{id}\tf\n").into()).await.unwrap();
        }
        assert_eq!(sink.finish().await.unwrap(), 1000);
        client.execute("DELETE FROM jobs WHERE id > 10", &[]).await.unwrap();
    });
    let (out, said) = stage.psql("COPY jobs (id, done) TO STDOUT\n\\copy jobs TO '/dev/null'");
    assert_eq!((out.lines().filter(|line| line.ends_with("\tf")).count(), said), (10, String::new()));
    assert_eq!(stage.proxied.hits().len(), 2);
    let (_, page) = stage.proxied.api("GET", "/proxies/p/traffic", &serde_json::Value::Null);
    assert_eq!((&page["hit"]["finished"], &page["hit"]["failed"]), (&2.into(), &0.into()), "{page}");
}

#[test]
fn psql_sees_errors_as_the_servers_own() {
    let stage = Stage::new();
    stage.rules(&[CONFLICT_EVERY_SECOND]);
    let (out, said) = stage.psql(
        "BEGIN\nUPDATE jobs SET done = true WHERE id = 1\nUPDATE jobs SET done = true WHERE id = 2\nSELECT 1\nROLLBACK\nSELECT count(*) FROM jobs WHERE done",
    );
    assert!(out.ends_with("ROLLBACK\n0\n"), "{out}");
    assert!(said.contains("ERROR:  40001: could not serialize access due to concurrent update"), "{said}");
    assert!(said.contains("25P02"), "{said}");
    assert!(!said.contains("squall_fault"), "{said}");
}

const CONFLICT_EVERY_SECOND: &str = r#"{"kind":"update","every":2,"error":{"sqlstate":"40001"}}"#;
