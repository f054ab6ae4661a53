//! The parameters of each kind of fault.

use squall_model::fault::{Amount, Fault};
use squall_model::plan::Window;
use squall_model::template::Template;
use squall_model::traffic::Via;
use squall_model::unit::{Percent, Span};

use crate::code::Code;
use crate::document::fault::{
    CgroupLimitDocument, CommandFaultDocument, DiskFillDocument, InjectDocument, ProcessKillDocument,
};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::{text, traffic};

const COMMAND_TIMEOUT: Span = Span::seconds(10);

/// The fault, or `None` with a mistake noted. `windows` are those that it will be on in, `percent` is the share of the
/// traffic, and `via` the proxy that it passes.
pub(crate) fn fault(
    inject: &InjectDocument,
    windows: Option<&[Window]>,
    percent: Percent,
    via: Option<&Via>,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let shortest = windows
        .and_then(|windows| windows.iter().map(|window| window.until.saturating_sub(window.from.0)).min());
    let fits = |span: Option<&At<Span>>, what: &str, notes: &mut Notes<'_>| match (span, shortest) {
        (Some(span), Some(shortest)) if span.value.0 > shortest => {
            let message =
                format!("{what} of {} does not fit into a window of {}", span.value, Span(shortest));
            notes.mistake(Mistake::new(Code::WindowOutside, message, span.place, "longer than the fault"));
            None
        }
        _ => Some(()),
    };
    Some(match inject {
        InjectDocument::ProcessKill(ProcessKillDocument { signal, scope, expect_restart }) => {
            if let Some(zero) = expect_restart.as_ref().filter(|at| at.value.is_zero()) {
                notes.mistake(Mistake::new(Code::Zero, "nothing restarts in no time", zero.place, "zero"));
                return None;
            }
            Fault::ProcessKill {
                signal: signal.unwrap_or_default(),
                scope: scope.unwrap_or_default(),
                expect_restart: expect_restart.as_ref().map(|at| at.value),
            }
        }
        InjectDocument::ProcessPause(pause) => {
            Fault::ProcessPause { scope: pause.scope.unwrap_or_default(), by: pause.by.unwrap_or_default() }
        }
        InjectDocument::CpuStress(stress) => {
            let percent = positive(&stress.percent, notes);
            let workers = stress.workers.as_ref().map(|at| number(at, 1, 1_024, notes));
            Fault::CpuStress {
                percent: percent?,
                workers: workers.map_or(Some(None), |workers| workers.map(Some))?,
            }
        }
        InjectDocument::MemoryPressure(memory) => {
            let amount = amount(&memory.amount, notes);
            fits(memory.ramp.as_ref(), "a ramp", notes)?;
            Fault::MemoryPressure {
                amount: amount?,
                ramp: memory.ramp.as_ref().map_or(Span::ZERO, |at| at.value),
            }
        }
        InjectDocument::DiskFill(DiskFillDocument { path, amount: written }) => {
            let amount = amount(written, notes);
            let path = folder(path, notes);
            Fault::DiskFill { path: path?, amount: amount? }
        }
        InjectDocument::InodeExhaustion(inodes) => {
            let path = folder(&inodes.path, notes);
            let percent =
                inodes.percent.as_ref().map_or(Some(Percent(100.0)), |percent| positive(percent, notes));
            Fault::InodeExhaustion { path: path?, percent: percent? }
        }
        InjectDocument::PortExhaustion(ports) => {
            let first = number(&ports.first, 1024, 65_535, notes);
            let last = number(&ports.last, first.unwrap_or(1024), 65_535, notes);
            Fault::PortExhaustion { first: first? as u16, last: last? as u16 }
        }
        InjectDocument::FdExhaustion(files) => Fault::FdExhaustion {
            percent: files
                .percent
                .as_ref()
                .map_or(Some(Percent(100.0)), |percent| positive(percent, notes))?,
        },
        InjectDocument::PidExhaustion(pids) => Fault::PidExhaustion {
            spare: pids.spare.as_ref().map_or(Some(0), |spare| number(spare, 0, 1_000_000, notes))?,
        },
        InjectDocument::CgroupLimit(limit) => cgroup_limit(&limit.value, limit.place, notes)?,
        InjectDocument::ServiceStop(_) => Fault::ServiceStop {},
        InjectDocument::ServiceKill(_) => Fault::ServiceKill {},
        InjectDocument::ServiceRestart(_) => Fault::ServiceRestart {},
        InjectDocument::ServiceScale(scale) => {
            let to = number(&scale.to, 0, 1_000, notes);
            fits(scale.every.as_ref(), "a step", notes)?;
            if let Some(zero) = scale.every.as_ref().filter(|at| at.value.is_zero()) {
                notes.mistake(
                    Mistake::new(Code::Zero, "no time between two steps", zero.place, "zero")
                        .help("leave `every` out for all at once"),
                );
                return None;
            }
            Fault::ServiceScale { to: to?, every: scale.every.as_ref().map(|at| at.value) }
        }
        InjectDocument::Tcp(tcp) => traffic::tcp(&tcp.value, tcp.place, percent, notes)?,
        InjectDocument::Udp(udp) => traffic::udp(&udp.value, udp.place, percent, notes)?,
        InjectDocument::Http(http) => traffic::http(&http.value, http.place, percent, notes)?,
        InjectDocument::Websocket(websocket) => {
            traffic::websocket(&websocket.value, websocket.place, percent, notes)?
        }
        InjectDocument::Postgres(postgres) => {
            traffic::postgres(&postgres.value, postgres.place, percent, notes)?
        }
        InjectDocument::Tls(tls) => {
            let standing = via.and_then(|via| via.tls.as_ref());
            traffic::tls(&tls.value, tls.place, percent, standing, notes)?
        }
        InjectDocument::Redis(redis) => traffic::redis(&redis.value, redis.place, percent, notes)?,
        InjectDocument::Command(command) => command_fault(command, notes)?,
    })
}

fn command_fault(
    CommandFaultDocument { inject, undo, check, timeout }: &CommandFaultDocument,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let inject = text::argv(inject, &[], notes);
    let undo = text::argv(undo, &[], notes);
    let check = text::argv(check, &[], notes);
    if let Some(zero) = timeout.as_ref().filter(|at| at.value.is_zero()) {
        notes.mistake(Mistake::new(Code::Zero, "a timeout of zero lets nothing run", zero.place, "zero"));
        return None;
    }
    let timeout = timeout.as_ref().map_or(COMMAND_TIMEOUT, |at| at.value);
    Some(Fault::Command { inject: inject?, undo: undo?, check: check?, timeout })
}

fn cgroup_limit(
    CgroupLimitDocument { cpu, memory, pids }: &CgroupLimitDocument,
    place: Place,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    if cpu.is_none() && memory.is_none() && pids.is_none() {
        let mistake = Mistake::new(Code::MissingChoice, "no limit is given", place, "limits nothing");
        notes.mistake(mistake.help("give at least one of `cpu`, `memory` and `pids`"));
        return None;
    }
    let cpu = cpu.as_ref().map(|cpu| positive(cpu, notes));
    let pids = pids.as_ref().map(|pids| number(pids, 1, 4_194_304, notes));
    let memory = match memory {
        Some(memory) if memory.value.0 == 0 => {
            notes.mistake(Mistake::new(Code::Zero, "no process lives without memory", memory.place, "zero"));
            return None;
        }
        memory => memory.as_ref().map(|at| at.value),
    };
    Some(Fault::CgroupLimit {
        cpu: cpu.map_or(Some(None), |cpu| cpu.map(Some))?,
        memory,
        pids: pids.map_or(Some(None), |pids| pids.map(Some))?,
    })
}

fn positive(percent: &At<Percent>, notes: &mut Notes<'_>) -> Option<Percent> {
    if percent.value.0 > 0.0 {
        return Some(percent.value);
    }
    notes.mistake(Mistake::new(
        Code::Zero,
        "zero per cent would change nothing sensible",
        percent.place,
        "more than 0 %",
    ));
    None
}

fn amount(amount: &At<Amount>, notes: &mut Notes<'_>) -> Option<Amount> {
    let nothing = match amount.value {
        Amount::Bytes(bytes) => bytes.0 == 0,
        Amount::Percent(percent) => percent.0 <= 0.0,
    };
    if nothing {
        notes.mistake(Mistake::new(Code::Zero, "an amount of zero changes nothing", amount.place, "zero"));
        return None;
    }
    Some(amount.value)
}

fn number(number: &At<u32>, least: u32, most: u32, notes: &mut Notes<'_>) -> Option<u32> {
    if (least..=most).contains(&number.value) {
        return Some(number.value);
    }
    let message = format!("{} is outside of {least} to {most}", number.value);
    notes.mistake(Mistake::new(Code::OutOfRange, message, number.place, format!("{least} to {most}")));
    None
}

/// A folder of a filesystem that may be filled: absolute, and not the root of them all.
fn folder(path: &At<String>, notes: &mut Notes<'_>) -> Option<Template> {
    if !path.value.starts_with(['/', '{']) {
        notes.mistake(text::relative(path));
        return None;
    }
    let mut depth = 0_usize;
    for part in path.value.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.saturating_sub(1),
            _ => depth += 1,
        }
    }
    if depth == 0 {
        let mistake = Mistake::new(
            Code::RootFilesystem,
            "the root filesystem is never filled",
            path.place,
            "the root filesystem",
        );
        notes.mistake(mistake.help("name a folder on a filesystem of its own, such as a tmpfs or a volume"));
        return None;
    }
    text::template(path, &[], notes)
}
