//! Certificates that are wrong, and what is said inside of TLS, between a real nginx and curl (F18).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use squall_e2e::binary::{Squall, said};
use squall_e2e::left;
use squall_e2e::peer::free_port;
use squall_e2e::peer::running::last_record;
use squall_e2e::peer::supervised::Supervised;
use squall_e2e::wait;
use squall_model::event::EventKind;
use squall_model::measure::Outcome;

/// An authority, a certificate that it has signed for `shop.test`, and an nginx that shows it.
struct Shop {
    squall: Squall,
    _nginx: Supervised,
    port: u16,
}

impl Shop {
    #[expect(clippy::disallowed_methods, reason = "tests make certificates as an operator does")]
    fn open() -> Self {
        let squall = Squall::new();
        let (dir, port) = (squall.dir(), free_port());
        for command in [
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ours -days 30 -keyout ca.key -out ca.pem",
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=shop.test -addext subjectAltName=DNS:shop.test -keyout shop.key -out shop.csr",
            "x509 -req -in shop.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -copy_extensions copy -out shop.pem",
        ] {
            let made = std::process::Command::new("openssl")
                .args(command.split(' '))
                .current_dir(dir)
                .output()
                .unwrap();
            assert!(made.status.success(), "{}", said(&made));
        }
        let here = dir.display();
        let config = format!(
            "user root;\nworker_processes 1;\ndaemon off;\npid {here}/own.pid;\nerror_log {here}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n  access_log off;\n  client_body_temp_path {here}/body;\n  proxy_temp_path {here}/proxy;\n  \
             fastcgi_temp_path {here}/fastcgi;\n  uwsgi_temp_path {here}/uwsgi;\n  scgi_temp_path {here}/scgi;\n  \
             server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {here}/shop.pem; ssl_certificate_key {here}/shop.key; \
             return 200 'well'; }}\n}}\n"
        );
        let path = squall.file("nginx.conf", &config);
        let argv = [Path::new("/usr/sbin/nginx"), Path::new("-p"), dir, Path::new("-c"), &path];
        let argv: Vec<String> = argv.iter().map(|word| word.display().to_string()).collect();
        let nginx = Supervised::start(dir, "nginx", &argv);
        wait::until("nginx listens", std::time::Duration::from_secs(30), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { squall, _nginx: nginx, port }
    }

    /// What curl says of the shop while faults are on: its exit code, the status, or the body, for each time.
    fn curl(&self, write: &str, faults: &str) -> Vec<String> {
        let port = self.port;
        let text = format!(
            "name: shop\ntarget:\n  name: shop\n  services:\n    shop:\n      find: {{ port: {port} }}\n      proxy: {{ protocol: http }}\n\
             steady:\n  every: 300ms\n  measures:\n    \
             page: {{ command: {{ run: [sh, -c, 'curl -s --http1.1 --max-time 5 --cacert ca.pem --connect-to ::127.0.0.1:{{port:shop-proxy}} {write} https://shop.test/ || echo \" exit $?\"'], read: text }}, expect: 'matches ^200', judge: [before, after] }}\n\
             baseline: 900ms\nduration: 3s\nfaults:\n{faults}recovery: {{ within: 20s, steady-for: 300ms }}\n",
        )
        .replace("ca.pem", &self.squall.dir().join("ca.pem").display().to_string())
        .replace("ca.key", &self.squall.dir().join("ca.key").display().to_string());
        let output = self.squall.run(["run", self.squall.file("shop.yaml", &text).to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let key = std::fs::read_to_string(self.squall.dir().join("ca.key")).unwrap();
        let run = self.squall.runs().pop().unwrap();
        assert_eq!(left::of_run(&run), Vec::<String>::new());
        for file in [run.record(), run.journal(), run.plan()] {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!text.contains(key.lines().nth(1).unwrap()), "{} has the key in it", file.display());
        }
        let record = last_record(&self.squall);
        let events = &record.events;
        let from =
            events.iter().rposition(|event| matches!(event.kind, EventKind::FaultInjected { .. })).unwrap();
        let until =
            events.iter().position(|event| matches!(event.kind, EventKind::FaultUndone { .. })).unwrap();
        let begin = events[from].at;
        let seen = events[from..until].iter().filter_map(|event| match &event.kind {
            EventKind::Read(reading) if reading.asked >= begin => match &reading.outcome {
                Outcome::Text(text) => Some(text.trim().to_owned()),
                _ => None,
            },
            _ => None,
        });
        seen.collect()
    }
}

const STATUS: &str = "-o /dev/null -w \"%{http_code}\"";

// F18: a client that trusts the authority sees that the certificate has expired, and nothing else is wrong.
#[test]
fn a_certificate_that_has_expired_is_refused_by_curl_and_right_again_afterwards() {
    let shop = Shop::open();
    let fault = "  stale: { inject: { tls: { certificate: expired, sni: 'shop.*', authority: { certificate: ca.pem, key: ca.key } } }, on: { service: shop } }\n";
    let seen = shop.curl(STATUS, fault);
    // CURLE_PEER_FAILED_VERIFICATION
    assert!(!seen.is_empty() && seen.iter().all(|said| said.ends_with("exit 60")), "{seen:?}");
}

// F18: what is said inside of TLS is seen by the rules of HTTP, and the client notices nothing of it.
#[test]
fn requests_inside_of_tls_are_hit_while_the_certificate_is_right() {
    let shop = Shop::open();
    let faults = "  opened: { inject: { tls: { certificate: none, authority: { certificate: ca.pem, key: ca.key }, upstream: { tls: { roots: ca.pem } } } }, on: { service: shop } }\n  \
                  busy: { inject: { http: { hosts: shop.test, status: 503 } }, on: { service: shop }, at: 500ms, for: 2s }\n";
    let seen = shop.curl(STATUS, faults);
    assert!(!seen.is_empty() && seen.iter().all(|said| said == "503"), "{seen:?}");
}
