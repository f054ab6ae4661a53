//! The faults that can be injected by hand, with their parameters.

use crate::args::quantity;
use clap::Subcommand;
use serde::de::DeserializeOwned;
use squall_model::fault::{Amount, Fault, PauseBy, Scope, Signal};
use squall_model::template::Template;
use squall_model::unit::{Bytes, Percent, Span};

use super::whom::Whom;

/// A fault and its parameters.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Kind {
    /// Kill processes with a signal
    ProcessKill {
        /// Which signal: KILL, TERM, INT, HUP, QUIT, ABRT, SEGV, USR1, USR2
        #[arg(long, default_value = "KILL", value_parser = signal)]
        signal: Signal,
        /// How far it reaches: process, group, session or tree
        #[arg(long, default_value = "process", value_parser = scope)]
        scope: Scope,
        /// They must be back within this
        #[arg(long, value_name = "TIME", value_parser = quantity::<Span>)]
        expect_restart: Option<Span>,
        #[command(flatten)]
        whom: Whom,
    },
    /// Hold processes still
    ProcessPause {
        /// How far it reaches: process, group, session or tree
        #[arg(long, default_value = "process", value_parser = scope)]
        scope: Scope,
        /// By which means: signal or freezer
        #[arg(long, default_value = "signal", value_parser = pause_by)]
        by: PauseBy,
        #[command(flatten)]
        whom: Whom,
    },
    /// Keep the processors of this host busy
    CpuStress {
        /// Of one core for each worker: `80` or `80%`
        #[arg(long, default_value = "100%", value_parser = percent)]
        percent: Percent,
        /// How many workers; one for each core where nothing is said
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
        workers: Option<u32>,
    },
    /// Take memory of this host and hold it
    MemoryPressure {
        /// How much: `256MiB`, or `50%` of what is available
        #[arg(long, value_parser = amount)]
        amount: Amount,
        /// Take it little by little
        #[arg(long, value_name = "TIME", value_parser = quantity::<Span>, default_value = "0s")]
        ramp: Span,
    },
    /// Fill a filesystem, never the root filesystem
    DiskFill {
        /// A folder on it
        #[arg(long, value_name = "DIR")]
        path: String,
        /// How much: `1GiB`, or `90%` of what is available
        #[arg(long, value_parser = amount)]
        amount: Amount,
    },
    /// Use up the inodes of a filesystem, never those of the root filesystem
    InodeExhaustion {
        /// A folder on it
        #[arg(long, value_name = "DIR")]
        path: String,
        /// How many, of those that are free
        #[arg(long, default_value = "100%", value_parser = percent)]
        percent: Percent,
    },
    /// Bind TCP ports of this host, so that nobody else can use them
    PortExhaustion {
        /// The first port
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..))]
        first: u16,
        /// The last port
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..))]
        last: u16,
    },
    /// Take file descriptors away from processes
    FdExhaustion {
        /// The new limit, of those that each has open now
        #[arg(long, default_value = "100%", value_parser = percent)]
        percent: Percent,
        #[command(flatten)]
        whom: Whom,
    },
    /// Let processes start no more processes or threads
    PidExhaustion {
        /// How many more than now they may start
        #[arg(long, default_value = "0", value_name = "N")]
        spare: u32,
        #[command(flatten)]
        whom: Whom,
    },
    /// Limit what processes may use
    #[command(group(clap::ArgGroup::new("limit").required(true).multiple(true).args(["cpu", "memory", "pids"])))]
    CgroupLimit {
        /// Processor time, of one core
        #[arg(long, value_name = "PERCENT", value_parser = percent)]
        cpu: Option<Percent>,
        /// Memory
        #[arg(long, value_name = "BYTES")]
        memory: Option<Bytes>,
        /// Processes and threads
        #[arg(long, value_name = "N")]
        pids: Option<u32>,
        #[command(flatten)]
        whom: Whom,
    },
}

impl Kind {
    /// The fault, and whom it hits; nobody for the host as a whole.
    pub(crate) fn parts(&self) -> (Fault, Option<&Whom>) {
        match self {
            Self::ProcessKill { whom, signal, scope, expect_restart } => {
                let expect_restart = *expect_restart;
                (Fault::ProcessKill { signal: *signal, scope: *scope, expect_restart }, Some(whom))
            }
            Self::ProcessPause { whom, scope, by } => {
                (Fault::ProcessPause { scope: *scope, by: *by }, Some(whom))
            }
            Self::CpuStress { percent, workers } => {
                (Fault::CpuStress { percent: *percent, workers: *workers }, None)
            }
            Self::MemoryPressure { amount, ramp } => {
                (Fault::MemoryPressure { amount: *amount, ramp: *ramp }, None)
            }
            Self::DiskFill { path, amount } => {
                (Fault::DiskFill { path: Template(path.clone()), amount: *amount }, None)
            }
            Self::InodeExhaustion { path, percent } => {
                (Fault::InodeExhaustion { path: Template(path.clone()), percent: *percent }, None)
            }
            Self::PortExhaustion { first, last } => {
                (Fault::PortExhaustion { first: *first, last: *last }, None)
            }
            Self::FdExhaustion { whom, percent } => (Fault::FdExhaustion { percent: *percent }, Some(whom)),
            Self::PidExhaustion { whom, spare } => (Fault::PidExhaustion { spare: *spare }, Some(whom)),
            Self::CgroupLimit { whom, cpu, memory, pids } => {
                (Fault::CgroupLimit { cpu: *cpu, memory: *memory, pids: *pids }, Some(whom))
            }
        }
    }
}

/// The model's own words, as experiments use them.
fn word<T: DeserializeOwned>(text: &str, known: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| format!("one of {known}"))
}

fn signal(text: &str) -> Result<Signal, String> {
    let upper = text.to_uppercase();
    word(upper.trim_start_matches("SIG"), "KILL, TERM, INT, HUP, QUIT, ABRT, SEGV, USR1, USR2")
}

fn scope(text: &str) -> Result<Scope, String> {
    word(text, "process, group, session, tree")
}

fn pause_by(text: &str) -> Result<PauseBy, String> {
    word(text, "signal, freezer")
}

/// The percent sign may be left out here, where nothing else can be meant.
fn percent(text: &str) -> Result<Percent, String> {
    let text = if text.contains('%') { text.to_owned() } else { format!("{text} %") };
    match text.parse::<Percent>() {
        Ok(Percent(share)) if share <= 0.0 => Err("0 % changes nothing".to_owned()),
        Ok(percent) => Ok(percent),
        Err(error) => Err(format!("{}; {}", error.label, error.help)),
    }
}

fn amount(text: &str) -> Result<Amount, String> {
    if text.contains('%') {
        return percent(text).map(Amount::Percent);
    }
    match text.parse::<Bytes>() {
        Ok(Bytes(0)) => Err("0 bytes change nothing".to_owned()),
        Ok(bytes) => Ok(Amount::Bytes(bytes)),
        Err(error) => Err(format!("{}; {}", error.label, error.help)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_they_are_written_in_experiments() {
        assert_eq!(signal("SIGterm"), Ok(Signal::Term));
        assert_eq!(percent("80"), Ok(Percent(80.0)));
        assert_eq!(amount("50 %"), Ok(Amount::Percent(Percent(50.0))));
        assert_eq!(amount("1 KiB"), Ok(Amount::Bytes(Bytes(1024))));
        assert!(
            percent("0").is_err()
                && percent("101").is_err()
                && amount("12").is_err()
                && amount("0B").is_err()
        );
        assert!(signal("STOP").is_err() && scope("world").is_err());
    }
}
