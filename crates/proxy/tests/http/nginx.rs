//! A real web server behind it.

use std::path::Path;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::Child;

use crate::curl::curl;
use crate::origin::big;
use crate::through::Through;

/// nginx on a socket in a folder of its own; it ends with its handle.
pub(crate) struct Nginx {
    folder: TempDir,
    _process: Child,
}

impl Nginx {
    async fn new() -> Self {
        Self::start(TempDir::new().unwrap(), "listen unix:HERE/one; listen unix:HERE/two http2;").await
    }

    /// Over TLS with this certificate and its key: `one` knows HTTP/1.1 only, `two` also HTTP/2.
    pub(crate) async fn secure(certificate: &str, key: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("own.pem"), [certificate, key].concat()).unwrap();
        let pair = "ssl_certificate HERE/own.pem; ssl_certificate_key HERE/own.pem;";
        Self::start(folder, &format!("listen unix:HERE/one ssl; listen unix:HERE/two ssl http2; {pair}"))
            .await
    }

    /// Listens as these words say, where `HERE` is its folder.
    async fn start(folder: TempDir, listens: &str) -> Self {
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("page.txt"), "a line of text\n".repeat(20_000)).unwrap();
        std::fs::write(at("large.bin"), big(3_000_000)).unwrap();
        let root = folder.path().display();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/errors; events {{}}
             http {{ access_log off; {paths} gzip on; gzip_types text/plain; types {{ text/plain txt; }}
               server {{ {listens} root {root};
                 location = /page.txt {{ add_trailer X-Sum 7; }} }} }}"
        );
        std::fs::write(at("nginx.conf"), configuration.replace("HERE", &root.to_string())).unwrap();
        let process = tokio::process::Command::new("/usr/sbin/nginx")
            .args(["-c", &at("nginx.conf").display().to_string(), "-e", &at("errors").display().to_string()])
            .kill_on_drop(true)
            .spawn()
            .expect("nginx is there");
        for _ in 0..300 {
            if UnixStream::connect(at("two")).await.is_ok() {
                return Self { folder, _process: process };
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{}", std::fs::read_to_string(at("errors")).unwrap_or_default());
    }

    pub(crate) fn socket(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

async fn fetched(through: &Through, arguments: &[&str], path: &str, to: &Path) -> Vec<u8> {
    let to = to.join("fetched").display().to_string();
    let output = curl(&[arguments, &["--output", &to, &through.url(path)]].concat()).await;
    assert!(output.status.success(), "{path} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(to).unwrap()
}

#[tokio::test]
async fn files_compressed_and_in_chunks_come_whole_in_both_versions() {
    let nginx = Nginx::new().await;
    let folder = TempDir::new().unwrap();
    for rule in [r#"{"path": "/never", "delay": 1}"#, r#"{"delay": 1}"#, r#"{"throttle": 100000000}"#] {
        for (version, socket) in [("--http1.1", "one"), ("--http2-prior-knowledge", "two")] {
            let through = Through::http(&format!("unix:{}", nginx.socket(socket).display()), &[rule]);
            let page = fetched(&through, &[version, "--compressed"], "/page.txt", folder.path()).await;
            assert!(page == "a line of text\n".repeat(20_000).as_bytes(), "{rule} {version}");
            let large = fetched(&through, &[version], "/large.bin", folder.path()).await;
            assert!(large == big(3_000_000), "{rule} {version}");
        }
    }
}
