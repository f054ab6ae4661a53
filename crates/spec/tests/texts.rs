//! Texts that go with the product: templates, examples, schemas, manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use squall_model::fault::Fault;
use squall_model::id::ProcessRef;
use squall_model::target::{Find, Instance, Inventory, Target};
use squall_spec::explain::{explain, words};
use squall_spec::render::Theme;
use squall_spec::schema::{Kind, schema, text};
use squall_spec::template::{FIRST, template, templates};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One process for every service that must be there already.
fn survey(target: &Target) -> Inventory {
    let found = target.services.values().filter(|service| !matches!(service.find, Find::Start(_)));
    let instance =
        |name: &str| Instance { name: format!("{name}-1"), process: Some(ProcessRef { pid: 7, started: 1 }) };
    Inventory {
        services: found.map(|service| (service.name.clone(), vec![instance(&service.name)])).collect(),
    }
}

fn is_right(name: &str, document: &str) {
    let read = squall_spec::read(name, document, &|_| Err("none".to_owned()));
    let planned = read.and_then(|draft| draft.plan(survey(draft.target()), Some(1)));
    let (plan, lints) = planned.unwrap_or_else(|mistakes| panic!("{}", mistakes.render(Theme::PLAIN)));
    let lints: Vec<_> =
        lints.0.iter().map(|(_, lint)| lint.code.name()).filter(|code| *code != "no-faults").collect();
    assert!(lints.is_empty(), "{name}: {lints:?}");
    assert!(!plan.description.is_empty(), "{name} does not say what is believed");
}

// U1: `squall init`
#[test]
fn every_template_is_an_experiment_without_mistakes() {
    for template in templates() {
        is_right(template.name, template.text);
        assert!(template.text.starts_with("# yaml-language-server: $schema="), "{}", template.name);
        assert!(template.text.contains(&format!("\nname: {}\n", template.name)), "{}", template.name);
    }
    assert!(template(FIRST).is_some());
}

#[test]
fn every_example_is_an_experiment_without_mistakes() {
    let mut examples = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            is_right(path.file_name().unwrap().to_str().unwrap(), &fs::read_to_string(&path).unwrap());
            examples += 1;
        }
    }
    assert!(examples >= 5, "only {examples} examples");
}

// E1: editors complete keys from these.
#[test]
fn the_committed_schemas_are_fresh() {
    for kind in Kind::ALL {
        let file = format!("schema/{}.schema.json", kind.name());
        let committed = fs::read_to_string(root().join(&file)).unwrap_or_default();
        assert!(committed == text(kind), "{file} is stale: run `squall schema {} > {file}`", kind.name());
    }
}

#[test]
fn every_property_of_a_schema_has_a_hover_text() {
    fn walk(value: &serde_json::Value, path: &str) {
        if let Some(properties) = value["properties"].as_object() {
            for (name, property) in properties {
                let path = format!("{path}.{name}");
                let described = property["description"].as_str().is_some_and(|text| text.len() > 5);
                // The two hand-written forms are described where they are used.
                assert!(
                    described || ["json", "matches", "lab"].contains(&name.as_str()),
                    "{path} has no description"
                );
            }
        }
        match value {
            serde_json::Value::Object(object) => {
                for (key, inner) in object {
                    walk(inner, &format!("{path}.{key}"));
                }
            }
            serde_json::Value::Array(list) => list.iter().for_each(|inner| walk(inner, path)),
            _ => {}
        }
    }
    for kind in Kind::ALL {
        let schema = schema(kind);
        assert_eq!(schema["additionalProperties"], false);
        walk(&schema, kind.name());
    }
}

#[test]
fn every_code_and_every_fault_has_a_manual_page() {
    for word in words() {
        assert!(explain(word).is_some_and(|page| page.len() > 20), "{word}");
    }
    for kind in Fault::KINDS {
        assert!(words().contains(&kind));
    }
    let page = explain("disk-fill").unwrap();
    assert!(page.contains("  path    A folder on it. (needed)"), "{page}");
    assert_eq!(explain("nonsense"), None);
    assert_eq!(squall_spec::explain::nearest("unknwon-key").as_deref(), Some("unknown-key"));
}
