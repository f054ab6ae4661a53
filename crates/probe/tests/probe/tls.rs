//! E3: TLS with given authorities, and with those of the system.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use squall_host::exit::Exit;
use squall_host::spawn::Spawn;
use squall_model::measure::{HttpFact, HttpRequest, Outcome};
use squall_model::template::Template;
use squall_model::unit::Unit;

use crate::stage::{AMPLE, Stage, get, http, unreadable, value};

/// Certificates made for these tests alone: an authority, and a server of it for `localhost` and
/// `127.0.0.1`, both good for a hundred years.
fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe/tls").join(name)
}

/// A server that answers every request with a greeting. Its thread ends with the test's process.
fn serve() -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(made("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(made("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    address
}

async fn status(url: &str, ca: Option<&Path>) -> Outcome {
    let ca = ca.map(|path| Template(path.display().to_string()));
    let request = HttpRequest { ca, ..get(url) };
    Stage::default().prober(http(request, HttpFact::Status)).read().await
}

#[tokio::test]
async fn a_server_is_believed_when_a_given_authority_vouches_for_it() {
    let address = serve();
    let url = format!("https://{address}/");
    let fine = value(200.0, Unit::Number);
    assert_eq!(status(&url, Some(&made("authority.pem"))).await, fine);
    let named = format!("https://localhost:{}/", address.port());
    assert_eq!(status(&named, Some(&made("authority.pem"))).await, fine);

    let unknown = unreadable("TLS: invalid peer certificate: UnknownIssuer");
    assert_eq!(status(&url, Some(&made("other-authority.pem"))).await, unknown);
    let other_name = format!("https://127.0.0.2:{}/", address.port());
    let outcome = status(&other_name, Some(&made("authority.pem"))).await;
    assert!(matches!(outcome, Outcome::Unreadable(_)), "{outcome}");
}

#[tokio::test]
async fn a_file_of_authorities_must_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let url = format!("https://{}/", serve());
    let outcome = status(&url, Some(&file)).await;
    let start = format!("could not read the certificates in {}", file.display());
    assert!(matches!(&outcome, Outcome::Unreadable(why) if why.starts_with(&start)), "{outcome}");
    std::fs::write(&file, "no certificate").unwrap();
    assert_eq!(
        status(&url, Some(&file)).await,
        unreadable("the file of the authorities holds no certificate")
    );
}

const ADDRESS: &str = "SQUALL_TEST_TLS_ADDRESS";

/// Runs this test program again, with other authorities for the whole system: rustls-native-certs
/// takes them from SSL_CERT_FILE as OpenSSL does.
#[test]
fn without_given_authorities_those_of_the_system_count() {
    let address = serve().to_string();
    let read = |authority: &str| {
        let mut child = Spawn::program(std::env::current_exe().unwrap())
            .args(["--exact", "tls::reads_with_the_authorities_of_the_system", "--ignored"])
            .env("SSL_CERT_FILE", made(authority))
            .env(ADDRESS, &address)
            .start()
            .unwrap();
        child.wait(AMPLE).unwrap().expect("it ends")
    };
    assert_eq!(read("authority.pem"), Exit::Code(0));
    assert_ne!(read("other-authority.pem"), Exit::Code(0));
}

#[tokio::test]
#[ignore = "a part of the test above"]
async fn reads_with_the_authorities_of_the_system() {
    let Some(address) = std::env::var_os(ADDRESS) else { return };
    let url = format!("https://{}/", address.to_str().unwrap());
    assert_eq!(status(&url, None).await, value(200.0, Unit::Number));
}
