//! Every mistake that can be reported, as a person sees it: `mistakes/NAME.yaml` and its snapshot (S9).
//!
//! Files that begin with `target-` or `policy-` are such documents; all others are experiments.

#![allow(clippy::unwrap_used, reason = "a test may end at a broken file")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use squall_model::target::Inventory;
use squall_spec::code::Code;
use squall_spec::draft::{Loaded, decode, read_target};
use squall_spec::mistake::Mistakes;
use squall_spec::render::Theme;
use squall_spec::{policy, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")
}

fn target_file(name: &str) -> Loaded {
    let file =
        if Path::new(name).extension().is_some() { name.to_owned() } else { format!("targets/{name}.yaml") };
    match fs::read_to_string(folder().join(&file)) {
        Ok(text) => Ok((file, text)),
        Err(_) => Err("no such file beside the experiment".to_owned()),
    }
}

fn mistakes_in(path: &Path) -> Mistakes {
    let name = path.file_name().unwrap().to_str().unwrap();
    let text = match decode(name, fs::read(path).unwrap()) {
        Ok(text) => text,
        Err(mistakes) => return mistakes,
    };
    let found = if name.starts_with("target-") {
        read_target(name, &text).err()
    } else if name.starts_with("policy-") {
        policy::read(name, &text).err()
    } else {
        read(name, &text, &target_file).and_then(|draft| draft.plan(Inventory::default(), None)).err()
    };
    found.unwrap_or_else(|| panic!("{name} has no mistake"))
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

// S9
#[test]
fn every_mistake_is_shown_with_its_place_a_reason_and_help() {
    let files = files();
    assert!(files.len() >= 45, "only {} faulty files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(folder().join("shown"));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(name.as_str(), mistakes_in(&path).render(Theme::PLAIN)));
        }));
        if checked.is_err() {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "shown otherwise than in its snapshot: {}", wrong.join(", "));
}

#[test]
fn every_kind_of_mistake_has_a_file_that_shows_it() {
    // What cannot be in a file here: it is a lint, or needs a file of more than a MiB.
    let elsewhere = [
        Code::NoAbort,
        Code::NoOwner,
        Code::NoFaults,
        Code::NoRestart,
        Code::NoWindow,
        Code::StageSame,
        Code::Unjudged,
        Code::NoLag,
        Code::TooLarge,
        Code::NoReadings,
    ];
    let seen: Vec<Code> = files()
        .iter()
        .flat_map(|path| mistakes_in(path).iter().map(|(_, mistake)| mistake.code).collect::<Vec<_>>())
        .collect();
    let unseen: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| !seen.contains(code) && !elsewhere.contains(code))
        .map(|code| code.name())
        .collect();
    assert!(unseen.is_empty(), "no file shows {}", unseen.join(", "));
}
