//! The commands of the lab, as `squall lab ...` mounts them.

use std::io::{self, Write};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::runtime::Builder;

use crate::account::{self, AccountArgs};
use crate::api::{self, AdminArgs, ApiArgs};
use crate::receiver::{self, ReceiverArgs};
use crate::relay::{self, RelayArgs};
use crate::worker::{self, WorkerArgs};
use crate::{Access, LabError, Ledger, Location, Millis, Scope, Stats, Tag, duration};

/// A real job queue to practise on.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Take tasks over HTTP and put them into the queue
    Api(ApiArgs),
    /// Take tasks from the queue and do them
    Worker(WorkerArgs),
    /// Show the queue over HTTP, also while the API is down; no login, no change
    Admin(AdminArgs),
    /// Report each finished task to a service outside
    Relay(RelayArgs),
    /// Receive webhooks and reports, count them, and fail on demand
    Receiver(ReceiverArgs),
    /// Add an account for an API with --auth
    Account(AccountArgs),
    /// Read the queue's figures from its store, without the API
    Stats(StatsArgs),
    /// Account for every task that was ever acknowledged
    Ledger(LedgerArgs),
}

/// What `stats` takes.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// The queue: FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME
    #[arg(long, alias = "db", value_name = "QUEUE")]
    pub queue: Location,
    /// Only tasks with this tag
    #[arg(long)]
    pub tag: Option<Tag>,
    /// Only tasks of this kind
    #[arg(long, value_name = "NAME")]
    pub kind: Option<String>,
    /// A running task is stuck when its lease ended this long ago
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    pub stuck_after: Duration,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// What `ledger` takes.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// The queue: FILE, redis://HOST:PORT/NUMBER or postgres://USER@HOST:PORT/NAME
    #[arg(long, alias = "db", value_name = "QUEUE")]
    pub queue: Location,
    /// Only tasks with this tag
    #[arg(long)]
    pub tag: Option<Tag>,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs one command to its end. Those that serve end at SIGTERM or SIGINT. Most build a runtime of their own, so this
/// must not be called from inside one. Everything that is said goes to `out`.
pub fn run(command: LabCommand, out: &mut dyn Write) -> Result<(), LabError> {
    match command {
        LabCommand::Api(args) => runtime()?.block_on(api::serve(args, out)),
        LabCommand::Worker(args) => runtime()?.block_on(worker::work(args, out)),
        LabCommand::Admin(args) => runtime()?.block_on(api::admin(args, out)),
        LabCommand::Relay(args) => runtime()?.block_on(relay::relay(args, out)),
        LabCommand::Receiver(args) => runtime()?.block_on(receiver::serve(args, out)),
        LabCommand::Account(args) => runtime()?.block_on(account::add(args, &mut io::stdin().lock(), out)),
        LabCommand::Stats(args) => {
            let scope = Scope { tag: args.tag, kind: args.kind };
            let stats = args.queue.open(Access::Read)?.stats(&scope, args.stuck_after, Millis::now())?;
            if args.json { write_json(&stats, out) } else { write_stats(&stats, out) }
                .map_err(LabError::Output)
        }
        LabCommand::Ledger(args) => {
            let ledger = args.queue.open(Access::Read)?.ledger(args.tag.as_ref())?;
            if args.json { write_json(&ledger, out) } else { write_ledger(&ledger, out) }
                .map_err(LabError::Output)
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, LabError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|source| LabError::Start { what: "a runtime", source })
}

fn write_json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)
}

fn write_stats(stats: &Stats, out: &mut dyn Write) -> io::Result<()> {
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3} s"));
    let rows = [
        ("total", stats.total.to_string()),
        ("queued", stats.queued.to_string()),
        ("running", stats.running.to_string()),
        ("done", stats.done.to_string()),
        ("dead", stats.dead.to_string()),
        ("purged", stats.purged.to_string()),
        ("depth", stats.depth.to_string()),
        ("stuck", stats.stuck.to_string()),
        ("retries", stats.retries.to_string()),
        ("duplicates", stats.duplicates.to_string()),
        ("fenced", stats.fenced.to_string()),
        ("late", stats.late.to_string()),
        ("oldest queued", seconds(stats.oldest_queued_s)),
        ("waiting p50", seconds(stats.waiting_p50_s)),
        ("waiting p95", seconds(stats.waiting_p95_s)),
    ];
    rows.iter().try_for_each(|(name, value)| writeln!(out, "{name:<14} {value}"))
}

fn write_ledger(ledger: &Ledger, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} sent = {} done + {} dead + {} purged + {} open; {} twice, {} lost: {}",
        ledger.sent,
        ledger.done,
        ledger.dead,
        ledger.purged,
        ledger.open,
        ledger.twice,
        ledger.lost,
        if ledger.conserved { "conserved" } else { "NOT CONSERVED" }
    )
}
