//! The proxy in front of a service: one that the run starts as a service of its own, or one that is there already.

use std::collections::BTreeMap;

use squall_model::measure::{HttpFact, HttpProbe, HttpRequest, Probe};
use squall_model::target::{Control, Find, Service, Start};
use squall_model::template::Template;
use squall_model::traffic::{Protocol, Via};
use squall_model::unit::Unit;

use crate::code::Code;
use crate::document::traffic::ProxyDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::text;

/// A proxy, and the service that is started for it.
pub(crate) struct Planned {
    pub(crate) via: Via,
    pub(crate) service: Option<Service>,
}

/// The proxy in front of a service of this name, or `None` with a mistake noted.
pub(crate) fn proxy(
    name: &str,
    written: &At<ProxyDocument>,
    names: &[String],
    notes: &mut Notes<'_>,
) -> Option<Planned> {
    let ProxyDocument { listen, upstream, protocol, api, name: named } = &written.value;
    if let Some(api) = api {
        let strays = [
            ("upstream", upstream.as_ref().map(|at| at.place)),
            ("protocol", protocol.as_ref().map(|at| at.place)),
        ];
        stray(&strays, "`api` names a proxy that knows it already", notes)?;
        let name = named
            .as_ref()
            .map_or(Some(name), |named| text::name(named, "a proxy", notes).then_some(named.value.as_str()));
        return Some(Planned {
            via: Via { api: text::url(api, &[], notes)?, name: name?.to_owned() },
            service: None,
        });
    }
    stray(
        &[("name", named.as_ref().map(|at| at.place))],
        "the run's own proxy is named after its service",
        notes,
    )?;
    let Some(upstream) = upstream else {
        let message = "the proxy does not know where to pass the traffic on to";
        let mistake = Mistake::new(Code::MissingKey, message, written.place, "needs `upstream`");
        notes.mistake(mistake.help("add `upstream: \"127.0.0.1:6379\"`"));
        return None;
    };
    let own = format!("{name}-proxy");
    if names.contains(&own) {
        let message = format!("there is a service `{own}` already, and the proxy of `{name}` is named so");
        notes.mistake(Mistake::new(Code::DuplicateKey, message, written.place, "two services of one name"));
        return None;
    }
    let listen = text::template(listen.as_ref()?, &[], notes);
    let upstream = text::template(upstream, &[], notes);
    let (listen, upstream) = (listen?, upstream?);
    let address = format!("127.0.0.1:{{port:{own}-api}}");
    let api = format!("http://{address}");
    let mut words = vec!["{squall}", "proxy", "--listen", &address, "--name", name];
    words.extend(["--from", &listen.0, "--to", &upstream.0]);
    if let Some(protocol) = protocol.as_ref().map(|at| at.value).filter(|one| *one != Protocol::Tcp) {
        words.extend(["--protocol", protocol.name()]);
    }
    let run = words.into_iter().map(Template::from).collect();
    let service = Service {
        name: own,
        find: Find::Start(Start { run, count: 1, env: BTreeMap::new(), dir: None, restart_after: None }),
        control: Control::default(),
        health: Some(answers(&api)),
        proxy: None,
    };
    Some(Planned { via: Via { api: Template(api), name: name.to_owned() }, service: Some(service) })
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
    Probe::Http(Box::new(HttpProbe {
        request: HttpRequest {
            url: Template(format!("{api}/version")),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
            ca: None,
        },
        read: HttpFact::Latency,
        login: None,
        unit: Unit::Seconds,
    }))
}
