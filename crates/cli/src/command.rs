//! One file a command.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod findings;
pub(crate) mod halt;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod inject;
pub(crate) mod lab;
pub(crate) mod load;
pub(crate) mod man;
pub(crate) mod proxy;
pub(crate) mod recover;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod stress;
pub(crate) mod warden;

use squall_model::verdict::Exit;

use crate::args::Command;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;

/// Does what was asked.
pub(crate) fn run(command: Command, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    match command {
        Command::Demo(demo::Demo {}) => demo::Demo::run(settings, printer),
        Command::Init(init) => init.run(printer),
        Command::Check(check) => check.run(settings, printer),
        Command::Run(run) => run.run(settings, printer),
        Command::Report(report) => report.run(settings, printer),
        Command::Findings(findings) => findings.run(settings, printer),
        Command::Compare(compare) => compare.run(settings, printer),
        Command::History(history) => history.run(settings, printer),
        Command::Replay(replay) => replay.run(settings, printer),
        Command::Runs(runs) => runs.run(settings, printer),
        Command::Status(status) => status.run(settings, printer),
        Command::Halt(halt) => halt.run(settings, printer),
        Command::Recover(recover) => recover.run(settings, printer),
        Command::Doctor(doctor) => Ok(doctor.run(printer)),
        Command::Inject(inject) => inject.run(settings, printer),
        Command::Explain(explain) => explain.run(printer),
        Command::Load(load) => load.run(settings, printer),
        Command::Proxy(proxy) => proxy.run(printer),
        Command::Lab(command) => lab::run(command, printer),
        Command::Schema(schema) => Ok(schema.run(printer)),
        Command::Completions(completions) => Ok(completions.run(printer)),
        Command::Man => man::run(printer),
        Command::Warden(warden) => warden.run(settings),
        Command::Stress(stress) => stress.run(),
    }
}
