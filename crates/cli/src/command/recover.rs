//! `squall recover`: after a crash.

use serde::Serialize;
use squall_model::id::RunId;
use squall_model::verdict::Exit;

use crate::args::{Format, Output};
use crate::debris;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;

/// After a crash: undo everything that any run still owes
///
/// Runs that are alive are left alone. Doing it twice is harmless. Exits with 20 when something could not be undone.
#[derive(Debug, clap::Args)]
#[command(after_long_help = BOOT)]
pub(crate) struct Recover {
    /// A person answers for it: what this run still owes was mended by hand, or will never be. Asks for the whole id
    #[arg(long, value_name = "RUN")]
    mended: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// The state folder is that of root, unless `SQUALL_HOME` says otherwise.
const BOOT: &str = "\
As a boot service, so that files and services are mended after a power cut, too. In
/etc/systemd/system/squall-recover.service, then `systemctl enable squall-recover`:
  [Unit]
  Description=Undo what interrupted squall runs have left
  After=local-fs.target
  [Service]
  Type=oneshot
  ExecStart=/usr/local/bin/squall recover
  [Install]
  WantedBy=multi-user.target";

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    run: RunId,
    undone: Vec<Undone>,
    left: Vec<Left>,
    damage: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Undone {
    undo: String,
    proof: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Left {
    undo: String,
    why: String,
    by_hand: Vec<String>,
}

impl Recover {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        if let Some(run) = &self.mended {
            return debris::forgive(run, settings, printer);
        }
        let recovered = debris::settle(settings)?;
        let is_clean = recovered.iter().all(debris::is_clean);
        if self.output.format == Format::Json {
            let rows: Vec<Row> = recovered.iter().map(row).collect();
            printer.json(&rows);
        } else if recovered.is_empty() {
            printer.say("nothing is owed");
        } else {
            for run in &recovered {
                debris::describe(run, printer);
            }
        }
        Ok(if is_clean { Exit::Held } else { Exit::Dirty })
    }
}

fn row(recovered: &squall_engine::recover::Recovered) -> Row {
    let mut row = Row {
        run: recovered.run.clone(),
        undone: Vec::new(),
        left: Vec::new(),
        damage: recovered.damage.clone(),
    };
    for settled in &recovered.settled {
        let undo = settled.debt.undo.to_string();
        match &settled.outcome {
            Ok(proof) => row.undone.push(Undone { undo, proof: proof.clone() }),
            Err(why) => {
                row.left.push(Left { undo, why: why.clone(), by_hand: settled.debt.undo.by_hand() });
            }
        }
    }
    row
}
