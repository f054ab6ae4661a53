//! The folder where squall keeps what must outlive a process: journals, plans and records.
//!
//! ```text
//! HOME/runs/RUN/journal       what is owed; see the journal module
//! HOME/runs/RUN/record.jsonl  the events
//! HOME/runs/RUN/plan.json     the plan, for a run of the same
//! HOME/runs/RUN/work/         the working folder of services that the run starts
//! ```

use std::fs::{self, DirBuilder};
use std::io::{self, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use squall_model::id::RunId;
use squall_model::plan::Plan;
use squall_model::record::{Record, RecordError};

/// The state folder.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunDir {
    id: RunId,
    path: PathBuf,
}

/// Something in the state folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A folder could not be made.
    #[error("make the folder {path}")]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder could not be read.
    #[error("read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such run, or several whose ids begin so.
    #[error("find the run `{id}` in {path}: {found} runs have an id that begins so")]
    NoSuchRun {
        /// What was asked for.
        id: String,
        /// Where.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// A record is not one.
    #[error("read the record {path}")]
    Record {
        /// Which.
        path: PathBuf,
        /// Why.
        source: RecordError,
    },
    /// A plan is not one.
    #[error("read the plan {path}")]
    Plan {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A plan is of a form that only another version of squall knows.
    #[error("read the plan {path}: it has the form of another version of squall than {}", env!("CARGO_PKG_VERSION"))]
    Foreign {
        /// Which.
        path: PathBuf,
    },
}

/// What a plan is about, whatever version of squall made it.
#[derive(Clone, Debug, Deserialize)]
pub struct Subject {
    /// The name of the experiment.
    pub name: String,
    /// The target.
    pub target: SubjectTarget,
}

/// Where an experiment is made.
#[derive(Clone, Debug, Deserialize)]
pub struct SubjectTarget {
    /// The name of the environment.
    pub environment: String,
}

/// What services say may hold secrets, and is kept as they said it.
const OWN: u32 = 0o700;

impl Home {
    /// The state folder at that path; it need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn runs_path(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Makes the folder of a new run.
    pub fn create(&self, id: &RunId) -> Result<RunDir, HomeError> {
        let dir = RunDir { id: id.clone(), path: self.runs_path().join(id.as_str()) };
        let work = dir.work();
        let made = fs::create_dir_all(dir.path()).and_then(|()| DirBuilder::new().mode(OWN).create(&work));
        made.map_err(|source| HomeError::Make { path: work, source })?;
        Ok(dir)
    }

    /// All runs, the oldest first.
    pub fn runs(&self) -> Result<Vec<RunDir>, HomeError> {
        let path = self.runs_path();
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(HomeError::Read { path, source }),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| HomeError::Read { path: path.clone(), source })?;
            if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                runs.push(RunDir { id, path: entry.path() });
            }
        }
        runs.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(runs)
    }

    /// The run whose id begins so; `last` is the newest.
    pub fn find(&self, id: &str) -> Result<RunDir, HomeError> {
        let mut runs = self.runs()?;
        if id == "last" {
            runs.drain(..runs.len().saturating_sub(1));
        } else {
            runs.retain(|run| run.id.as_str().starts_with(id));
        }
        match runs.len() {
            1 => Ok(runs.remove(0)),
            found => Err(HomeError::NoSuchRun { id: id.to_owned(), path: self.runs_path(), found }),
        }
    }
}

impl RunDir {
    /// The run.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it owes.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Its events.
    pub fn record(&self) -> PathBuf {
        self.path.join("record.jsonl")
    }

    /// Its plan.
    pub fn plan(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// The working folder of its services.
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Reads its record.
    pub fn read_record(&self) -> Result<Record, HomeError> {
        read_record(&self.record())
    }

    /// Reads its plan.
    pub fn read_plan(&self) -> Result<Plan, HomeError> {
        let path = self.plan();
        let text =
            fs::read_to_string(&path).map_err(|source| HomeError::Read { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| match serde_json::from_str::<Subject>(&text) {
            Ok(_) => HomeError::Foreign { path },
            Err(_) => HomeError::Plan { path, source },
        })
    }

    /// Reads what its plan is about, also where another version of squall made it.
    pub fn read_subject(&self) -> Result<Subject, HomeError> {
        let path = self.plan();
        let text =
            fs::read_to_string(&path).map_err(|source| HomeError::Read { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| HomeError::Plan { path, source })
    }

    /// Keeps its plan.
    pub fn write_plan(&self, plan: &Plan) -> Result<(), HomeError> {
        let path = self.plan();
        let text = serde_json::to_string_pretty(plan)
            .map_err(|source| HomeError::Plan { path: path.clone(), source })?;
        fs::write(&path, text + "\n").map_err(|source| HomeError::Write { path, source })
    }
}

/// Reads a record anywhere. Bytes that are no text belong to a torn line.
pub fn read_record(path: &Path) -> Result<Record, HomeError> {
    let file = fs::File::open(path).map_err(|source| HomeError::Read { path: path.to_owned(), source })?;
    Record::read_from(BufReader::new(file))
        .map_err(|source| HomeError::Record { path: path.to_owned(), source })
}
