//! The rules of the house that no compiler checks: who may know whom, what may be linked in,
//! how large a file may grow, who prints.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Who may know whom, tests of a crate included. Everybody else in the workspace is forbidden.
/// `squall` (the binary) and `squall-e2e` may know everybody.
const ARROWS: [(&str, &[&str]); 10] = [
    ("squall-model", &[]),
    ("squall-host", &[]),
    ("squall-load", &[]),
    ("squall-lab", &[]),
    ("squall-stats", &[]),
    ("squall-proxy", &[]),
    ("squall-spec", &["squall-model"]),
    ("squall-probe", &["squall-model", "squall-host"]),
    ("squall-engine", &["squall-model", "squall-host", "squall-load", "squall-probe", "squall-stats"]),
    ("squall-report", &["squall-model", "squall-stats"]),
];

/// What the words of an experiment must never pull in, not even by way of another crate.
const NOT_IN_THE_MODEL: [&str; 4] = ["tokio", "clap", "axum", "ratatui"];

/// No source file may be longer than this.
const MOST_LINES: usize = 600;

/// Files longer than this are named, because they want to be two.
const MANY_LINES: usize = 400;

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("tests/e2e is two folders deep").to_owned()
}

/// What a program says in the root of the repository; `None` when it answers no.
#[expect(clippy::disallowed_methods, reason = "a test asks cargo and git about the repository")]
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("could not run {program}: {error}"));
    if output.status.code() == Some(1) && output.stderr.is_empty() {
        return None;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// All packages that are linked in, and who needs whom, as cargo resolves it.
struct Packages {
    metadata: Value,
}

impl Packages {
    fn read() -> Self {
        let host = ask("rustc", &["-vV"]).expect("rustc knows its version");
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
        let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
        let metadata = ask(env!("CARGO"), &arguments).expect("cargo knows the workspace");
        Self { metadata: serde_json::from_str(&metadata).expect("cargo speaks JSON") }
    }

    /// Packages of the workspace, by name.
    fn own(&self) -> BTreeMap<&str, &Value> {
        let members = list(&self.metadata["workspace_members"]);
        let own = list(&self.metadata["packages"]).iter();
        own.filter(|package| members.contains(&package["id"]))
            .map(|package| (text(&package["name"]), package))
            .collect()
    }

    /// Packages from elsewhere that are built for this platform.
    fn strangers(&self) -> Vec<&Value> {
        let nodes = list(&self.metadata["resolve"]["nodes"]).iter();
        let built: BTreeSet<&str> = nodes.map(|node| text(&node["id"])).collect();
        let packages = list(&self.metadata["packages"]).iter();
        packages
            .filter(|package| !package["source"].is_null() && built.contains(text(&package["id"])))
            .collect()
    }

    /// The names of all packages that this one is built with, near and far, without its tests.
    fn everything_in(&self, name: &str) -> BTreeSet<&str> {
        let nodes = list(&self.metadata["resolve"]["nodes"]).iter();
        let nodes: BTreeMap<&str, &Value> = nodes.map(|node| (text(&node["id"]), node)).collect();
        let packages = list(&self.metadata["packages"]).iter();
        let names: BTreeMap<&str, &str> =
            packages.map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let mut found = BTreeSet::new();
        let mut ahead = vec![text(&self.own()[name]["id"])];
        while let Some(id) = ahead.pop() {
            for needed in list(&nodes[id]["deps"]) {
                let kinds = list(&needed["dep_kinds"]);
                let id = text(&needed["pkg"]);
                if kinds.iter().any(|kind| kind["kind"] != "dev") && found.insert(id) {
                    ahead.push(id);
                }
            }
        }
        found.into_iter().map(|id| names[id]).collect()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// Every Rust file below this folder.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Every Rust file in `crates/*/src`, by its path in the repository, with its text.
fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).expect("crates") {
        rust_files(&entry.expect("an entry").path().join("src"), &mut paths);
    }
    assert!(paths.len() > 100, "only {} files were found", paths.len());
    paths.sort();
    let root = root();
    let shown = |path: &Path| path.strip_prefix(&root).expect("below it").display().to_string();
    paths.iter().map(|path| (shown(path), std::fs::read_to_string(path).expect("a source file"))).collect()
}

#[test]
fn crates_know_only_whom_they_may_know() {
    let packages = Packages::read();
    let own = packages.own();
    let mut seen = Vec::new();
    for (name, may_know) in ARROWS {
        let package = own.get(name).unwrap_or_else(|| panic!("{name} is gone: draw it anew"));
        for needed in list(&package["dependencies"]) {
            let needed = text(&needed["name"]);
            if own.contains_key(needed) && !may_know.contains(&needed) {
                seen.push(format!("{name} -> {needed}"));
            }
        }
    }
    assert!(seen.is_empty(), "forbidden arrows: {seen:?}");
    let drawn: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let free = BTreeSet::from(["squall", "squall-e2e"]);
    let undrawn: Vec<_> = own.keys().filter(|name| !drawn.contains(*name) && !free.contains(*name)).collect();
    assert!(undrawn.is_empty(), "no arrows are drawn for {undrawn:?}");
}

#[test]
fn nobody_knows_the_command_line() {
    let packages = Packages::read();
    for (name, package) in packages.own() {
        let mut needed = list(&package["dependencies"]).iter();
        assert!(!needed.any(|needed| needed["name"] == "squall"), "{name} -> squall");
    }
}

#[test]
fn the_model_is_plain_data() {
    let packages = Packages::read();
    let inside = packages.everything_in("squall-model");
    assert!(inside.contains("serde"), "the walk found nothing: {inside:?}");
    for heavy in NOT_IN_THE_MODEL {
        assert!(!inside.contains(heavy), "squall-model pulls in {heavy}");
    }
}

#[test]
fn only_host_has_unsafe_code() {
    let allowed: Vec<String> = sources()
        .into_iter()
        .filter(|(_, source)| source.contains("allow(unsafe_code)"))
        .map(|(path, _)| path)
        .collect();
    for path in allowed {
        assert!(path.starts_with("crates/host/src/sys"), "{path} allows unsafe code");
    }
}

#[test]
fn source_files_stay_small() {
    let mut too_long = Vec::new();
    for (path, source) in sources() {
        let lines = source.lines().count();
        if lines > MOST_LINES {
            too_long.push(format!("{path}: {lines}"));
        } else if lines > MANY_LINES {
            println!("{path} has {lines} lines and wants to be two files");
        }
    }
    assert!(too_long.is_empty(), "over {MOST_LINES} lines: {too_long:?}");
}

/// Whether a line of Rust prints by itself; comments do not.
fn prints(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["print", "println", "eprint", "eprintln"].iter().any(|name| {
        code.match_indices(&format!("{name}!(")).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
        })
    })
}

#[test]
fn only_the_printer_prints() {
    assert!(prints("    std::println!(\"here\");") && prints("eprint!(\"{x}\")"));
    assert!(!prints("//! println!(\"an example\");") && !prints("fn sprint!("));
    for (path, source) in sources() {
        if path.starts_with("crates/cli/src/printer") {
            continue;
        }
        for (number, line) in source.lines().enumerate() {
            assert!(!prints(line), "{path}:{} prints: {line}", number + 1);
        }
    }
}

#[test]
fn every_crate_says_what_it_is_for() {
    let packages = Packages::read();
    for (name, package) in packages.own() {
        assert!(package["description"].is_string(), "{name} has no description");
        for target in list(&package["targets"]) {
            let kinds = list(&target["kind"]);
            if kinds.iter().any(|kind| kind == "lib" || kind == "bin") {
                let path = text(&target["src_path"]);
                let source = std::fs::read_to_string(path).expect("a source file");
                assert!(source.starts_with("//!"), "{path} does not begin with crate docs");
            }
        }
    }
}

/// deny.toml as cargo-deny reads it.
fn policy() -> toml_edit::DocumentMut {
    let policy = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    policy.parse().expect("TOML")
}

/// Whether a licence expression can be met with allowed licences: one side of each `OR`, all of
/// each `AND`. Old crates write `/` for `OR`.
fn may_link(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace(['(', ')'], " ").replace('/', " OR ");
    // `AND` of groups first: in this graph brackets stand only around an `OR` inside of an `AND`.
    expression.split(" AND ").all(|group| group.split(" OR ").any(|licence| allowed.contains(licence.trim())))
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let policy = policy();
    let allowed = policy["licenses"]["allow"].as_array().expect("a list");
    let allowed: BTreeSet<String> =
        allowed.iter().filter_map(|licence| licence.as_str().map(str::to_owned)).collect();
    assert!(allowed.contains("MIT") && !may_link("GPL-3.0-only", &allowed));
    assert!(may_link("(MIT OR GPL-2.0) AND Unicode-3.0", &allowed));
    assert!(!may_link("MIT AND GPL-2.0", &allowed));
    for package in Packages::read().strangers() {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or("no licence");
        assert!(may_link(licence, &allowed), "{name} is under {licence}");
    }
}

#[test]
fn no_banned_crate_is_linked_in() {
    let policy = policy();
    let banned = policy["bans"]["deny"].as_array().expect("a list");
    // Which crates may have one all the same (`wrappers`) is for cargo-deny to see.
    let everywhere = banned
        .iter()
        .filter_map(toml_edit::Value::as_inline_table)
        .filter(|ban| ban.get("wrappers").is_none());
    let banned: Vec<&str> = everywhere.filter_map(|ban| ban.get("crate")?.as_str()).collect();
    assert!(banned.contains(&"serde_yaml"), "the list was not read: {banned:?}");
    let packages = Packages::read();
    for package in packages.strangers() {
        let name = text(&package["name"]);
        assert!(!banned.contains(&name), "{name} is banned, see deny.toml");
    }
}

/// Where the dependencies come from, as the lock file says: one place for all of them.
fn registry() -> String {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let sources: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert!(sources.len() > 100, "only {} sources were found", sources.len());
    let first = sources[0].trim_matches('"');
    for source in &sources {
        assert_eq!(source.trim_matches('"'), first, "a dependency comes from elsewhere");
    }
    first.to_owned()
}

#[test]
fn every_dependency_comes_from_the_one_registry() {
    assert!(registry().starts_with("registry+"), "{}", registry());
}

#[test]
fn no_address_of_a_registry_is_in_the_repository() {
    // The name of the registry is the last part of its source, without what is said of its index.
    let source = registry();
    let name = source.rsplit('/').next().and_then(|last| last.split('-').next()).expect("a name");
    assert!(name.contains('.'), "`{name}` is no name of a host");
    let found = ask("git", &["grep", "-nIF", name, "--", ".", ":!*Cargo.lock"]);
    assert!(found.is_none(), "{}", found.unwrap_or_default());
    let settings = root().join(".cargo/config.toml");
    let settings = std::fs::read_to_string(settings).unwrap_or_default();
    assert!(!settings.contains("replace-with"), "registries are a person's own settings");
}
