//! Proxies as JSON: bodies of the API, and the config file, which is a list of them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::address::{Address, Network};
use crate::protocol::Protocol;
use crate::proxy::Plan;
use crate::refusal::Refusal;
use crate::server::Change;
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
    let known = ["name", "listen", "upstream", "enabled", "protocol", "idle_timeout", "toxics"];
    object.keys().filter(move |key| !known.contains(&key.as_str())).cloned()
}

/// A whole proxy. `place` tells which one of a list it is.
pub(crate) fn plan(value: &Value, place: &str) -> Result<Read<Plan>, Refusal> {
    let object = object(value)?;
    let missing = |field: &str| Refusal::Missing(format!("{field}{place}"));
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
            for document in list {
                let (toxic, unknown) = Toxic::read(document)?;
                toxics.push(toxic);
                ignored.extend(unknown);
            }
        }
        Some(other) => return Err(bad(format!("toxics must be a list, not {other}"))),
    }
    for (index, toxic) in toxics.iter().enumerate() {
        if toxics[..index].iter().any(|other| other.name == toxic.name) {
            return Err(Refusal::ToxicExists);
        }
    }
    let enabled = flag(object, "enabled")?.unwrap_or(true);
    let protocol = protocol(object)?;
    let idle_timeout = idle_timeout(object)?;
    let value = Plan { name: name.to_owned(), listen, upstream, enabled, protocol, idle_timeout, toxics };
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
        idle_timeout: idle_timeout(object)?,
    };
    Ok(Read { value: change, ignored: unknown(object).collect() })
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
        let read = plan(value, &format!(" at proxy {}", index + 1))?;
        all.value.push(read.value);
        all.ignored.extend(read.ignored);
    }
    Ok(all)
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
        assert_eq!(plans(b"").unwrap_err().to_string(), "bad request body: EOF");
        assert!(plans(br#"{"name": "a"}"#).unwrap_err().to_string().contains("list"));
        let error = plan(&serde_json::json!({"name": "a", "upstream": "nowhere"}), "").unwrap_err();
        assert!(error.to_string().contains("HOST:PORT"), "{error}");
    }

    #[test]
    fn nothing_is_open_to_other_machines_unless_it_is_asked_for() {
        let read = plan(&serde_json::json!({"name": "a", "upstream": "b:1"}), "").unwrap();
        assert_eq!(read.value.listen.to_string(), "127.0.0.1:0");
    }
}
