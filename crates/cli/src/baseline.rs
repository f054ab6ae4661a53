//! The run that others are compared with: one for each experiment in each environment.
//!
//! A run is kept by a file `baseline` in its folder, which holds the time at which that was asked for. The latest
//! one counts, so a crash between keeping one and letting go of another loses neither.

use std::fs;
use std::io;
use std::path::PathBuf;

use squall_engine::home::{Home, RunDir};
use squall_engine::reason::reason;
use squall_model::verdict::Exit;

use crate::failure::Failure;

fn mark(run: &RunDir) -> PathBuf {
    run.path().join("baseline")
}

/// When a run was kept; `None`: it is not.
fn since(run: &RunDir) -> Option<String> {
    fs::read_to_string(mark(run)).ok()
}

/// Whether a run is kept.
pub(crate) fn is_kept(run: &RunDir) -> bool {
    since(run).is_some()
}

/// The run that is kept for this experiment in this environment.
pub(crate) fn kept(home: &Home, experiment: &str, environment: &str) -> Result<Option<RunDir>, Failure> {
    let kept = marked(home, experiment, environment)?;
    Ok(kept.into_iter().max_by(|one, other| one.0.cmp(&other.0)).map(|(_, run)| run))
}

/// Keeps a run in the place of the one before.
pub(crate) fn keep(home: &Home, run: &RunDir, experiment: &str, environment: &str) -> Result<(), Failure> {
    let write = |error: io::Error| {
        Failure::new(Exit::Unexpected, format!("could not write {}: {error}", mark(run).display()))
    };
    fs::write(mark(run), jiff::Timestamp::now().to_string()).map_err(write)?;
    for (_, other) in marked(home, experiment, environment)? {
        if other.id() == run.id() {
            continue;
        }
        match fs::remove_file(mark(&other)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = mark(&other);
                return Err(Failure::new(
                    Exit::Unexpected,
                    format!("could not remove {}: {error}", path.display()),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The kept runs of an experiment in an environment, each with its time. A run without a readable plan is nobody's.
fn marked(home: &Home, experiment: &str, environment: &str) -> Result<Vec<(String, RunDir)>, Failure> {
    let runs = home
        .runs()
        .map_err(|error| Failure::new(Exit::Unexpected, format!("could not {}", reason(&error))))?;
    let marked = runs.into_iter().filter_map(|run| {
        let since = since(&run)?;
        let subject = run.read_subject().ok()?;
        (subject.name == experiment && subject.target.environment == environment).then_some((since, run))
    });
    Ok(marked.collect())
}
