//! The command line. Written once: parsing, help, man page and completions all come from here.

use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use squall_model::unit::UnitError;

use crate::command::{
    check, compare, completions, demo, doctor, explain, findings, halt, history, init, inject, load, proxy,
    recover, replay, report, run, runs, schema, status, stress, warden,
};

const LONG_ABOUT: &str = "\
Breaks a system on purpose, watches it, mends what it broke, and says whether the system held.

An experiment is a file: what must be so (the steady state), what is broken (the faults), and how soon all must be \
well again. Every change is written down with its undo before it is made; whatever happens to squall, it is undone.";

const AFTER_HELP: &str = "\
Start here:
  squall demo                          a real job queue, broken and recovering before your eyes
  squall init && squall run worker-loss.yaml
  squall report last -o report.html

Exit codes: 0 held, 1 unexpected error, 2 bad usage, 3 a file is wrong, 4 refused, 5 unsteady,
            10 deviated, 11 halted, 12 aborted, 20 something could not be undone.
            `squall explain 20` says more about each.";

/// Chaos engineering with the undo written first
#[derive(Debug, Parser)]
#[command(name = "squall", version, long_about = LONG_ABOUT, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// When to use colours; NO_COLOR is respected too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", display_order = 900)]
    #[arg(hide_possible_values = true)]
    pub(crate) color: When,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Run(Box<run::Run>),
    Report(report::Report),
    Findings(findings::Findings),
    Compare(compare::Compare),
    History(history::History),
    Replay(replay::Replay),
    Runs(runs::Runs),
    Status(status::Status),
    Halt(halt::Halt),
    Recover(recover::Recover),
    Doctor(doctor::Doctor),
    Inject(inject::Inject),
    Explain(explain::Explain),
    Load(Box<load::LoadArgs>),
    Proxy(proxy::Proxy),
    /// A real job queue to practise on
    #[command(subcommand)]
    Lab(squall_lab::LabCommand),
    Schema(schema::Schema),
    Completions(completions::Completions),
    /// Write the manual page to stdout
    ///
    /// For example: squall man | man -l -
    Man,
    #[command(name = "__warden", hide = true)]
    Warden(warden::Warden),
    #[command(name = "__stress", hide = true)]
    Stress(stress::Stress),
}

/// For commands that have data.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// How to write the result: `text` for people, `json` for programs (schemas in schema/output/)
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true, display_order = 800)]
    #[arg(hide_possible_values = true)]
    pub(crate) format: Format,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Reads a quantity with its unit; a mistake says how to write one.
///
/// # Errors
/// What is wrong, and how it is written right.
pub(crate) fn quantity<T: FromStr<Err = UnitError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: UnitError| format!("{error}: {}", error.help))
}
