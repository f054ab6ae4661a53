//! Where a fault acts: on the host, or on a service that can be reached and controlled.

use squall_model::target::{Find, Service};
use squall_model::traffic::Protocol;

use super::Around;
use crate::code::Code;
use crate::document::fault::{FaultDocument, InjectDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::draw;
use crate::plan::draw::Choice;
use crate::plan::proxy::no_proxy;
use crate::word::Pick;

/// The service, and how its instances are chosen.
#[derive(Clone, Debug)]
pub(crate) struct On {
    pub(crate) service: At<String>,
    pub(crate) choice: Choice,
    acts: Acts,
}

impl On {
    /// Whether single instances are hit.
    pub(crate) fn is_divisible(&self) -> bool {
        self.acts == Acts::Instances
    }

    /// Whether a stage can hit a share of what the fault hits in full.
    pub(crate) fn has_shares(&self) -> bool {
        matches!(self.acts, Acts::Instances | Acts::Traffic)
    }
}

/// Where a fault acts.
pub(super) enum Where {
    Host,
    Service(On),
}

/// What a fault acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acts {
    Host,
    Instances,
    Service,
    Traffic,
}

/// Where it acts, or `None` with a mistake noted.
pub(super) fn place(
    name: &At<String>,
    written: &FaultDocument,
    inject: &At<InjectDocument>,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<Where> {
    let (kind, acts) = kind(&inject.value);
    if acts == Acts::Host {
        if let Some(on) = &written.on {
            let mistake = Mistake::new(
                Code::NeedlessOn,
                format!("`{kind}` acts on the whole host"),
                on.place,
                "cannot be narrowed",
            );
            notes.mistake(
                mistake.help("leave `on` out; `cgroup-limit` and the `process-...` faults act on a service"),
            );
            return None;
        }
        if let Some(pick) = &written.pick {
            notes.mistake(Mistake::new(
                Code::NeedlessPick,
                format!("`{kind}` acts on the whole host"),
                pick.place,
                "nothing to choose from",
            ));
            return None;
        }
        return Some(Where::Host);
    }
    let Some(on) = &written.on else {
        let mistake = Mistake::new(
            Code::MissingOn,
            format!("`{kind}` needs a service to act on"),
            name.place,
            "needs `on`",
        );
        let first = around.target.and_then(|known| known.names.last()).map_or("NAME", String::as_str);
        notes.mistake(mistake.help(format!("write `on: {{ service: {first} }}`")));
        return None;
    };
    let on = on.value.0.as_ref()?;
    let service = &on.service;
    let choice = choice(written, on.instances.as_ref(), (kind, acts), notes);
    if let Some(known) = around.target {
        if !known.names.contains(&service.value) {
            notes.unknown(Code::UnknownService, "service", &service.value, service.place, &known.names);
            return None;
        }
        if let Some(found) = known.target.services.get(&service.value) {
            controllable(found, &inject.value, service.place, notes)?;
            reachable(found, (kind, acts), service.place, notes)?;
            if let (Find::Start(start), Some(choice)) = (&found.find, &choice) {
                let eligible = draw::started(&found.name, start.count);
                choice.check(&found.name, &eligible, notes)?;
            }
        }
    }
    Some(Where::Service(On { service: service.clone(), choice: choice?, acts }))
}

/// Whether the service has what the fault acts on: a proxy, or processes.
fn reachable(
    service: &Service,
    (kind, acts): (&str, Acts),
    place: Place,
    notes: &mut Notes<'_>,
) -> Option<()> {
    if acts == Acts::Traffic {
        if let Some(via) = &service.proxy {
            let other = via.protocol.filter(|own| !protocol(kind).is_none_or(|hit| own.can_be_hit_as(hit)));
            let Some(other) = other else { return Some(()) };
            let message = format!(
                "`{kind}` cannot hit what the proxy in front of `{}` reads as `{other}`",
                service.name
            );
            let mistake = Mistake::new(Code::OtherProtocol, message, place, format!("`protocol: {other}`"));
            notes.mistake(mistake.help(if kind == Protocol::Udp.name() {
                "datagrams need a proxy of their own: `proxy: { protocol: udp }`"
            } else {
                "leave `protocol` out of the service's `proxy`, or write the one that it speaks"
            }));
            return None;
        }
        let message = format!("`{kind}` needs a proxy in front of `{}`", service.name);
        notes.mistake(no_proxy(message, place));
        return None;
    }
    if service.find != (Find::Elsewhere {}) {
        return Some(());
    }
    let message = format!("`{}` has no processes on this machine", service.name);
    notes.mistake(
        Mistake::new(Code::NoControl, message, place, "is elsewhere")
            .help("`tcp`, `udp`, `http`, `websocket`, `redis`, `postgres` and `tls` act on its traffic"),
    );
    None
}

/// What a fault of this kind reads the traffic as.
fn protocol(kind: &str) -> Option<Protocol> {
    use Protocol::{Http, Postgres, Redis, Tcp, Tls, Udp, Websocket};
    [Tcp, Udp, Http, Websocket, Redis, Postgres, Tls].into_iter().find(|protocol| protocol.name() == kind)
}

fn choice(
    written: &FaultDocument,
    instances: Option<&At<Vec<At<String>>>>,
    (kind, acts): (&str, Acts),
    notes: &mut Notes<'_>,
) -> Option<Choice> {
    if acts == Acts::Service || acts == Acts::Traffic {
        let needless = written.pick.as_ref().map(|pick| pick.place).or(instances.map(|list| list.place));
        if let Some(place) = needless {
            let mistake = Mistake::new(
                Code::NeedlessPick,
                format!("`{kind}` acts on the service as a whole"),
                place,
                "nothing to choose",
            );
            notes.mistake(mistake.help(if acts == Acts::Traffic {
                "`percent: 30 %` hits a share of the traffic"
            } else {
                "`process-kill` and `process-pause` hit single instances"
            }));
            return None;
        }
        return Some(Choice::All);
    }
    match (&written.pick, instances) {
        (Some(pick), Some(names)) => {
            let mistake = Mistake::new(
                Code::SeveralPicks,
                "`pick` and `on.instances` both choose",
                pick.place,
                "chooses",
            );
            notes.mistake(mistake.related(names.place, "chooses as well").help("leave one of them out"));
            None
        }
        (None, None) => Some(Choice::All),
        (None, Some(names)) => Choice::names(&names.value, names.place, notes),
        (Some(At { value: Pick::Names(names), place }), None) => Choice::names(names, *place, notes),
        (Some(At { value: Pick::Count(0), place }), None) => {
            notes.mistake(Mistake::new(Code::Zero, "no instance would be hit", *place, "at least 1"));
            None
        }
        (Some(At { value: Pick::Count(count), place }), None) => Some(Choice::Count(*count, *place)),
        (Some(At { value: Pick::Percent(share), place }), None) if share.0 <= 0.0 => {
            notes.mistake(Mistake::new(Code::Zero, "no instance would be hit", *place, "more than 0 %"));
            None
        }
        (Some(At { value: Pick::Percent(share), .. }), None) => Some(Choice::Percent(*share)),
    }
}

pub(super) fn kind(inject: &InjectDocument) -> (&'static str, Acts) {
    match inject {
        InjectDocument::ProcessKill(_) => ("process-kill", Acts::Instances),
        InjectDocument::ProcessPause(_) => ("process-pause", Acts::Instances),
        InjectDocument::CpuStress(_) => ("cpu-stress", Acts::Host),
        InjectDocument::MemoryPressure(_) => ("memory-pressure", Acts::Host),
        InjectDocument::DiskFill(_) => ("disk-fill", Acts::Host),
        InjectDocument::InodeExhaustion(_) => ("inode-exhaustion", Acts::Host),
        InjectDocument::PortExhaustion(_) => ("port-exhaustion", Acts::Host),
        InjectDocument::FdExhaustion(_) => ("fd-exhaustion", Acts::Instances),
        InjectDocument::PidExhaustion(_) => ("pid-exhaustion", Acts::Instances),
        InjectDocument::CgroupLimit(_) => ("cgroup-limit", Acts::Instances),
        InjectDocument::ServiceStop(_) => ("service-stop", Acts::Service),
        InjectDocument::ServiceKill(_) => ("service-kill", Acts::Service),
        InjectDocument::ServiceRestart(_) => ("service-restart", Acts::Service),
        InjectDocument::ServiceScale(_) => ("service-scale", Acts::Service),
        InjectDocument::Tcp(_) => ("tcp", Acts::Traffic),
        InjectDocument::Udp(_) => ("udp", Acts::Traffic),
        InjectDocument::Http(_) => ("http", Acts::Traffic),
        InjectDocument::Websocket(_) => ("websocket", Acts::Traffic),
        InjectDocument::Postgres(_) => ("postgres", Acts::Traffic),
        InjectDocument::Redis(_) => ("redis", Acts::Traffic),
        InjectDocument::Tls(_) => ("tls", Acts::Traffic),
        InjectDocument::Command(_) => ("command", Acts::Host),
    }
}

/// Whether squall can do that to a service which it did not start.
fn controllable(
    service: &Service,
    inject: &InjectDocument,
    place: Place,
    notes: &mut Notes<'_>,
) -> Option<()> {
    let control = &service.control;
    let (is_started, is_unit) =
        (matches!(service.find, Find::Start(_)), matches!(service.find, Find::Unit(_)));
    let own = is_started || is_unit;
    let lacking = match inject {
        InjectDocument::ServiceStop(_) => !own && (control.stop.is_none() || control.start.is_none()),
        InjectDocument::ServiceKill(_) => !own && control.start.is_none(),
        InjectDocument::ServiceRestart(_) => {
            !own && control.restart.is_none() && (control.stop.is_none() || control.start.is_none())
        }
        InjectDocument::ServiceScale(_) => !is_started && control.scale.is_none(),
        _ => false,
    };
    if !lacking {
        return Some(());
    }
    let (verb, help) = match inject {
        InjectDocument::ServiceStop(_) => ("stop and start", "control: { stop: [...], start: [...] }"),
        InjectDocument::ServiceKill(_) => ("start", "control: { start: [...] }"),
        InjectDocument::ServiceRestart(_) => ("restart", "control: { restart: [...] }"),
        _ => ("scale", "control: { scale: [..., \"{count}\"] }"),
    };
    let message = format!("nothing says how to {verb} `{}`", service.name);
    notes.mistake(
        Mistake::new(Code::NoControl, message, place, "needs `control` in the target")
            .help(format!("add `{help}` to the service")),
    );
    None
}
