//! Secrets come from variables and files, and appear in no artefact, also when strangers say them back (U3).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use squall_e2e::binary::{Squall, said};
use squall_e2e::peer::running::last_record;
use squall_e2e::peer::server::Server;
use squall_e2e::victim::Victim;
use squall_model::event::EventKind;
use squall_model::measure::Outcome;

/// Nobody writes these by chance, and the second looks different in JSON, HTML and XML.
const TOKEN: &str = "tok-5f0c9b1e77d2";
const PASSWORD: &str = "pa\"ss\\w&o<rd-8c21";

/// What each of them looks like in any of the forms that squall writes.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let escaped = secret.replace('&', "&amp;").replace('<', "&lt;");
    let quoted = escaped.replace('"', "&quot;");
    vec![secret.to_owned(), json.trim_matches('"').to_owned(), escaped, quoted]
}

/// Every form of every secret that is in the text.
fn told(text: &str, secrets: &[&str]) -> Vec<String> {
    secrets.iter().flat_map(|secret| forms(secret)).filter(|form| text.contains(form.as_str())).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            let bytes = std::fs::read(entry.path()).unwrap();
            found.insert(entry.path().display().to_string(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    found
}

#[track_caller]
fn keeps(output: &Output, secrets: &[&str]) {
    assert_eq!(told(&said(output), secrets), Vec::<String>::new(), "in what was printed");
}

/// A server that says the header of a request back, a command that says its argument back, and a service that does.
fn experiment(squall: &Squall, server: &Server) -> String {
    let dir = squall.dir().display();
    format!(
        "name: secrets\n\
         target:\n  name: stage\n  services:\n    \
         own: {{ start: {{ run: [sh, -c, 'echo \"$0 $PASSWORD\"; exec sleep 600', '{{env:TOKEN}}'], \
         env: {{ PASSWORD: '{{file:{dir}/password}}' }} }} }}\n\
         steady:\n  every: 300ms\n  measures:\n    \
         said: {{ http: {{ url: '{url}', headers: {{ Authorization: 'Bearer {{env:TOKEN}}' }} }}, read: {{ json: said }}, expect: present }}\n    \
         refused: {{ http: {{ url: '{url}', headers: {{ Authorization: '{{file:{dir}/password}}' }} }}, read: {{ json: said }}, expect: '== \"else\"', judge: [during] }}\n    \
         login: {{ http: {{ url: '{url}', headers: {{ Authorization: 'T {{token}}' }}, \
         login: {{ url: '{url}', body: '{{env:TOKEN}}', token: fresh }} }}, read: {{ json: said }}, expect: present }}\n    \
         printed: {{ command: {{ run: [sh, -c, 'echo \"$0\"', '{{file:{dir}/password}}'], read: text }}, expect: '== \"else\"', judge: [during] }}\n    \
         failed: {{ command: {{ run: [sh, -c, 'echo \"no: $0\" >&2; exit 3', '{{file:{dir}/password}}'] }}, expect: '>= 0', judge: [during] }}\n    \
         unknown: {{ command: {{ run: ['/nowhere/{{env:TOKEN}}'] }}, expect: '>= 0', judge: [during] }}\n    \
         json: {{ command: {{ run: [sh, -c, 'echo \"$0\"', '{{file:{dir}/password}}'], read: {{ json: x }} }}, expect: '>= 0', judge: [during] }}\n\
         baseline: 1s\nduration: 1s\n\
         faults:\n  broken:\n    inject:\n      command: {{ timeout: 1s, inject: [sh, -c, 'echo \"on: $0\"; touch {dir}/on', '{{env:TOKEN}}'], undo: [sh, -c, 'echo \"off: $0\"; rm {dir}/on', '{{file:{dir}/password}}'], \
         check: [sh, -c, 'echo \"$0\" >&2; test ! -e {dir}/on || exit 2; exit 1', '{{file:{dir}/password}}'] }}\n\
         recovery: {{ within: 1s, steady-for: 300ms }}\n",
        url = server.url("/"),
    )
}

fn echo() -> Server {
    Server::start(|request| {
        let said = request.head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
        });
        let said = said.unwrap_or_default();
        request.answer(200, &serde_json::json!({ "said": said, "fresh": "fresh-31ab77" }).to_string());
    })
}

#[test]
fn no_file_no_output_and_no_report_tells_a_secret() {
    const SECRETS: [&str; 3] = [TOKEN, PASSWORD, "fresh-31ab77"];
    let squall = Squall::new();
    let server = echo();
    squall.file("password", &format!("{PASSWORD}\n"));
    squall.file("secrets.yaml", &experiment(&squall, &server));
    for arguments in [["run", "secrets.yaml", "--format=text"], ["run", "secrets.yaml", "--format=json"]] {
        let output = squall.command(arguments).env("TOKEN", TOKEN).output().unwrap();
        // The check of the fault cannot say whether it is on.
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        keeps(&output, &SECRETS);
    }
    for arguments in [["check", "secrets.yaml", "--format=text"], ["check", "secrets.yaml", "--format=json"]]
    {
        keeps(&squall.command(arguments).env("TOKEN", TOKEN).output().unwrap(), &SECRETS);
    }
    // A report is written by whoever has the record, not the secrets.
    for name in ["r.html", "r.md", "r.xml", "r.json"] {
        let output = squall.run(["report", "last", "-o", name]);
        assert!(output.status.success(), "{}", said(&output));
        let page = std::fs::read_to_string(squall.dir().join(name)).unwrap();
        assert_eq!(told(&page, &SECRETS), Vec::<String>::new(), "in {name}");
    }
    keeps(&squall.run(["replay", "last"]), &SECRETS);
    keeps(&squall.run(["findings", "last"]), &SECRETS);
    for (path, text) in files(squall.home().path()).iter().filter(|(path, _)| !path.contains("/work/")) {
        assert_eq!(told(text, &SECRETS), Vec::<String>::new(), "in {path}");
    }
    // What a service says itself is kept as it said it, for its owner only.
    for run in squall.runs() {
        assert_eq!(std::fs::metadata(run.work()).unwrap().permissions().mode() & 0o077, 0);
    }
    // The test would prove nothing if nobody had said the secrets.
    let record = last_record(&squall);
    for (measure, part) in [
        ("said", "Bearer ***"),
        ("refused", "***"),
        ("login", "T ***"),
        ("printed", "***"),
        ("failed", "exited with 3: no: ***"),
        ("unknown", "could not start `/nowhere/***`"),
    ] {
        let is_said = record.events.iter().any(|event| match &event.kind {
            EventKind::Read(reading) if reading.measure == measure => match &reading.outcome {
                Outcome::Text(text) | Outcome::Unreadable(text) => text.contains(part),
                _ => false,
            },
            _ => false,
        });
        assert!(is_said, "{measure} says {part}");
    }
}

/// S1: what is owed is written down with references, and filled in when it is carried out.
#[test]
fn the_journal_brings_a_service_back_without_knowing_its_secret() {
    let squall = Squall::new();
    let victim = Victim::start();
    let first = victim.process();
    let pid_file = victim.pid_file();
    let dir = pid_file.parent().unwrap().display();
    let seen = squall.dir().join("seen");
    let text = format!(
        "name: journal\n\
         target: {{ name: stage, services: {{ victim: {{ find: {{ pid-file: {pid_file} }}, control: {{ start: \
         [sh, -c, 'echo \"$0\" > {seen}; sh {dir}/start-victim {pid_file}', '{{env:TOKEN}}'] }} }} }} }}\n\
         steady:\n  every: 300ms\n  measures:\n    \
         it: {{ process: {{ service: victim, fact: count }}, expect: '== 1', judge: [before, after] }}\n\
         baseline: 1s\nduration: 1s\n\
         faults:\n  killed: {{ inject: {{ service-kill: {{}} }}, on: {{ service: victim }}, for: 500ms }}\n\
         recovery: {{ within: 5s, steady-for: 300ms }}\n",
        pid_file = pid_file.display(),
        seen = seen.display()
    );
    squall.file("journal.yaml", &text);
    let output = squall.command(["run", "journal.yaml"]).env("TOKEN", TOKEN).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_ne!(victim.process(), first);
    assert_eq!(std::fs::read_to_string(seen).unwrap().trim(), TOKEN, "the program was given the secret");
    keeps(&output, &[TOKEN]);
    for (path, text) in files(squall.home().path()) {
        assert_eq!(told(&text, &[TOKEN]), Vec::<String>::new(), "in {path}");
    }
}

#[test]
fn a_variable_that_is_missing_is_named_and_nothing_is_started() {
    let squall = Squall::new();
    let started = squall.dir().join("started");
    let text = format!(
        "name: missing\n\
         target: {{ name: stage, services: {{ own: {{ start: {{ run: [sh, -c, 'touch {}; exec sleep 600'] }} }} }} }}\n\
         steady:\n  every: 300ms\n  measures:\n    \
         page: {{ http: {{ url: 'http://127.0.0.1:9/', headers: {{ Authorization: '{{env:NO_SUCH_TOKEN}}' }} }}, expect: '== 200' }}\n\
         baseline: 1s\nduration: 1s\nrecovery: {{ within: 1s, steady-for: 300ms }}\n",
        started.display()
    );
    squall.file("missing.yaml", &text);
    let output = squall.run(["run", "missing.yaml"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("NO_SUCH_TOKEN"), "{}", said(&output));
    assert!(!started.exists(), "the service was started");
    assert!(squall.runs().is_empty(), "a refused run is none");
}

/// What is cut short, or said line by line, is a secret too.
#[test]
fn a_part_of_a_secret_is_not_told_either() {
    const KEY: &str = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\n4f1bX2vvqJp0aa\n-----END KEY-----";
    const LINE: &str = "4f1bX2vvqJp0aa";
    let squall = Squall::new();
    squall.file("key", &format!("{KEY}\n"));
    let dir = squall.dir().display();
    let padding = "x".repeat(192);
    let text = format!(
        "name: parts\n\
         target: {{ name: stage, services: {{ own: {{ find: {{ pid-file: /nowhere.pid }} }} }} }}\n\
         steady:\n  every: 300ms\n  measures:\n    \
         cut: {{ command: {{ run: [sh, -c, 'echo \"{padding} $0\" >&2; exit 3', '{{env:TOKEN}}'] }}, expect: '>= 0' }}\n    \
         line: {{ command: {{ run: [sh, -c, 'echo \"$0\" | tail -n 2 | head -n 1 >&2; exit 3', '{{file:{dir}/key}}'] }}, expect: '>= 0' }}\n\
         baseline: 1s\nduration: 1s\nrecovery: {{ within: 1s, steady-for: 300ms }}\n"
    );
    squall.file("parts.yaml", &text);
    let output = squall.command(["run", "parts.yaml"]).env("TOKEN", TOKEN).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let secrets = [LINE, &TOKEN[..6]];
    keeps(&output, &secrets);
    for (path, text) in files(squall.home().path()) {
        assert_eq!(told(&text, &secrets), Vec::<String>::new(), "in {path}");
    }
}

/// A weak secret may be a word or a number of the record itself.
#[test]
fn a_secret_that_is_a_word_of_the_record_does_not_spoil_it() {
    let squall = Squall::new();
    let text = "name: weak\n\
         target: { name: stage, services: { own: { start: { run: [sleep, '600'], env: { A: '{env:A}', B: '{env:B}', C: '{env:C}' } } } } }\n\
         steady:\n  every: 300ms\n  measures:\n    own: { process: { service: own, fact: count }, expect: '== 1' }\n    \
         said: { command: { run: [echo, 'it is {env:A}'], read: text }, expect: present }\n\
         baseline: 1s\nduration: 1s\nrecovery: { within: 1s, steady-for: 300ms }\n";
    squall.file("weak.yaml", text);
    let mut command = squall.command(["run", "weak.yaml"]);
    let output = command.env("A", "asked").env("B", "300").env("C", "real").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = last_record(&squall);
    assert!(record.verdict().is_some());
    let report = squall.run(["report", "last", "-o", "r.html"]);
    assert!(report.status.success(), "{}", said(&report));
}
