//! JSON Schema, as much of draft 7 as schema/output/ uses. A key that is not known here fails the check.

use serde_json::Value;

/// Why a value is not of a schema.
pub(crate) fn check(value: &Value, schema: &Value) -> Result<(), String> {
    at(value, schema, schema, "$")
}

fn at(value: &Value, schema: &Value, root: &Value, path: &str) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Err(format!("{path}: the schema is no object")) };
    for (rule, wanted) in rules {
        let fits = match rule.as_str() {
            "$schema" | "title" | "description" | "definitions" => true,
            "$ref" => {
                let place = wanted.as_str().unwrap().trim_start_matches('#');
                at(value, root.pointer(place).unwrap(), root, path)?;
                true
            }
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
                kind => is(value, kind),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "const" => wanted == value,
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap()),
            "minProperties" => {
                value.as_object().is_none_or(|map| map.len() as u64 >= wanted.as_u64().unwrap())
            }
            "maxProperties" => {
                value.as_object().is_none_or(|map| map.len() as u64 <= wanted.as_u64().unwrap())
            }
            "required" => value.as_object().is_none_or(|map| {
                wanted.as_array().unwrap().iter().all(|name| map.contains_key(name.as_str().unwrap()))
            }),
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    at(item, wanted, root, &format!("{path}[{number}]"))?;
                }
                true
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(name) {
                        at(inner, schema, root, &format!("{path}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known =
                    |name: &String| rules.get("properties").is_some_and(|known| known.get(name).is_some());
                for (name, inner) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name))
                {
                    match wanted {
                        Value::Bool(false) => return Err(format!("{path}: `{name}` is not known")),
                        schema => at(inner, schema, root, &format!("{path}.{name}"))?,
                    }
                }
                true
            }
            "oneOf" => {
                let tried: Vec<_> =
                    wanted.as_array().unwrap().iter().map(|schema| at(value, schema, root, path)).collect();
                if tried.iter().filter(|tried| tried.is_ok()).count() != 1 {
                    return Err(format!("{path}: not exactly one of {tried:?}"));
                }
                true
            }
            unknown => return Err(format!("{path}: the rule `{unknown}` is not known to the check")),
        };
        if !fits {
            return Err(format!("{path}: {value} is against {rule}: {wanted}"));
        }
    }
    Ok(())
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let schema = serde_json::json!({
        "type": "object", "properties": { "a": { "type": ["integer", "null"] } }, "required": ["a"],
        "additionalProperties": false,
    });
    assert!(check(&serde_json::json!({ "a": null }), &schema).is_ok());
    for wrong in
        [serde_json::json!({ "a": "1" }), serde_json::json!({}), serde_json::json!({ "a": 1, "b": 2 })]
    {
        assert!(check(&wrong, &schema).is_err(), "{wrong}");
    }
}
