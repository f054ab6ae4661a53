//! What the book and the other pages say is true of the code: examples are read by the binary, links lead somewhere,
//! every key, fault and exit code has its place. U9.

use std::path::{Path, PathBuf};

use serde_json::Value;
use squall_e2e::binary::{Squall, said};

/// What a part of an experiment stands in to be a whole one.
const SERVICES: &str = "\
target:
  services:
    worker: { start: { run: [sleep, '60'], count: 4 } }
    api: { start: { run: [sleep, '60'] }, proxy: { listen: '127.0.0.1:2', upstream: '127.0.0.1:1' } }
    redis: { start: { run: [sleep, '60'] }, proxy: { listen: '127.0.0.1:4', upstream: '127.0.0.1:3' } }
    database: { start: { run: [sleep, '60'] }, proxy: { listen: '127.0.0.1:6', upstream: '127.0.0.1:5' } }
    dns: { start: { run: [sleep, '60'] }, proxy: { listen: '127.0.0.1:8', upstream: '127.0.0.1:7', protocol: udp } }
";
const STEADY: &str = "\
steady: { measures: { any: { command: { run: ['true'], read: exit }, expect: '== 0', abort: '> 100' } } }
";
const HEAD: &str = "name: book\nowner: book\nbaseline: 5s\nduration: 60s\n";
const NO_FAULTS: &str = "faults: {}\n";

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("tests/e2e is two folders deep").to_owned()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pages: those of the book, of docs, and in the root.
fn pages() -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder of pages") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    let mut found: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root().join(name)).to_vec();
    below(&root().join("book/src"), &mut found);
    below(&root().join("docs"), &mut found);
    assert!(found.len() > 30, "only {} pages were found", found.len());
    found.sort();
    found
}

/// The blocks of a page that are fenced as this language, each with its first line's number.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in page.lines().enumerate() {
        match &mut open {
            Some(_) if line.trim() == "```" => found.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line.trim() == format!("```{language}") => open = Some((number + 2, String::new())),
            None => {}
        }
    }
    found
}

/// A whole experiment around a part of one; `None` when it is a part of something else.
fn whole(block: &str) -> Option<String> {
    let with = |parts: &[&str]| Some([&[HEAD], parts, &[block]].concat().concat());
    match block.lines().next()?.split(':').next()? {
        "name" => Some(block.to_owned()),
        "faults" => with(&[SERVICES, STEADY]),
        "target" => with(&[STEADY, NO_FAULTS]),
        _ => None,
    }
}

#[test]
fn every_experiment_in_a_page_can_be_read() {
    let squall = Squall::new();
    let mut read = 0;
    for page in pages() {
        for (line, block) in blocks(&text(&page), "yaml") {
            let Some(experiment) = whole(&block) else { continue };
            let file = squall.file("experiment.yaml", &experiment);
            let checked = squall.run(["check", file.to_str().expect("a path")]);
            // 4: it is right, and what it speaks of is not on this machine.
            let is_right = matches!(checked.status.code(), Some(0 | 4));
            assert!(is_right, "{}:{line}: {}", page.display(), said(&checked));
            read += 1;
        }
    }
    assert!(read >= 16, "only {read} experiments were found");
}

#[test]
fn every_policy_in_a_page_can_be_read() {
    let squall = Squall::new();
    let experiment = squall.file("book.yaml", &format!("{HEAD}{SERVICES}{STEADY}{NO_FAULTS}"));
    let mut read = 0;
    for page in pages() {
        for (line, block) in blocks(&text(&page), "yaml") {
            if !block.starts_with("environments:") {
                continue;
            }
            let policy = squall.file("policy.yaml", &block);
            let (policy, experiment) =
                (policy.to_str().expect("a path"), experiment.to_str().expect("a path"));
            let checked = squall.run(["check", experiment, "--policy", policy]);
            assert!(checked.status.success(), "{}:{line}: {}", page.display(), said(&checked));
            read += 1;
        }
    }
    assert!(read >= 1);
}

#[test]
fn every_link_leads_to_a_file() {
    let mut seen = 0;
    for page in pages() {
        let content = text(&page);
        for (at, _) in content.match_indices("](") {
            let Some(target) = content[at + 2..].split(')').next() else { continue };
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            let file = page.parent().expect("a folder").join(path);
            assert!(file.exists(), "{} leads to {target}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} links were found");
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let book = root().join("book/src");
    let summary = text(&book.join("SUMMARY.md"));
    for page in pages() {
        let Ok(name) = page.strip_prefix(&book) else { continue };
        let name = name.to_str().expect("a path");
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "{name} is missing");
    }
}

/// The keys of a mapping, its descendants included, without the names that people choose.
fn keys(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                found.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| keys(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_an_experiment_is_in_the_reference() {
    let schema: Value =
        serde_json::from_str(&text(&root().join("schema/experiment.schema.json"))).expect("JSON");
    let mut found = Vec::new();
    keys(&schema, &mut found);
    assert!(found.len() > 60, "only {} keys were found", found.len());
    let reference = root().join("book/src/reference");
    let mut pages: String =
        ["experiment.md", "load.md", "probes.md"].map(|name| text(&reference.join(name))).concat();
    for entry in std::fs::read_dir(reference.join("faults")).expect("a folder") {
        pages.push_str(&text(&entry.expect("an entry").path()));
    }
    for key in found {
        let forms = [
            format!("`{key}`"),
            format!(".{key}`"),
            format!("[{key}]("),
            format!("`{key}: "),
            format!(" {key}: "),
        ];
        let stands = forms.iter().any(|form| pages.contains(form));
        assert!(stands, "{key} is in no page of the reference");
    }
}

#[test]
fn every_fault_has_a_page() {
    let schema: Value =
        serde_json::from_str(&text(&root().join("schema/experiment.schema.json"))).expect("JSON");
    let inject =
        &schema["properties"]["faults"]["additionalProperties"]["properties"]["inject"]["properties"];
    let faults = inject.as_object().expect("a list of faults");
    assert!(faults.len() >= 13);
    for fault in faults.keys() {
        let page = text(&root().join(format!("book/src/reference/faults/{fault}.md")));
        assert!(page.starts_with(&format!("# {fault}\n")));
    }
}

#[test]
fn every_option_of_the_proxy_is_on_its_page() {
    let help = Squall::new().run(["proxy", "--help"]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let page = text(&root().join("book/src/reference/proxy/proxy.md"));
    let options = help.lines().filter_map(|line| line.trim_start().strip_prefix("--")?.split(' ').next());
    let own: Vec<&str> = options.filter(|name| *name != "color").collect();
    assert!(own.len() >= 10, "{own:?}");
    for option in own {
        assert!(page.contains(&format!("`--{option}")), "--{option} is missing");
    }
}

#[test]
fn every_exit_code_is_in_the_reference_as_explain_tells_it() {
    let squall = Squall::new();
    let page = text(&root().join("book/src/reference/exit-codes.md"));
    let readme = text(&root().join("README.md"));
    for code in ["0", "1", "2", "3", "4", "5", "10", "11", "12", "13", "20"] {
        assert!(squall.run(["explain", code]).status.success(), "nothing explains {code}");
        for table in [&page, &readme] {
            assert!(table.contains(&format!("| {code} |")), "{code} is missing");
        }
    }
}
