//! Programs of an experiment: run, and asked.

use std::time::Duration;

use squall_host::exit::Exit;
use squall_host::tool::{Said, Tool};

use crate::reason::reason;

fn run(argv: &[String], timeout: Duration, mark: Option<&str>) -> Result<Said, String> {
    let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
    let tool = Tool::new(program, timeout).args(arguments);
    let tool = match mark {
        Some(mark) => tool.mark(mark),
        None => tool,
    };
    tool.run().map_err(|error| reason(&error))
}

fn complaint(argv: &[String], said: &Said) -> String {
    let stderr = said.stderr.text();
    let line = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    format!("{} {}: {line}", argv[0], said.exit).trim_end_matches([':', ' ']).to_owned()
}

/// Runs it; anything but exit code 0 is an error.
pub(crate) fn succeed(argv: &[String], timeout: Duration, mark: Option<&str>) -> Result<(), String> {
    let said = run(argv, timeout, mark)?;
    if said.exit.is_success() { Ok(()) } else { Err(complaint(argv, &said)) }
}

/// Asks it: exit code 0 is yes, 1 is no, and anything else is no answer.
pub(crate) fn says(argv: &[String], timeout: Duration) -> Result<bool, String> {
    let said = run(argv, timeout, None)?;
    match said.exit {
        Exit::Code(0) => Ok(true),
        Exit::Code(1) => Ok(false),
        _ => Err(complaint(argv, &said)),
    }
}
