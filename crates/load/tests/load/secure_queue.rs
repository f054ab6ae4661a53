//! Queues over TLS, with the real servers and certificates of the test's own (C7).

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use squall_load::{Failure, PostgresTarget, QueueMistake, RedisQueue, RedisTarget, Target};
use tokio::net::{TcpListener, TcpStream};

use crate::queue::{Server, postgres, program};
use crate::stage::{carried_out, of, text, until};

/// Writes `key.pem` and `cert.pem` for this host into the folder; the certificate.
fn certified(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = folder.join("key.pem");
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    cert.pem()
}

fn another() -> Vec<u8> {
    generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap().cert.pem().into_bytes()
}

#[tokio::test]
async fn a_redis_that_is_trusted_is_spoken_to_over_tls_and_another_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let pem = certified(folder.path());
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let server = program("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--tls-auth-clients", "no"])
        .args(["--bind", "127.0.0.1", "--tls-port", &port.to_string()])
        .arg("--tls-cert-file")
        .arg(folder.path().join("cert.pem"))
        .arg("--tls-key-file")
        .arg(folder.path().join("key.pem"))
        .arg("--dir")
        .arg(folder.path())
        .spawn()
        .expect("redis-server is installed");
    let _server = Server(server);
    until("Redis listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    let url = format!("rediss://127.0.0.1:{port}");
    let push = |url: &str, authorities: Vec<u8>| {
        let list = RedisQueue::List("jobs".to_owned());
        RedisTarget::new(url, list, text("{n}"), Some(authorities))
    };
    let trusted = push(&url, pem.clone().into_bytes()).unwrap();
    let totals = carried_out(of(Target::Redis(trusted), 100.0, 10)).await;
    assert_eq!((totals.ok, totals.failures.len()), (10, 0), "{totals:?}");
    let untrusted = carried_out(of(Target::Redis(push(&url, another()).unwrap()), 100.0, 5)).await;
    assert_eq!(untrusted.failures, [(Failure::Tls, 5)].into());

    let plain = push(&format!("redis://127.0.0.1:{port}"), pem.into_bytes()).err();
    assert!(matches!(plain, Some(QueueMistake::Certificates(_))), "{plain:?}");
    let nonsense = push(&url, b"no certificate".to_vec()).err();
    assert!(matches!(nonsense, Some(QueueMistake::Certificates(_))), "{nonsense:?}");
}

#[tokio::test]
async fn a_postgresql_that_is_trusted_is_spoken_to_over_tls_and_another_is_not() {
    let folder = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let pem = certified(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let certificate = format!("ssl_cert_file={}", file("cert.pem"));
    let key = format!("ssl_key_file={}", file("key.pem"));
    let (_server, plain) = postgres(folder.path(), &["-c", "ssl=on", "-c", &certificate, "-c", &key]).await;
    let (client, connection) = tokio_postgres::connect(&plain, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("create table jobs (body text)").await.unwrap();
    // Only what comes over TLS is inserted.
    let statement =
        "insert into jobs select $1 where (select ssl from pg_stat_ssl where pid = pg_backend_pid())";
    let insert = |url: &str, authorities: Option<&[u8]>| {
        let target = PostgresTarget::new(url, statement, text("{n}"), authorities).unwrap();
        carried_out(of(Target::Postgres(target), 100.0, 10))
    };
    let count = async || client.query_one("select count(*) from jobs", &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(insert(&plain, None).await.ok, 10);
    assert_eq!(count().await, 0, "without TLS");
    let secure = format!("{plain}?sslmode=require");
    let totals = insert(&secure, Some(pem.as_bytes())).await;
    assert_eq!((totals.ok, totals.failures.len()), (10, 0), "{totals:?}");
    assert_eq!(count().await, 10);
    let untrusted = insert(&secure, Some(&another())).await;
    assert_eq!(untrusted.failures, [(Failure::Tls, 10)].into());
    let needless = PostgresTarget::new(&plain, statement, text("x"), Some(pem.as_bytes())).err();
    assert!(matches!(needless, Some(QueueMistake::Certificates(_))), "{needless:?}");
}
