//! One instance of a service: a process that is started again when it ends, unless it is wanted down.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use squall_host::spawn::{Child, Output, Spawn};
use squall_model::event::EventKind;
use squall_model::id::ProcessRef;
use squall_model::target::Start;
use squall_model::template::{Reference, Template};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Tell;
use crate::filling::Filling;
use crate::reason::reason;
use crate::recast::reference;

/// Keeps one instance as it is wanted.
pub(super) struct Keeper {
    desired: watch::Sender<Desired>,
    state: Rc<RefCell<State>>,
    task: tokio::task::JoinHandle<()>,
}

/// How an instance is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Desired {
    Up,
    Down,
}

#[derive(Default)]
struct State {
    process: Option<ProcessRef>,
    failure: Option<String>,
    /// How it ended, while it is not started again.
    ended: Option<String>,
}

/// The last bytes of a log that are looked through for what went wrong.
const TAIL: u64 = 4096;

/// Between two attempts to start a program that cannot be started.
const RETRY: Duration = Duration::from_millis(100);

/// Everything to start it again.
struct Recipe {
    name: String,
    argv: Vec<String>,
    env: Vec<(String, String)>,
    dir: PathBuf,
    log: PathBuf,
    mark: String,
    restart_after: Option<Duration>,
}

impl Keeper {
    /// Starts the instance and keeps it.
    pub(super) fn start(
        name: &str,
        start: &Start,
        mark: &str,
        filling: &Arc<Filling>,
        tell: Tell,
    ) -> Result<Self, String> {
        let fill = |template: &Template| filling.fill_for(template, name).map_err(|error| reason(&error));
        let work = fill(&Template(format!("{{{}}}", run_dir())))?;
        let dir = start.dir.as_ref().map_or(Ok(work.clone()), fill)?;
        let mut env = Vec::new();
        for (variable, value) in &start.env {
            env.push((variable.clone(), fill(value)?));
        }
        let recipe = Recipe {
            name: name.to_owned(),
            argv: start.run.iter().map(fill).collect::<Result<_, _>>()?,
            env,
            dir: dir.into(),
            log: PathBuf::from(work).join(format!("{name}.log")),
            mark: mark.to_owned(),
            restart_after: start.restart_after.map(|after| after.0),
        };
        let state: Rc<RefCell<State>> = Rc::default();
        let child = recipe.spawn()?;
        state.borrow_mut().process = Some(reference(child.process()));
        tell(EventKind::InstanceStarted { instance: name.to_owned(), pid: child.process().pid });
        let (desired, wanted) = watch::channel(Desired::Up);
        let task = tokio::task::spawn_local(keep(recipe, child, wanted, Rc::clone(&state), tell));
        Ok(Self { desired, state, task })
    }

    pub(super) fn want(&self, desired: Desired) {
        self.desired.send_replace(desired);
    }

    /// The living process.
    pub(super) fn process(&self) -> Option<ProcessRef> {
        self.state.borrow().process
    }

    /// How it ended, where nothing starts it again by itself, with what its log says of it.
    pub(super) fn ended(&self) -> Option<String> {
        self.state.borrow().ended.clone()
    }

    /// Why it could not be started again.
    pub(super) fn failure(&self) -> Option<String> {
        self.state.borrow().failure.clone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The name of the reference for the working folder, from the one place that knows its spelling.
fn run_dir() -> &'static str {
    Reference::FORMS[0].trim_matches(['{', '}'])
}

impl Recipe {
    fn spawn(&self) -> Result<Child, String> {
        let (program, arguments) =
            self.argv.split_first().ok_or_else(|| format!("{} has an empty command", self.name))?;
        let mut spawn = Spawn::program(program)
            .args(arguments)
            .directory(&self.dir)
            .stdout(Output::File(self.log.clone()))
            .stderr(Output::File(self.log.clone()))
            .mark(&self.mark);
        for (variable, value) in &self.env {
            spawn = spawn.env(variable, value);
        }
        spawn.start().map_err(|error| format!("{}: {}", self.name, reason(&error)))
    }
}

impl Recipe {
    /// The line of its log that tells most likely why it ended: the last with an error in it, or the last of all.
    fn last_words(&self) -> Option<String> {
        let mut log = File::open(&self.log).ok()?;
        let length = log.metadata().ok()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
        let mut tail = Vec::new();
        log.take(TAIL).read_to_end(&mut tail).ok()?;
        let tail = String::from_utf8_lossy(&tail);
        let lines = || tail.lines().map(str::trim).filter(|line| !line.is_empty());
        let telling =
            lines().rfind(|line| line.to_ascii_lowercase().contains("error")).or(lines().next_back())?;
        Some(telling.chars().filter(|c| !c.is_control()).take(300).collect())
    }
}

async fn keep(
    recipe: Recipe,
    mut child: Child,
    mut wanted: watch::Receiver<Desired>,
    state: Rc<RefCell<State>>,
    tell: Tell,
) {
    loop {
        let how = ended(&mut child).await;
        {
            let mut state = state.borrow_mut();
            state.process = None;
            let said = recipe.last_words().map_or(String::new(), |words| format!(": {words}"));
            state.ended = recipe.restart_after.is_none().then(|| format!("{how}{said}"));
        }
        tell(EventKind::InstanceEnded { instance: recipe.name.clone(), how });
        child = loop {
            if wait_until_wanted(&mut wanted, recipe.restart_after).await.is_none() {
                return;
            }
            match recipe.spawn() {
                Ok(started) => break started,
                Err(why) => state.borrow_mut().failure = Some(why),
            }
            tokio::time::sleep(RETRY).await;
        };
        {
            let mut state = state.borrow_mut();
            state.process = Some(reference(child.process()));
            state.failure = None;
            state.ended = None;
        }
        tell(EventKind::InstanceStarted { instance: recipe.name.clone(), pid: child.process().pid });
    }
}

/// Waits until the instance is to run again: its pause is over, or somebody wants it up. `None`: nobody keeps it.
async fn wait_until_wanted(
    wanted: &mut watch::Receiver<Desired>,
    restart_after: Option<Duration>,
) -> Option<()> {
    loop {
        let desired = *wanted.borrow_and_update();
        let news = match restart_after {
            Some(pause) if desired == Desired::Up => {
                match tokio::time::timeout(pause, wanted.changed()).await {
                    Ok(news) => news,
                    Err(_) => return Some(()),
                }
            }
            _ => wanted.changed().await,
        };
        news.ok()?;
        if *wanted.borrow() == Desired::Up {
            return Some(());
        }
    }
}

/// Waits for the end of a process and reaps it.
pub(crate) async fn ended(child: &mut Child) -> String {
    // Listening begins before the first look, so that no end is missed.
    let mut children = match signal(SignalKind::child()) {
        Ok(children) => children,
        Err(error) => return format!("cannot be watched: {error}"),
    };
    loop {
        match child.try_wait() {
            Ok(Some(exit)) => return exit.to_string(),
            Ok(None) => {
                children.recv().await;
            }
            Err(error) => return reason(&error),
        }
    }
}
