//! A hook for tests of what a crash leaves behind: `SQUALL_TEST_KILL=WHO@BOUNDARY[:FAULT]`.
//!
//! `WHO` is `run`, `warden` or `both`; they are killed with SIGKILL when the run reaches that boundary for the first
//! time, of that fault (`NAME`, `NAME (stage 2)`) where one is named. It is of no use otherwise and therefore not in `--help`.

use std::cell::Cell;
use std::rc::Rc;
use std::str::FromStr;

use squall_engine::boundary::Boundary;
use squall_engine::driver::AtBoundary;
use squall_host::process::Process;
use squall_host::signal::Signal;
use squall_model::event::FaultRef;

/// Who is killed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestKill {
    who: Who,
    boundary: Boundary,
    fault: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Run,
    Warden,
    Both,
}

impl FromStr for TestKill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("SQUALL_TEST_KILL is `{text}`, which is not WHO@BOUNDARY[:FAULT]");
        let (who, rest) = text.split_once('@').ok_or_else(wrong)?;
        let (boundary, fault) = match rest.split_once(':') {
            Some((boundary, fault)) => (boundary, Some(fault.to_owned())),
            None => (rest, None),
        };
        let who = match who {
            "run" => Who::Run,
            "warden" => Who::Warden,
            "both" => Who::Both,
            _ => return Err(wrong()),
        };
        Ok(Self { who, boundary: boundary.parse().map_err(|_| wrong())?, fault })
    }
}

impl TestKill {
    /// What the run calls at every boundary.
    pub(crate) fn hook(&self) -> AtBoundary {
        let kill = self.clone();
        let done = Cell::new(Done::No);
        Rc::new(move |boundary: Boundary, fault: Option<&FaultRef>, warden: Option<u32>| {
            let is_named = kill.fault.as_deref().is_none_or(|name| {
                fault.is_some_and(|fault| fault.name == name || fault.to_string() == name)
            });
            if done.get() == Done::Yes || boundary != kill.boundary || !is_named {
                return;
            }
            done.set(Done::Yes);
            if kill.who != Who::Run {
                end(warden.and_then(|pid| Process::of(pid).ok().flatten()));
            }
            if kill.who != Who::Warden {
                end(Process::current().ok());
            }
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Yes,
    No,
}

fn end(process: Option<Process>) {
    // A test that sees nobody die fails by itself.
    let _ = process.map(|process| process.signal(Signal::Kill));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_names_who_and_when_and_refuses_anything_else() {
        let kill: TestKill = "both@after-change:half".parse().unwrap();
        assert_eq!(
            (kill.who, kill.boundary, kill.fault.as_deref()),
            (Who::Both, Boundary::AfterChange, Some("half"))
        );
        assert!("run@before-owed".parse::<TestKill>().unwrap().fault.is_none());
        for wrong in ["", "run", "me@after-change", "run@sometime"] {
            assert!(wrong.parse::<TestKill>().is_err(), "{wrong}");
        }
    }
}
