//! Certificates that are wrong, and what is said inside of TLS: between a real nginx and curl (F18), a real Redis and its
//! client (F16).

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
    fn curl(&self, proxy: &str, write: &str, faults: &str) -> Vec<String> {
        let port = self.port;
        self.run(&format!(
            "name: shop\ntarget:\n  name: shop\n  services:\n    shop:\n      find: {{ port: {port} }}\n      proxy: {{ {proxy} }}\n\
             steady:\n  every: 300ms\n  measures:\n    \
             page: {{ command: {{ run: [sh, -c, 'curl -s --http1.1 --max-time 5 --cacert ca.pem --connect-to ::127.0.0.1:{{port:shop-proxy}} {write} https://shop.test/ || echo \" exit $?\"'], read: text }}, expect: 'matches ^200', judge: [before, after] }}\n\
             baseline: 900ms\nduration: 3s\nfaults:\n{faults}recovery: {{ within: 20s, steady-for: 300ms }}\n",
        ))
    }

    /// What the only measure of an experiment reads while faults are on. The keys stay secret, and nothing is left.
    fn run(&self, experiment: &str) -> Vec<String> {
        let text = experiment
            .replace("ca.pem", &self.squall.dir().join("ca.pem").display().to_string())
            .replace("ca.key", &self.squall.dir().join("ca.key").display().to_string());
        let key = std::fs::read_to_string(self.squall.dir().join("ca.key")).unwrap();
        let key = key.lines().nth(1).unwrap();
        let file = self.squall.file("shop.yaml", &text);
        // What would be done is said with the names of files: there is nothing in it that had to be masked.
        let output = self.squall.run(["run", "--dry-run", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(!said(&output).contains(key) && !said(&output).contains("***"), "{}", said(&output));
        let output = self.squall.run(["run", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(!said(&output).contains(key), "{}", said(&output));
        for run in self.squall.runs() {
            assert_eq!(left::of_run(&run), Vec::<String>::new());
            for file in [run.record(), run.journal(), run.plan()].iter().filter(|file| file.exists()) {
                let text = std::fs::read_to_string(file).unwrap();
                assert!(!text.contains(key), "{} has the key in it", file.display());
            }
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
    let seen = shop.curl("protocol: http", STATUS, fault);
    // CURLE_PEER_FAILED_VERIFICATION
    assert!(!seen.is_empty() && seen.iter().all(|said| said.ends_with("exit 60")), "{seen:?}");
}

// F18: what is said inside of TLS is seen by the rules of HTTP, and the client notices nothing of it.
#[test]
fn requests_inside_of_tls_are_hit_while_the_certificate_is_right() {
    let shop = Shop::open();
    let faults = "  opened: { inject: { tls: { certificate: none, authority: { certificate: ca.pem, key: ca.key }, upstream: { tls: { roots: ca.pem } } } }, on: { service: shop } }\n  \
                  busy: { inject: { http: { hosts: shop.test, status: 503 } }, on: { service: shop }, at: 500ms, for: 2s }\n";
    let seen = shop.curl("protocol: http", STATUS, faults);
    assert!(!seen.is_empty() && seen.iter().all(|said| said == "503"), "{seen:?}");
}

/// TLS that the proxy opens for the whole run.
const OPENED: &str = "protocol: http, tls: { authority: { certificate: ca.pem, key: ca.key }, upstream: { tls: { roots: ca.pem } } }";

// F18: said once, at the proxy, TLS is opened before the fault, during it and afterwards: rules of HTTP reach into it.
#[test]
fn requests_inside_of_tls_are_hit_where_the_proxy_opens_it() {
    let shop = Shop::open();
    let busy = "  busy: { inject: { http: { hosts: shop.test, status: 503 } }, on: { service: shop } }\n";
    let seen = shop.curl(OPENED, STATUS, busy);
    assert!(!seen.is_empty() && seen.iter().all(|said| said == "503"), "{seen:?}");
}

// F18: the fault says only what is wrong; who signs, and how it goes on, is the proxy's.
#[test]
fn a_flaw_is_the_only_one_where_the_proxy_opens_tls() {
    let shop = Shop::open();
    let stale = "  stale: { inject: { tls: { certificate: expired } }, on: { service: shop } }\n";
    let seen = shop.curl(OPENED, &format!("-S --stderr - {STATUS}"), stale);
    // CURLE_PEER_FAILED_VERIFICATION, and why.
    let is_stale = |said: &String| said.contains("certificate has expired") && said.ends_with("exit 60");
    assert!(!seen.is_empty() && seen.iter().all(is_stale), "{seen:?}");
}

// F16: the same with Redis, whose client says no name.
#[test]
fn commands_inside_of_tls_are_hit_where_the_proxy_opens_it() {
    let shop = Shop::open();
    let (dir, port) = (shop.squall.dir().to_owned(), free_port());
    let argv = format!(
        "redis-server --port 0 --tls-port {port} --bind 127.0.0.1 --tls-auth-clients no --tls-cert-file shop.pem \
         --tls-key-file shop.key --tls-ca-cert-file ca.pem --appendonly no --daemonize no --loglevel warning"
    );
    let argv: Vec<String> = argv
        .split(' ')
        .map(|word| {
            if word.contains(".pem") || word.contains(".key") {
                dir.join(word).display().to_string()
            } else {
                word.to_owned()
            }
        })
        .collect();
    let _redis = Supervised::start(&dir, "redis", &argv);
    wait::until("Redis listens", std::time::Duration::from_secs(30), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let seen = shop.run(&format!(
        "name: cache\ntarget:\n  name: cache\n  services:\n    cache:\n      find: {{ port: {port} }}\n      \
         proxy: {{ protocol: redis, tls: {{ authority: {{ certificate: ca.pem, key: ca.key }}, upstream: {{ tls: {{ name: shop.test, roots: ca.pem }} }} }} }}\n\
         steady:\n  every: 300ms\n  measures:\n    \
         ping: {{ command: {{ run: [redis-cli, --tls, --cacert, ca.pem, -p, '{{port:cache-proxy}}', ping], read: text }}, expect: 'matches ^PONG', judge: [before, after] }}\n\
         baseline: 900ms\nduration: 3s\n\
         faults:\n  loading: {{ inject: {{ redis: {{ commands: PING, error: LOADING }} }}, on: {{ service: cache }} }}\n\
         recovery: {{ within: 20s, steady-for: 300ms }}\n"
    ));
    assert!(!seen.is_empty() && seen.iter().all(|said| said.starts_with("LOADING")), "{seen:?}");
}

// A proxy that cannot open TLS as it is told to would not start: nothing is started at all.
#[test]
fn a_certificate_that_cannot_be_read_is_told_before_anything_is_started() {
    let squall = Squall::new();
    let text = "name: shop\ntarget:\n  services:\n    shop: { find: { elsewhere: {} }, proxy: { upstream: '127.0.0.1:1', \
                protocol: http, tls: { identity: { certificate: /nowhere/own.pem, key: /nowhere/own.key } } } }\n\
                steady: { measures: { up: { tcp: '127.0.0.1:{port:shop-proxy}', expect: '< 1 s' } } }\n\
                duration: 3s\nfaults: {}\n";
    let file = squall.file("shop.yaml", text);
    for command in ["check", "run"] {
        let refused = squall.run([command, file.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
        for part in ["/nowhere/own.pem cannot be read", "/nowhere/own.key cannot be read", "correct `tls`"] {
            assert!(said(&refused).contains(part), "{command}: {}", said(&refused));
        }
    }
    assert!(squall.runs().is_empty());
}
