//! The driver: the one task of a run that waits. It hands what happens to the machine and does what the machine says.
//!
//! ```text
//!   probes, faults, services, signals --Message--> driver --Input--> Machine
//!                                                    |                 |
//!                                     record, readers <--Event--   Action
//! ```
//!
//! Everything of a run lives on one thread; what blocks (looking at processes, measuring, undoing) is handed to
//! tokio's pool for blocking work.

mod announce;
mod hand;
mod pressure;
mod readings;
mod roll;
mod spared;
mod start;
mod surroundings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use squall_host::machine::{self, Machine as Host, MachineError};
use squall_host::process::{Process, ProcessError};
use squall_model::event::{Event, EventKind, FaultRef, Mode, Offset, RunStarted};
use squall_model::id::RunId;
use squall_model::plan::Plan;
use squall_model::record::RECORD_VERSION;
use squall_model::verdict::Verdict;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::Instant;

use self::announce::Announcer;
use self::hand::Hand;
use self::roll::Roll;
use crate::boundary::Boundary;
use crate::filling::Filling;
use crate::home::{Home, HomeError, RunDir};
use crate::journal::{Journal, JournalError, Opened};
use crate::machine::{Action, Input, Machine};
use crate::reason::reason;
use crate::recast::reference;
use crate::supervisor::{Patience, Supervisor};
use crate::warden::{Warden, WardenError};

/// What a run needs besides its plan.
pub struct Options {
    /// Where journal and record are kept.
    pub home: Home,
    /// Whether changes are made.
    pub mode: Mode,
    /// The binary with the `__warden` and `__stress` commands.
    pub squall: PathBuf,
    /// Where `{env:NAME}` looks.
    pub environment: BTreeMap<String, String>,
    /// Version of squall, for the record.
    pub version: String,
    /// Called at every boundary of the journal, for tests that crash there.
    pub at_boundary: Option<AtBoundary>,
}

/// Called with the boundary, the fault (none: a service that the run starts) and the warden's PID.
pub type AtBoundary = Rc<dyn Fn(Boundary, Option<&FaultRef>, Option<u32>)>;

/// Asks a run to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halting {
    /// Services may finish what they do.
    Gently {
        /// Who or what asks.
        by: String,
    },
    /// At once; everything is undone all the same.
    Now {
        /// Who or what asks.
        by: String,
    },
}

/// A run that came to its end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// Its verdict.
    pub verdict: Verdict,
    /// Where its record is.
    pub dir: RunDir,
}

/// A run could not begin. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its folder or plan.
    #[error("prepare the run")]
    Home(#[from] HomeError),
    /// Its journal: no journal, no run.
    #[error("prepare the run")]
    Journal(#[from] JournalError),
    /// Its warden: no warden, no run.
    #[error("prepare the run")]
    Warden(#[from] WardenError),
    /// Facts of this machine.
    #[error("look at this machine")]
    Machine(#[from] MachineError),
    /// Its own process.
    #[error("look at the run's own process")]
    Own(#[from] ProcessError),
    /// Its record.
    #[error("open the record {path}")]
    Record {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Something that happens in a run.
enum Message {
    /// For the machine.
    Input(Input),
    /// For the readers only.
    Tell(EventKind),
}

/// Where messages are put.
#[derive(Clone)]
struct Inbox(mpsc::UnboundedSender<Message>);

impl Inbox {
    fn input(&self, input: Input) {
        // Nobody listens only when the run is over.
        let _ = self.0.send(Message::Input(input));
    }

    fn tell(&self, kind: EventKind) {
        let _ = self.0.send(Message::Tell(kind));
    }
}

/// What all tasks of a run share.
struct Run {
    plan: Arc<Plan>,
    id: RunId,
    dir: RunDir,
    mode: Mode,
    squall: PathBuf,
    filling: Arc<Filling>,
    began: Instant,
    inbox: Inbox,
    supervisor: Supervisor,
    hand: Hand,
    pressure: pressure::Pressure,
    roll: Roll,
}

impl Run {
    fn now(&self) -> Offset {
        Offset(self.began.elapsed())
    }
}

/// Executes a plan. Returns when everything is undone, or when it is known what is left.
///
/// # Errors
/// Only before anything was changed; everything later is in the verdict.
pub async fn run(
    plan: Plan,
    options: Options,
    halting: mpsc::UnboundedReceiver<Halting>,
    events: mpsc::UnboundedSender<Event>,
) -> Result<Ended, RunError> {
    LocalSet::new().run_until(drive(plan, options, halting, events)).await
}

async fn drive(
    mut plan: Plan,
    options: Options,
    mut halting: mpsc::UnboundedReceiver<Halting>,
    events: mpsc::UnboundedSender<Event>,
) -> Result<Ended, RunError> {
    let id = RunId::new();
    let dir = options.home.create(&id)?;
    let filling = Arc::new(Filling::new(dir.work(), options.squall.clone(), options.environment.clone()));
    let host = Host::read()?;
    let time = jiff::Timestamp::now().to_string();
    let opened = Opened {
        run: id.clone(),
        process: reference(Process::current()?),
        boot: machine::boot_id()?,
        time: time.clone(),
        name: plan.name.clone(),
        environment: plan.target.environment.clone(),
    };
    let journal = Journal::create(&dir.journal(), opened)?;
    let warden = Warden::start(&options.squall, journal.path())?;
    let (sender, mut messages) = mpsc::unbounded_channel();
    let inbox = Inbox(sender);
    let told = inbox.clone();
    let supervisor = Supervisor::new(Arc::clone(&filling), Rc::new(move |kind| told.tell(kind)));
    let hand = Hand::new(journal, warden, options.squall.clone(), inbox.clone(), options.at_boundary);
    let mut run = Run {
        id,
        dir,
        mode: options.mode,
        squall: options.squall,
        filling,
        began: Instant::now(),
        inbox,
        supervisor,
        hand,
        pressure: pressure::Pressure::default(),
        roll: Roll::of(&plan.inventory),
        plan: Arc::new(plan.clone()),
    };
    start::find_lags(&run, &mut plan).await;
    let plan = Arc::new(plan);
    run.plan = Arc::clone(&plan);
    run.dir.write_plan(&plan)?;
    let run = Rc::new(run);
    let mut announcer = {
        let filling = Arc::clone(&run.filling);
        Announcer::open(&run.dir.record(), events, move |text| filling.redact(text))?
    };
    let started = EventKind::RunStarted(Box::new(RunStarted {
        format: RECORD_VERSION,
        run: run.id.clone(),
        squall: options.version,
        time,
        mode: run.mode,
        plan: (*plan).clone(),
        host: start::facts(&host),
    }));
    announcer.announce(run.now(), started);

    let mut machine = Machine::new(Arc::clone(&plan));
    let mut wake: Option<Instant> = None;
    let mut may_be_halted = true;
    let mut ends_services = Patience::Gentle;
    let mut readers = readings::Readers::default();
    for action in machine.start() {
        if let Action::Emit(kind) = action {
            announcer.announce(run.now(), kind);
        }
    }
    tokio::task::spawn_local(start::start(Rc::clone(&run)));
    tokio::task::spawn_local(hand::keep_warden(Rc::clone(&run)));
    loop {
        let input = tokio::select! {
            biased;
            asked = halting.recv(), if may_be_halted => match asked {
                Some(Halting::Gently { by }) => Input::Halt { by },
                Some(Halting::Now { by }) => {
                    ends_services = Patience::Hurried;
                    Input::Halt { by }
                }
                // The one who could ask is gone; that is no reason to end.
                None => {
                    may_be_halted = false;
                    continue;
                }
            },
            message = messages.recv() => match message {
                Some(Message::Input(input)) => input,
                Some(Message::Tell(kind)) => {
                    announcer.announce(run.now(), kind);
                    continue;
                }
                None => Input::Failed { why: "every task of the run ended".to_owned() },
            },
            () = sleep_until(wake) => {
                wake = None;
                Input::Woke
            }
        };
        if let Input::Halt { .. } = &input {
            run.hand.note_halting();
        }
        for action in machine.step(run.now(), input) {
            match action {
                Action::Emit(kind) => announcer.announce(run.now(), kind),
                Action::StartReading => readers = readings::start(&run),
                Action::Inject { fault, until } => hand::inject(&run, fault, until),
                Action::Undo { fault } => hand::undo(&run, fault),
                Action::WakeAt(at) => wake = Some(run.began + at.0),
                Action::Settle => {
                    run.pressure.stop();
                    readers.keep_for(plan.conservation.as_ref());
                }
                Action::CleanUp => {
                    readers.stop();
                    tokio::task::spawn_local(hand::clean_up(Rc::clone(&run), ends_services));
                }
                Action::Finish(verdict) => {
                    run.hand.dismiss_warden();
                    return Ok(Ended { run: run.id.clone(), verdict, dir: run.dir.clone() });
                }
            }
        }
        if let Some(error) = announcer.failure() {
            let why = format!("the record cannot be written: {}", reason(&error));
            run.inbox.input(Input::Failed { why });
        }
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
