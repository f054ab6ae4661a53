//! Proxies as JSON: bodies of the API, and the config file, which is a list of them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::address::{Address, Network};
use crate::protocol::{self, Protocol};
use crate::proxy::Plan;
use crate::refusal::Refusal;
use crate::server::Change;
use crate::tls;
use crate::toxic::Toxic;

/// Where a proxy listens when nobody says: at a port of the kernel's choice, seen by this machine only.
const LISTEN: Address = Address::Tcp { host: String::new(), port: 0 };

/// Names are shown in logs and metrics.
const LONGEST_NAME: usize = 200;

/// Something read, and fields that mean nothing here.
#[derive(Debug)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// Fields that were ignored.
    pub ignored: Vec<String>,
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::BadBody(text.into())
}

/// Reads JSON. Field names are in any case, as in Go: they come back in lower case; within the attributes of a
/// toxic only the first level is, since below it names are what a rule makes of them.
///
/// # Errors
/// Where it is no JSON.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    if body.trim_ascii().is_empty() {
        return Err(bad("EOF"));
    }
    serde_json::from_slice(body).map(|value| lower(value, 0)).map_err(|error| bad(error.to_string()))
}

fn lower(value: Value, in_attributes: usize) -> Value {
    match value {
        Value::Object(object) if in_attributes < 2 => Value::Object(
            object
                .into_iter()
                .map(|(key, value)| {
                    let key = key.to_ascii_lowercase();
                    let depth = if in_attributes > 0 || key == "attributes" { in_attributes + 1 } else { 0 };
                    (key, lower(value, depth))
                })
                .collect(),
        ),
        Value::Array(list) if in_attributes == 0 => {
            Value::Array(list.into_iter().map(|value| lower(value, 0)).collect())
        }
        other => other,
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| bad("a proxy is a JSON object"))
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Refusal> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(bad(format!("{key} must be a text, not {other}"))),
    }
}

fn address(object: &Map<String, Value>, key: &str) -> Result<Option<Address>, Refusal> {
    text(object, key)?.map(|text| text.parse().map_err(|error| bad(format!("{key}: {error}")))).transpose()
}

fn flag(object: &Map<String, Value>, key: &str) -> Result<Option<bool>, Refusal> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(bad(format!("{key} must be true or false, not {other}"))),
    }
}

fn protocol(object: &Map<String, Value>) -> Result<Option<Protocol>, Refusal> {
    match object.get("protocol") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            serde_json::from_value(value.clone()).map(Some).map_err(|error| bad(format!("protocol: {error}")))
        }
    }
}

fn tls(object: &Map<String, Value>) -> Result<Option<tls::Rule>, Refusal> {
    match object.get("tls") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(rule)) => {
            protocol::read(rule).map(Some).map_err(|mistake| bad(format!("tls: {mistake}")))
        }
        Some(other) => Err(bad(format!("tls must be an object, not {other}"))),
    }
}

/// The longest idle time-out, a day in milliseconds.
const LONGEST_IDLE: f64 = 86_400_000.0;

fn idle_timeout(object: &Map<String, Value>) -> Result<Option<Duration>, Refusal> {
    match object.get("idle_timeout") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|millis| (1.0..=LONGEST_IDLE).contains(millis)) {
            Some(millis) => Ok(Some(Duration::from_millis(millis as u64))),
            None => Err(bad(format!(
                "idle_timeout must be a number of milliseconds from 1 to {LONGEST_IDLE}, not {value}"
            ))),
        },
    }
}

fn unknown(object: &Map<String, Value>) -> impl Iterator<Item = String> {
    let known = ["name", "listen", "upstream", "enabled", "protocol", "tls", "idle_timeout", "toxics"];
    object.keys().filter(move |key| !known.contains(&key.as_str())).cloned()
}

/// A whole proxy.
pub(crate) fn plan(value: &Value) -> Result<Read<Plan>, Refusal> {
    let object = object(value)?;
    let missing = |field: &str| Refusal::Missing(field.to_owned());
    let name = text(object, "name")?.ok_or_else(|| missing("name"))?;
    if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(bad(format!("a name has at most {LONGEST_NAME} bytes and no control character")));
    }
    let upstream = address(object, "upstream")?.ok_or_else(|| missing("upstream"))?;
    let listen = address(object, "listen")?.unwrap_or(LISTEN);
    // Nothing that was not asked for by name is open to other machines.
    let (host, port) = ("127.0.0.1".to_owned(), 0);
    let listen = match (listen == LISTEN, upstream.network()) {
        (true, Network::Stream) => Address::Tcp { host, port },
        (true, Network::Datagram) => Address::Udp { host, port },
        (false, _) => listen,
    };
    let mut ignored: Vec<String> = unknown(object).collect();
    let mut toxics = Vec::new();
    match object.get("toxics") {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) => {
            for (index, document) in list.iter().enumerate() {
                let place = format!("toxic {}", index + 1);
                let (toxic, unknown) = Toxic::read(document).map_err(|refusal| refusal.at(&place))?;
                if toxics.iter().any(|other: &Toxic| other.name == toxic.name) {
                    return Err(Refusal::ToxicExists.at(&place));
                }
                toxics.push(toxic);
                ignored.extend(unknown);
            }
        }
        Some(other) => return Err(bad(format!("toxics must be a list, not {other}"))),
    }
    let enabled = flag(object, "enabled")?.unwrap_or(true);
    let value = Plan {
        name: name.to_owned(),
        listen,
        upstream,
        enabled,
        protocol: protocol(object)?,
        tls: tls(object)?,
        idle_timeout: idle_timeout(object)?,
        toxics,
    };
    value.check()?;
    Ok(Read { value, ignored })
}

/// What is changed of a proxy.
pub(crate) fn change(value: &Value) -> Result<Read<Change>, Refusal> {
    let object = object(value)?;
    let change = Change {
        listen: address(object, "listen")?,
        upstream: address(object, "upstream")?,
        enabled: flag(object, "enabled")?,
        protocol: protocol(object)?,
        tls: tls(object)?,
        idle_timeout: idle_timeout(object)?,
    };
    // Toxics have pages of their own.
    let toxics = object.get("toxics").filter(|toxics| toxics.as_array().is_none_or(|list| !list.is_empty()));
    Ok(Read { value: change, ignored: unknown(object).chain(toxics.map(|_| "toxics".to_owned())).collect() })
}

/// What a change of a toxic says and nobody does: unknown fields, and another name, type or stream.
pub(crate) fn ignored_by_change(change: &Value, toxic: &Value) -> Vec<String> {
    let kept = |key: &str, value: &Value| match key {
        "attributes" | "toxicity" | "ttl" | "seed" | "clients" => true,
        _ => toxic.get(key) == Some(value),
    };
    let fields = change.as_object().into_iter().flatten();
    fields.filter(|(key, value)| !kept(key, value)).map(|(key, _)| key.clone()).collect()
}

/// Reads a list of proxies with their toxics: the config file of Toxiproxy, and the body of `populate`. All of it is
/// checked before anything is made.
///
/// # Errors
/// The first mistake.
pub fn plans(body: &[u8]) -> Result<Read<Vec<Plan>>, Refusal> {
    let value = parse(body)?;
    let list = value.as_array().ok_or_else(|| bad("expected a list of proxies"))?;
    let mut all = Read { value: Vec::with_capacity(list.len()), ignored: Vec::new() };
    for (index, value) in list.iter().enumerate() {
        let place = format!("proxy {}", index + 1);
        let read =
            plan(value).and_then(|read| apart(&all.value, read)).map_err(|refusal| refusal.at(&place))?;
        all.value.push(read.value);
        all.ignored.extend(read.ignored);
    }
    Ok(all)
}

/// A proxy that has neither the name nor the place of one before it in its list.
fn apart(before: &[Plan], read: Read<Plan>) -> Result<Read<Plan>, Refusal> {
    if before.iter().any(|other| other.name == read.value.name) {
        return Err(Refusal::ProxyExists);
    }
    let listen = &read.value.listen;
    let is_any = listen.host().is_some_and(|(_, port)| port == 0);
    match before.iter().find(|other| !is_any && other.listen == *listen) {
        Some(other) => Err(bad(format!("listen: {listen} is where `{}` listens", other.name))),
        None => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_any_case_and_names_within_a_rule_are_kept() {
        let body = br#"[{"Name": "a", "UPSTREAM": "b:1", "Toxics": [
            {"Type": "latency", "Attributes": {"Latency": 5}}]}]"#;
        let read = plans(body).unwrap();
        assert_eq!(read.value[0].toxics[0].document()["attributes"]["latency"], 5);
        let lowered = parse(br#"{"Attributes": {"Set": {"X-Mine": "Yes"}}}"#).unwrap();
        assert_eq!(lowered, serde_json::json!({"attributes": {"set": {"X-Mine": "Yes"}}}));
    }

    #[test]
    fn a_mistake_says_in_which_proxy_it_is() {
        let error = plans(br#"[{"name": "a", "upstream": "b:1"}, {"upstream": "b:1"}]"#).unwrap_err();
        assert_eq!(error.to_string(), "missing required field: name at proxy 2");
        for (list, expected) in [
            (
                r#"[{"name": "a", "upstream": "b:1"}, {"name": "c", "upstream": "b:1", "toxics": [{"type": "latency"},
                    {"type": "slicer"}]}]"#,
                "bad request body: attribute average_size must be from 1 to 1000000000, not 0 at toxic 2 of proxy 2",
            ),
            (
                r#"[{"name": "a", "upstream": "b:1", "toxics": [{"type": "latency"}, {"type": "latency"}]}]"#,
                "toxic already exists at toxic 2 of proxy 1",
            ),
            (
                r#"[{"name": "a", "upstream": "b:1"}, {"name": "a", "upstream": "c:1"}]"#,
                "proxy already exists at proxy 2",
            ),
            (
                r#"[{"name": "a", "upstream": "b:1", "listen": ":7"}, {"name": "c", "upstream": "b:1", "listen": ":7"}]"#,
                "bad request body: listen: :7 is where `a` listens at proxy 2",
            ),
        ] {
            assert_eq!(plans(list.as_bytes()).unwrap_err().to_string(), expected);
        }
        let wrong =
            plans(br#"[{"name": "a", "upstream": "b:1", "toxics": [{"type": "latncy"}]}]"#).unwrap_err();
        assert_eq!(wrong.of_file(), "toxic 1 of proxy 1: invalid toxic type");
        assert!(wrong.hint().unwrap().starts_with("`latncy` is none of latency, "));
        assert_eq!(plans(b"").unwrap_err().to_string(), "bad request body: EOF");
        assert!(plans(br#"{"name": "a"}"#).unwrap_err().to_string().contains("list"));
        let error = plan(&serde_json::json!({"name": "a", "upstream": "nowhere"})).unwrap_err();
        assert!(error.to_string().contains("HOST:PORT"), "{error}");
    }

    #[test]
    fn nothing_is_open_to_other_machines_unless_it_is_asked_for() {
        let read = plan(&serde_json::json!({"name": "a", "upstream": "b:1"})).unwrap();
        assert_eq!(read.value.listen.to_string(), "127.0.0.1:0");
    }
}
