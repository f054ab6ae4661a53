//! The proxy in front of a service: one that the run starts as a service of its own, or one that is there already.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use squall_model::measure::{HttpProbe, Probe};
use squall_model::target::{Control, Find, Service, Start};
use squall_model::template::{Reference, Template};
use squall_model::traffic::{Protocol, Via};

use crate::code::Code;
use crate::document::tls::OpeningDocument;
use crate::document::traffic::ProxyDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::{text, traffic};
use crate::word::Flag;

/// A proxy, and the service that is started for it.
pub(crate) struct Planned {
    pub(crate) via: Via,
    pub(crate) service: Option<Service>,
}

/// The proxy in front of a service of this name, or `None` with a mistake noted. `find` is how the service is found, as
/// far as that could be read.
pub(crate) fn proxy(
    name: &str,
    written: &At<ProxyDocument>,
    find: Option<&Find>,
    names: &[String],
    notes: &mut Notes<'_>,
) -> Option<Planned> {
    let ProxyDocument { listen, upstream, protocol, tls, transparent, api, name: named } = &written.value;
    if let Some(api) = api {
        let strays = [
            ("listen", listen.as_ref().map(|at| at.place)),
            ("upstream", upstream.as_ref().map(|at| at.place)),
            ("protocol", protocol.as_ref().map(|at| at.place)),
            ("tls", tls.as_ref().map(|at| at.place)),
            ("transparent", transparent.as_ref().map(|at| at.place)),
        ];
        stray(&strays, "`api` names a proxy that knows it already", notes)?;
        let name = named
            .as_ref()
            .map_or(Some(name), |named| text::name(named, "a proxy", notes).then_some(named.value.as_str()));
        return Some(Planned {
            via: Via {
                api: text::url(api, &[], notes)?,
                name: name?.to_owned(),
                redirect: None,
                tls: None,
                protocol: None,
            },
            service: None,
        });
    }
    let is_transparent = transparent.as_ref().is_some_and(|flag| flag.value == Flag::Yes);
    stray(
        &[("name", named.as_ref().map(|at| at.place))],
        "the run's own proxy is named after its service",
        notes,
    )?;
    let protocol = protocol.as_ref().map_or(Protocol::Tcp, |at| at.value);
    if is_transparent && protocol == Protocol::Udp {
        let place = transparent.as_ref().map(|at| at.place);
        stray(
            &[("transparent", place)],
            "clients of a proxy of datagrams are sent to where it listens",
            notes,
        )?;
    }
    if is_transparent {
        let listen = listen.as_ref().map(|at| at.place);
        stray(&[("listen", listen)], "nobody need know where a `transparent` proxy listens", notes)?;
    }
    let standing = match tls {
        Some(tls) => Some(opening(tls, protocol, notes)?),
        None => None,
    };
    let own = format!("{name}-proxy");
    if names.contains(&own) {
        let message = format!("there is a service `{own}` already, and the proxy of `{name}` is named so");
        notes.mistake(Mistake::new(Code::DuplicateKey, message, written.place, "two services of one name"));
        return None;
    }
    let listens = listen.as_ref().map(|at| at.place);
    let listen = match listen {
        Some(listen) => address(listen, notes)?,
        None => Template(format!("127.0.0.1:{{port:{own}}}")),
    };
    let upstream = match upstream {
        Some(upstream) => address(upstream, notes)?,
        None => own_address(name, find?, written.place, notes)?,
    };
    let plain = |at: &Template| at.0.replace("localhost:", "127.0.0.1:");
    if plain(&listen) == plain(&upstream) {
        let message = format!("the proxy of `{name}` would listen at its own upstream, {upstream}");
        let mistake = Mistake::new(Code::BadAddress, message, listens.unwrap_or(written.place), "taken");
        notes.mistake(mistake.help("leave `listen` out, or write another port"));
        return None;
    }
    let (listen, upstream) = (of(protocol, listen), of(protocol, upstream));
    let address = format!("127.0.0.1:{{port:{own}-api}}");
    let api = format!("http://{address}");
    let mut words = vec!["{squall}", "proxy", "--listen", &address, "--name", name];
    words.extend(["--from", &listen.0, "--to", &upstream.0]);
    match protocol {
        Protocol::Tcp | Protocol::Udp => {}
        // It begins as HTTP.
        Protocol::Websocket => words.extend(["--protocol", Protocol::Http.name()]),
        _ => words.extend(["--protocol", protocol.name()]),
    }
    let opened = tls.as_ref().map(|tls| traffic::as_written(&tls.value).to_string());
    if let Some(opened) = &opened {
        words.extend(["--tls", opened]);
    }
    if is_transparent {
        words.push("--transparent");
    }
    let run = words.into_iter().map(Template::from).collect();
    let service = Service {
        name: own.clone(),
        find: Find::Start(Start { run, count: 1, env: BTreeMap::new(), dir: None, restart_after: None }),
        control: Control::default(),
        health: Some(answers(&api)),
        proxy: None,
    };
    // As `squall proxy` names it.
    let redirect = is_transparent.then(|| Template(format!("squall-{{port:{own}}}")));
    let protocol = Some(protocol);
    let via = Via { api: Template(api), name: name.to_owned(), redirect, tls: standing, protocol };
    Some(Planned { via, service: Some(service) })
}

/// How TLS is opened for the whole run, in the words of the proxy's API.
fn opening(
    written: &At<OpeningDocument>,
    protocol: Protocol,
    notes: &mut Notes<'_>,
) -> Option<Map<String, Value>> {
    match protocol {
        Protocol::Udp => {
            stray(&[("tls", Some(written.place))], "datagrams have no TLS that could be opened", notes)?;
        }
        Protocol::Tcp => {
            let message = "nothing looks inside of what `tls` opens";
            let mistake = Mistake::new(Code::MissingKey, message, written.place, "needs `protocol`");
            notes.mistake(
                mistake.help("add `protocol: http`, `redis` or `postgres`; for bytes leave `tls` out"),
            );
            return None;
        }
        _ => {}
    }
    traffic::standing(&written.value, notes)
}

/// Where the service itself listens, as far as the target says so.
fn own_address(name: &str, find: &Find, place: Place, notes: &mut Notes<'_>) -> Option<Template> {
    let port = match find {
        Find::Port(port) => Some(port.to_string()),
        Find::Start(start) => {
            let words = start.run.iter().chain(start.env.values());
            let references: Vec<Reference> =
                words.filter_map(|word| word.references().ok()).flatten().collect();
            if references.contains(&Reference::Port(name.to_owned())) {
                Some(format!("{{port:{name}}}"))
            } else if references.contains(&Reference::OwnPort) && start.count == 1 {
                Some(format!("{{port:{name}-1}}"))
            } else {
                None
            }
        }
        _ => None,
    };
    if let Some(port) = port {
        return Some(Template(format!("localhost:{port}")));
    }
    let message = format!("nothing says on which port `{name}` listens, so its proxy cannot reach it");
    let help = match find {
        Find::Start(start) if start.count > 1 => {
            "a proxy has one upstream: add `upstream: \"127.0.0.1:{port:NAME}\"`, one instance or what stands in front of all"
                .to_owned()
        }
        Find::Start(_) => {
            format!("start it with `{{port:{name}}}`, or add `upstream: \"127.0.0.1:6379\"`")
        }
        _ => "add `upstream: \"127.0.0.1:6379\"`".to_owned(),
    };
    notes.mistake(Mistake::new(Code::MissingKey, message, place, "needs `upstream`").help(help));
    None
}

/// `HOST:PORT`, `udp://HOST:PORT` or `unix:/PATH`, where there may be references.
fn address(written: &At<String>, notes: &mut Notes<'_>) -> Option<Template> {
    let text = &written.value;
    let fits = match text.strip_prefix("udp://").unwrap_or(text).rsplit_once(':') {
        _ if text.contains(char::is_whitespace) => false,
        _ if text.contains('{') || text.starts_with("unix:/") => true,
        Some((host, port)) => port.parse::<u16>().is_ok() && !host.contains('/'),
        None => false,
    };
    if !fits {
        let message = format!("`{text}` is no address");
        let mistake = Mistake::new(Code::BadAddress, message, written.place, "expected HOST:PORT");
        notes.mistake(mistake.help("write for example `127.0.0.1:6379` or `unix:/run/x.sock`"));
        return None;
    }
    text::template(written, &[], notes)
}

/// An address of that protocol, in the words of `squall proxy`.
fn of(protocol: Protocol, address: Template) -> Template {
    if protocol == Protocol::Udp && !address.0.starts_with("udp://") {
        return Template(format!("udp://{}", address.0));
    }
    address
}

/// Keys that mean nothing beside another.
fn stray(keys: &[(&str, Option<Place>)], why: &str, notes: &mut Notes<'_>) -> Option<()> {
    let mut fine = Some(());
    for (key, place) in keys {
        if let Some(place) = place {
            let message = format!("`{key}` means nothing here");
            notes.mistake(Mistake::new(Code::SeveralChoices, message, *place, "not here").help(why));
            fine = None;
        }
    }
    fine
}

fn answers(api: &str) -> Probe {
    Probe::Http(Box::new(HttpProbe::latency(Template(format!("{api}/version")))))
}

/// Something needs a proxy in front of a service that has none.
pub(crate) fn no_proxy(message: String, place: Place) -> Mistake {
    Mistake::new(Code::NoControl, message, place, "needs `proxy` in the target").help(
        "add `proxy: {}` to the service and send its clients to `127.0.0.1:{port:SERVICE-proxy}`, or `proxy: { transparent: true }` where squall is root",
    )
}
