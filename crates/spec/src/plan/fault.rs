//! Faults: parameters, place, times and conditions.

use squall_model::fault::Fault;
use squall_model::plan::{Condition, PlannedFault};
use squall_model::target::{Find, Service};
use squall_model::traffic::{Protocol, Via};
use squall_model::unit::{Percent, Span};

use crate::code::Code;
use crate::document::fault::{FaultDocument, InjectDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::draw::Choice;
use crate::plan::expect::{Reads, expect};
use crate::plan::proxy::no_proxy;
use crate::plan::target::Known;
use crate::plan::{parameter, text, window};
use crate::word::Pick;

/// A fault whose instances and windows are not drawn yet.
#[derive(Clone, Debug)]
pub(crate) struct Drafted {
    /// With all of its windows, and without a selection.
    pub(crate) fault: PlannedFault,
    pub(crate) on: Option<On>,
    pub(crate) chance: Option<At<Percent>>,
    pub(crate) place: Place,
}

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

/// What faults may refer to.
pub(crate) struct Around<'a> {
    pub(crate) duration: Option<&'a At<Span>>,
    /// `None` where the target could not be read.
    pub(crate) target: Option<&'a Known>,
    /// All measures as written, where they could be read, and what those read that could be planned.
    pub(crate) measures: Option<&'a [String]>,
    pub(crate) reads: &'a [(String, Reads)],
}

/// The fault, or `None` with a mistake noted.
pub(crate) fn fault(
    name: &At<String>,
    written: &FaultDocument,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<Drafted> {
    let named = text::name(name, "a fault", notes);
    let windows = window::windows(written, around.duration, notes);
    let chance = written.chance.clone();
    if let Some(zero) = chance.as_ref().filter(|chance| chance.value.0 <= 0.0) {
        notes.mistake(Mistake::new(
            Code::Zero,
            "with a chance of zero the fault never takes place",
            zero.place,
            "zero",
        ));
    }
    let when = written.when.as_ref().map(|when| condition(when, around, notes));
    let inject = written.inject.as_ref()?;
    let percent = share(written, inject, notes);
    let via = via(written, around);
    let fault = parameter::fault(&inject.value, windows.as_deref(), percent.unwrap_or(ALL), via, notes);
    let on = place(name, written, inject, around, notes);
    percent?;
    let fault = fault?;
    let on = match on? {
        Where::Host => None,
        Where::Service(on) => Some(on),
    };
    if let Fault::ProcessKill { expect_restart: None, .. } = &fault {
        lint_restart(name, on.as_ref(), around, notes);
    }
    let when = when.map_or(Some(None), |when| when.map(Some))?;
    if !named {
        return None;
    }
    let fault = PlannedFault { name: name.value.clone(), fault, on: None, windows: windows?, when };
    Some(Drafted { fault, on, chance, place: name.place })
}

const ALL: Percent = Percent(100.0);

/// The proxy in front of the service that the fault names, where there is one.
fn via<'a>(written: &FaultDocument, around: &Around<'a>) -> Option<&'a Via> {
    let service = &written.on.as_ref()?.value.0.as_ref()?.service;
    around.target?.target.services.get(&service.value)?.proxy.as_ref()
}

/// The share of the traffic that is hit, or `None` with a mistake noted.
fn share(written: &FaultDocument, inject: &At<InjectDocument>, notes: &mut Notes<'_>) -> Option<Percent> {
    let (kind, acts) = kind(&inject.value);
    match &written.percent {
        None => Some(ALL),
        Some(percent) if acts != Acts::Traffic => {
            let message = format!("`{kind}` does not act on traffic");
            let mistake = Mistake::new(Code::NeedlessPick, message, percent.place, "a share of what?");
            notes.mistake(mistake.help("`pick: 50 %` chooses a share of the instances"));
            None
        }
        Some(zero) if zero.value.0 <= 0.0 => {
            let message = "a share of zero hits nothing";
            notes.mistake(Mistake::new(Code::Zero, message, zero.place, "more than 0 %"));
            None
        }
        Some(percent) => Some(percent.value),
    }
}

/// Where a fault acts.
enum Where {
    Host,
    Service(On),
}

/// Where it acts, or `None` with a mistake noted.
fn place(
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
                let eligible = super::draw::started(&found.name, start.count);
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

/// What a fault acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acts {
    Host,
    Instances,
    Service,
    Traffic,
}

fn kind(inject: &InjectDocument) -> (&'static str, Acts) {
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

fn condition(
    when: &At<crate::shape::Map<At<String>>>,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<Condition> {
    let (measure, is) = match when.value.0.as_slice() {
        [entry] => entry,
        [] => {
            let mistake =
                Mistake::new(Code::MissingChoice, "`when` waits for nothing", when.place, "needs a measure");
            notes.mistake(mistake.help("write `when: { MEASURE: \"> 0\" }`"));
            return None;
        }
        [(first, _), (second, _), ..] => {
            let mistake = Mistake::new(
                Code::SeveralChoices,
                "a fault waits for one measure only",
                second.place,
                "a second measure",
            );
            notes.mistake(mistake.related(first.place, "the first"));
            return None;
        }
    };
    if let Some(known) = around.measures.filter(|known| !known.contains(&measure.value)) {
        notes.unknown(Code::UnknownMeasure, "measure", &measure.value, measure.place, known);
        return None;
    }
    let (_, reads) = around.reads.iter().find(|(name, _)| *name == measure.value)?;
    Some(Condition { measure: measure.value.clone(), is: expect(is.as_ref()?, *reads, notes)? })
}

fn lint_restart(name: &At<String>, on: Option<&On>, around: &Around<'_>, notes: &mut Notes<'_>) {
    let service = on.and_then(|on| around.target?.target.services.get(&on.service.value));
    let Some(service) = service else { return };
    let restarted = match &service.find {
        Find::Start(start) => start.restart_after.is_some(),
        Find::Unit(_) => true,
        _ => false,
    };
    if !restarted {
        let message = format!("nobody is known to start the killed processes of `{}` again", service.name);
        let lint = Mistake::new(Code::NoRestart, message, name.place, "who restarts?");
        notes.lint(
            lint.help(
                "say so with `expect-restart: 10s`, or let squall start the service with `restart-after`",
            ),
        );
    }
}
