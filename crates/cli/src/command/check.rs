//! `squall check`: what an experiment would do. Touches nothing.

mod text;

use std::path::PathBuf;

use serde_json::json;
use squall_model::verdict::Exit;

use crate::args::{Format, Output};
use crate::experiment::{self, Planned};
use crate::failure::{Failure, Text};
use crate::permission::Permission;
use crate::printer::Printer;
use crate::settings::Settings;

/// Show what an experiment would do: parse, validate and plan it; touches nothing
///
/// All mistakes are shown at once, each with its place. Exits with 3 when a file is wrong, and with 4 when it is right
/// but cannot be run here: permissions, policy, missing processes.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The experiments
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Draw instances and windows from this number instead of the file's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    permission: Permission,
    #[command(flatten)]
    output: Output,
}

/// The version of the JSON form.
const VERSION: u32 = 1;

impl Check {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let mut worst = Exit::Held;
        let mut rows = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let planned = experiment::of_file(file, self.seed, settings);
            let exit = match (planned, self.output.format) {
                (Ok(planned), Format::Text) => {
                    if number > 0 {
                        printer.line("");
                    }
                    self.tell(&planned, settings, printer)?
                }
                (Ok(planned), Format::Json) => {
                    let (row, exit) = self.row(file, &planned, settings)?;
                    rows.push(row);
                    exit
                }
                (Err(failure), Format::Text) => {
                    printer.failure(&failure);
                    failure.exit
                }
                (Err(failure), Format::Json) => {
                    let mistakes = match &failure.text {
                        Text::Mistakes(mistakes) => mistakes.to_json(),
                        Text::Sentence(text) => json!([{ "file": file, "message": text }]),
                        Text::Nothing => json!([]),
                    };
                    rows.push(json!({
                        "version": VERSION, "file": file, "exit": failure.exit.code(), "mistakes": mistakes,
                    }));
                    failure.exit
                }
            };
            worst = worse(worst, exit);
        }
        if self.output.format == Format::Json {
            printer.json(&rows);
        }
        Ok(worst)
    }

    fn tell(&self, planned: &Planned, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let examined = experiment::examine(&planned.plan, settings)?;
        let mut refusals = self.permission.refusals(&planned.plan, settings)?;
        refusals.extend(experiment::missing(&planned.plan, settings)?);
        printer.block(&text::plan(&planned.plan, &examined));
        printer.lints(&planned.lints);
        let mut exit = Exit::Held;
        for (one, obstacle) in examined.iter().flat_map(|one| one.obstacles.iter().map(move |why| (one, why)))
        {
            exit = Exit::Refused;
            printer.warn(format!("{} cannot be injected here: {}", one.fault, obstacle.why));
            printer.say(format!("         {}", obstacle.remedy));
        }
        // A name can still be typed in when it is run.
        for refusal in &refusals {
            if refusal.rule != "unconfirmed" {
                exit = Exit::Refused;
            }
            printer.warn(format!("{refusal}"));
            printer.say(format!("         {}", refusal.help));
        }
        Ok(exit)
    }

    fn row(
        &self,
        file: &std::path::Path,
        planned: &Planned,
        settings: &Settings,
    ) -> Result<(serde_json::Value, Exit), Failure> {
        let examined = experiment::examine(&planned.plan, settings)?;
        let mut refusals = self.permission.refusals(&planned.plan, settings)?;
        refusals.extend(experiment::missing(&planned.plan, settings)?);
        let is_refused = refusals.iter().any(|refusal| refusal.rule != "unconfirmed")
            || examined.iter().any(|one| !one.obstacles.is_empty());
        let exit = if is_refused { Exit::Refused } else { Exit::Held };
        let refusals: Vec<_> = refusals
            .iter()
            .map(|refusal| json!({ "rule": refusal.rule, "message": refusal.message, "help": refusal.help }))
            .collect();
        let row = json!({
            "version": VERSION,
            "file": file,
            "exit": exit.code(),
            "mistakes": [],
            "lints": planned.lints.0.to_json(),
            "refusals": refusals,
            "faults": examined,
            "worst-case": planned.plan.worst_case(),
            "plan": planned.plan,
        });
        Ok((row, exit))
    }
}

/// A wrong file weighs more than one that cannot be run here.
fn worse(one: Exit, other: Exit) -> Exit {
    let weight = |exit: Exit| match exit {
        Exit::Held => 0,
        Exit::Refused => 1,
        Exit::File => 2,
        _ => 3,
    };
    if weight(other) > weight(one) { other } else { one }
}
