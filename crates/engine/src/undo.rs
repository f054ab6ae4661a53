//! Carrying out an undo: by the run, its warden, or a later command. Always the same code.
//!
//! An undo is acted and then proved, again and again until its time is over: an undo may meet a zombie, a port that is
//! still held, or a service that starts slowly.

use std::path::Path;
use std::time::Duration;

use squall_host::cgroup::{self, Group, Home};
use squall_host::disk::Space;
use squall_host::limit::{self, Bounds};
use squall_host::process::{Process, State};
use squall_host::restoration::Restoration;
use squall_host::signal::Signal;
use squall_host::{clock, mark, redirect};
use squall_model::id::ProcessRef;
use squall_model::target::Find;
use squall_model::template::{Argv, Template};
use squall_model::undo::{Resource, Undo};

use crate::filling::Filling;
use crate::plural;
use crate::program;
use crate::proxy_api::{ProxyApi, Sight};
use crate::reason::reason;
use crate::recast::{process, recast};
use crate::survey;

/// Time for an undo that does not bring its own.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// A signal that was sent takes effect within it, on a machine that is not overwhelmed.
const STAYS_FOR: Duration = Duration::from_millis(100);
/// Between two attempts at the same undo.
const RETRY: Duration = Duration::from_millis(250);

/// Who is there to carry it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// The run itself: its supervisor restarts services.
    Run,
    /// Only the journal is left: what the run supervised went with it.
    Journal,
}

/// Carries out one undo until it is measured to be done; the proof, or why not.
pub fn execute(undo: &Undo, filling: &Filling, lives: Lives) -> Result<String, String> {
    let until = clock::since_boot() + patience(undo);
    let mut act_again = Duration::ZERO;
    let mut acted = Ok(None);
    loop {
        if clock::since_boot() >= act_again {
            acted = act(undo, filling);
            if let Ok(Some(proof)) = &acted {
                return Ok(filling.redact(proof));
            }
            act_again = clock::since_boot() + RETRY;
        }
        let why = match prove_for_good(undo, filling, lives) {
            Ok(proof) => return Ok(filling.redact(&proof)),
            Err(why) => why,
        };
        if clock::since_boot() >= until {
            let cause = acted.err().map(|cause| format!(" ({cause})")).unwrap_or_default();
            return Err(filling.redact(&format!("{why}{cause}")));
        }
        std::thread::sleep(PAUSE);
    }
}

fn patience(undo: &Undo) -> Duration {
    match undo {
        Undo::Resume { within, .. } | Undo::StartService { within, .. } | Undo::ScaleBack { within, .. } => {
            within.0
        }
        Undo::Run { timeout, .. } => timeout.0 * 2,
        _ => PATIENCE,
    }
}

/// Does what takes the change back. Harmless to repeat. Gives the proof where the act itself ends by measuring.
fn act(undo: &Undo, filling: &Filling) -> Result<Option<String>, String> {
    match undo {
        // It looks through all processes until it has twice seen none: looking a third time would only cost.
        Undo::KillMarked { mark } => {
            mark::kill_marked(mark, PATIENCE).map(Some).map_err(|error| reason(&error))
        }
        undo => act_only(undo, filling).map(|()| None),
    }
}

fn act_only(undo: &Undo, filling: &Filling) -> Result<(), String> {
    match undo {
        Undo::KillMarked { mark } | Undo::FreeSpace { mark, .. } => {
            mark::kill_marked(mark, PATIENCE).map(drop).map_err(|error| reason(&error))
        }
        Undo::Continue { processes } => {
            let mut failed = Ok(());
            for one in processes {
                // One that cannot be reached must not keep the others stopped.
                if let Err(error) = process(*one).signal(Signal::Cont) {
                    failed = Err(reason(&error));
                }
            }
            failed
        }
        Undo::LeaveGroup { group, homes } => {
            let group: Group = recast(group).map_err(|error| error.to_string())?;
            let homes: Vec<Home> = recast(homes).map_err(|error| error.to_string())?;
            group.remove(&homes, PATIENCE).map(drop).map_err(|error| reason(&error))
        }
        Undo::RestoreValue { path, wrote, previous } => {
            cgroup::restore(Path::new(path), wrote, previous).map(drop).map_err(|error| reason(&error))
        }
        Undo::RestoreLimit { .. } => restore_limit(undo).map(drop),
        // Others do it: the supervisor, and for a table the kernel, with the proxy, whose end is a debt of its own.
        Undo::Resume { .. } | Undo::StartService { start: None, .. } | Undo::EndRedirect { .. } => Ok(()),
        Undo::StartService { service, find, count, start: Some(start), .. } => {
            if found(service, find, filling)? >= *count {
                return Ok(());
            }
            program::succeed(&filled(start, filling)?, PATIENCE, None)
        }
        Undo::ScaleBack { service, find, count, scale, .. } => {
            if found(service, find, filling)? == *count {
                return Ok(());
            }
            program::succeed(&filled(scale, filling)?, PATIENCE, None)
        }
        Undo::Run { undo, check, timeout, mark } => {
            mark::kill_marked(mark, PATIENCE).map_err(|error| reason(&error))?;
            // A check that cannot say is no reason to leave the change.
            if is_gone(check, filling, timeout.0) == Ok(true) {
                return Ok(());
            }
            program::succeed(&filled(undo, filling)?, timeout.0, None)
        }
        Undo::RemoveToxic { api, proxy, toxic } => proxy_api(api, proxy, filling)?.remove(toxic),
        Undo::RemoveFile { path } => match std::fs::remove_file(path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("remove {path}: {error}")),
        },
    }
}

/// A service that looks whole may be about to lose a process to a signal sent a moment ago: it must stay whole.
fn prove_for_good(undo: &Undo, filling: &Filling, lives: Lives) -> Result<String, String> {
    let proof = prove(undo, filling, lives)?;
    if !matches!(undo, Undo::StartService { .. } | Undo::ScaleBack { .. }) {
        return Ok(proof);
    }
    std::thread::sleep(STAYS_FOR);
    prove(undo, filling, lives)
}

/// Measures that the change is gone.
fn prove(undo: &Undo, filling: &Filling, lives: Lives) -> Result<String, String> {
    match undo {
        Undo::KillMarked { mark } => none_marked(mark),
        Undo::FreeSpace { mark, path } => {
            none_marked(mark)?;
            let space = Space::of(Path::new(path)).map_err(|error| reason(&error))?;
            let available =
                squall_model::unit::Quantity::new(space.available as f64, squall_model::unit::Unit::Bytes);
            Ok(format!("{available} available again on {path}"))
        }
        Undo::Continue { processes } => going(processes),
        Undo::LeaveGroup { group, .. } => {
            let left = group.places.iter().find(|place| Path::new(&place.directory).exists());
            match left {
                Some(place) => Err(format!("{} is still there", place.directory)),
                None => Ok(format!("the cgroup squall/{} is gone", group.name)),
            }
        }
        Undo::RestoreValue { path, wrote, previous } => {
            let restoration =
                cgroup::restore(Path::new(path), wrote, previous).map_err(|error| reason(&error))?;
            Ok(restored(path, &restoration))
        }
        Undo::RestoreLimit { process, resource, .. } => {
            Ok(restored(&format!("{resource} of {process}"), &restore_limit(undo)?))
        }
        Undo::Resume { service, .. } if lives == Lives::Journal => {
            Ok(format!("{service} ended with the run that had started it"))
        }
        Undo::Resume { service, .. } => Err(format!("{service} is its supervisor's to start")),
        Undo::StartService { service, find, count, .. } => {
            let there = found(service, find, filling)?;
            let text = format!("{service} has {there} of {count} instances");
            if there >= *count { Ok(text) } else { Err(text) }
        }
        Undo::ScaleBack { service, find, count, .. } => {
            let there = found(service, find, filling)?;
            let text = format!("{service} has {there} of {count} instances");
            if there == *count { Ok(text) } else { Err(text) }
        }
        Undo::Run { check, timeout, .. } => {
            if is_gone(check, filling, timeout.0)? {
                Ok("its check says that it is gone".to_owned())
            } else {
                Err("its check says that it is still in effect".to_owned())
            }
        }
        Undo::RemoveToxic { api, proxy, toxic } => match proxy_api(api, proxy, filling)?.see(toxic)? {
            Sight::Gone => Ok(format!("the proxy {proxy} has no toxic {toxic}")),
            Sight::Nobody => Ok(format!("the proxy {proxy} has ended, and the toxic {toxic} with it")),
            Sight::InForce(_) => Err(format!("the proxy {proxy} still has the toxic {toxic}")),
        },
        Undo::EndRedirect { table } => {
            if redirect::is_there(table).map_err(|error| reason(&error))? {
                Err(format!("the table {table} still redirects connections"))
            } else {
                Ok(format!("the table {table} is gone: connections go directly"))
            }
        }
        Undo::RemoveFile { path } => match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(format!("{path} is gone")),
            Err(error) => Err(format!("look at {path}: {error}")),
            Ok(_) => Err(format!("{path} is still there")),
        },
    }
}

fn none_marked(mark: &str) -> Result<String, String> {
    let left = mark::marked(mark).map_err(|error| reason(&error))?;
    match left.len() {
        0 => Ok(format!("no process is marked {mark}")),
        count => Err(format!("still marked {mark}: {}", plural::processes(count))),
    }
}

/// No process is stopped; one that is gone cannot be.
fn going(processes: &[ProcessRef]) -> Result<String, String> {
    let mut gone = 0;
    for one in processes {
        match process(*one).state().map_err(|error| reason(&error))? {
            Some(State::Stopped) => return Err(format!("{one} is still stopped")),
            None | Some(State::Zombie | State::Dead) => gone += 1,
            Some(_) => {}
        }
    }
    let going = plural::processes(processes.len() - gone);
    Ok(match gone {
        0 => format!("not stopped any more: {going}"),
        gone => format!("not stopped any more: {going}; gone: {gone}"),
    })
}

fn proxy_api(api: &Template, proxy: &str, filling: &Filling) -> Result<ProxyApi, String> {
    let api = filling.fill(api).map_err(|error| reason(&error))?;
    Ok(ProxyApi { api, proxy: proxy.to_owned() })
}

fn restore_limit(undo: &Undo) -> Result<Restoration, String> {
    let Undo::RestoreLimit { process: one, resource, wrote, previous } = undo else {
        return Err("it is no limit".to_owned());
    };
    let resource = host_resource(*resource);
    let one: Process = process(*one);
    if !one.is_alive().map_err(|error| reason(&error))? {
        return Ok(Restoration::Gone);
    }
    let bounds = limit::read(one, resource).map_err(|error| reason(&error))?;
    limit::restore(one, resource, *wrote, Bounds { soft: *previous, ..bounds })
        .map_err(|error| reason(&error))
}

/// The host's name of a limit.
pub(crate) fn host_resource(resource: Resource) -> limit::Resource {
    match resource {
        Resource::OpenFiles => limit::Resource::Descriptors,
        Resource::Processes => limit::Resource::Tasks,
    }
}

/// Somebody else's value is none of ours: nothing of squall is left there, and it is said so.
fn restored(what: &str, restoration: &Restoration) -> String {
    format!("{what}: {restoration}")
}

fn found(service: &str, find: &Find, filling: &Filling) -> Result<u32, String> {
    let found = survey::processes(service, find, filling).map_err(|error| reason(&error))?;
    let mut there = 0;
    for one in found {
        // One that is killed at this moment can still be found, and is not there any more.
        let doomed = process(one).is_doomed();
        if let Err(error) = &doomed
            && process(one).is_alive().unwrap_or(true)
        {
            return Err(reason(error));
        }
        there += u32::from(matches!(doomed, Ok(false)));
    }
    Ok(there)
}

/// The check exits with 1 when the change is gone and with 0 while it is in effect.
fn is_gone(check: &Argv, filling: &Filling, timeout: Duration) -> Result<bool, String> {
    program::says(&filled(check, filling)?, timeout).map(|says| !says)
}

/// The journal keeps references; their values are read when they are needed.
fn filled(argv: &Argv, filling: &Filling) -> Result<Vec<String>, String> {
    filling.fill_all(argv).map_err(|error| reason(&error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::path::PathBuf;

    use super::*;

    /// An API of a proxy that says yes to everything, and so has every toxic that it is asked for.
    fn agreeable() -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        format!("http://{at}")
    }

    // S3: what counts is what is measured, and not what was answered.
    #[test]
    fn a_toxic_that_its_proxy_still_has_is_not_undone_whatever_was_answered() {
        let filling = Filling::new(PathBuf::new(), PathBuf::new(), BTreeMap::new());
        let undo = |api| Undo::RemoveToxic { api: Template(api), proxy: "p".into(), toxic: "t".into() };
        let why = execute(&undo(agreeable()), &filling, Lives::Journal).unwrap_err();
        assert!(why.starts_with("the proxy p still has the toxic t"), "{why}");
        // Nobody listens there: with the proxy its toxics have ended.
        let gone = TcpListener::bind(("127.0.0.9", 0)).unwrap().local_addr().unwrap();
        let proof = execute(&undo(format!("http://{gone}")), &filling, Lives::Journal).unwrap();
        assert_eq!(proof, "the proxy p has ended, and the toxic t with it");
    }
}
