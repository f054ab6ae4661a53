//! `squall __warden`: the process that pays what a run owes when the run cannot. Started by the run itself.

use std::io::stdin;
use std::os::fd::AsFd;
use std::path::PathBuf;

use squall_engine::filling::Filling;
use squall_engine::warden;
use squall_model::verdict::Exit;

use crate::failure::{Failure, Text};
use crate::settings::Settings;

/// Watch over a run's journal
#[derive(Debug, clap::Args)]
pub(crate) struct Warden {
    /// The journal
    journal: PathBuf,
}

impl Warden {
    pub(crate) fn run(&self, settings: &Settings) -> Result<Exit, Failure> {
        // The terminal belongs to somebody else; what happened stands in the journal.
        let silent = || Failure { exit: Exit::Dirty, text: Text::Nothing, hint: None };
        let pipe = stdin().as_fd().try_clone_to_owned().map_err(|_| silent())?;
        let run = self.journal.parent().unwrap_or(&self.journal);
        let filling = Filling::new(run.join("work"), settings.squall.clone(), settings.environment.clone());
        let settled = warden::main(&self.journal, pipe, &filling).map_err(|_| silent())?;
        Ok(if settled.iter().all(|settled| settled.outcome.is_ok()) { Exit::Held } else { Exit::Dirty })
    }
}
