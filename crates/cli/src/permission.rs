//! Whether a plan may be carried out: the policy first, then what this machine allows.

use std::fs;
use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use squall_model::plan::Plan;
use squall_spec::draft;
use squall_spec::policy::{self, Policy, Refusal};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;

/// What the command line says about permission.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Permission {
    /// Confirm an experiment in production with its name; asked for on a terminal
    #[arg(long, value_name = "NAME", global = true, display_order = 700)]
    confirm: Option<String>,
    /// The policy file: what may be broken in which environment [default: $SQUALL_POLICY]
    #[arg(long, value_name = "FILE", global = true, display_order = 700)]
    policy: Option<PathBuf>,
}

impl Permission {
    /// Why the policy forbids the plan; nothing when it does not.
    pub(crate) fn refusals(&self, plan: &Plan, settings: &Settings) -> Result<Vec<Refusal>, Failure> {
        Ok(policy::judge(plan, &self.read(settings)?, self.confirm.as_deref()))
    }

    /// Fails when the policy forbids the plan. Asks for the name where only that is missing and somebody can answer.
    pub(crate) fn ask(&self, plan: &Plan, settings: &Settings, printer: &mut Printer) -> Result<(), Failure> {
        let policy = self.read(settings)?;
        let mut refusals = policy::judge(plan, &policy, self.confirm.as_deref());
        let wants_name =
            self.confirm.is_none() && matches!(refusals.as_slice(), [only] if only.rule == "unconfirmed");
        if wants_name && io::stdin().is_terminal() && Printer::has_terminal() {
            printer
                .say(format!("{} runs in {}: faults reach real users.", plan.name, plan.target.environment));
            printer.say("Type the name of the experiment to go on:");
            let mut typed = String::new();
            let read = io::stdin().lock().read_line(&mut typed);
            read.map_err(|error| Failure::refused(format!("could not read the confirmation: {error}")))?;
            refusals = policy::judge(plan, &policy, Some(typed.trim()));
        }
        refused(&refusals)
    }

    fn read(&self, settings: &Settings) -> Result<Policy, Failure> {
        let Some(path) = self.policy.as_ref().or(settings.policy.as_ref()) else {
            return Ok(Policy::default());
        };
        let name = path.display().to_string();
        let bytes = fs::read(path)
            .map_err(|error| Failure::file(format!("could not read the policy {name}: {error}")))?;
        Ok(policy::read(&name, &draft::decode(&name, bytes)?)?)
    }
}

fn refused(refusals: &[Refusal]) -> Result<(), Failure> {
    let Some(first) = refusals.first() else { return Ok(()) };
    let all: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    Err(Failure::refused(format!("the policy forbids it: {}", all.join("; "))).hint(&first.help))
}
