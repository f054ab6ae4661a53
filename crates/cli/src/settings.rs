//! The environment, read once: the only place that does.

use std::collections::BTreeMap;
use std::path::PathBuf;

use squall_engine::filling::Filling;
use squall_engine::home::{Home, RunDir};

use crate::failure::Failure;
use crate::test_kill::TestKill;

/// Everything that does not come from the command line.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The state folder; `None` where nothing says where it could be.
    home: Option<Home>,
    /// The variables that references such as `{env:TOKEN}` are filled in from.
    pub(crate) environment: BTreeMap<String, String>,
    /// This binary.
    pub(crate) squall: PathBuf,
    /// `SQUALL_POLICY`: the policy file.
    pub(crate) policy: Option<PathBuf>,
    /// `SQUALL_TEST_KILL`: for tests of what a crash leaves behind.
    pub(crate) test_kill: Option<TestKill>,
}

impl Settings {
    /// Reads the environment. `SQUALL_HOME` says where state is kept; else it is `/var/lib/squall` for root, and
    /// `$XDG_STATE_HOME/squall` or `~/.local/state/squall` for others (XDG Base Directory Specification 0.8).
    pub(crate) fn read() -> Result<Self, Failure> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let path = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = if rustix::process::geteuid().is_root() {
            Some(PathBuf::from("/var/lib/squall"))
        } else {
            let xdg = path("XDG_STATE_HOME").filter(|path| path.is_absolute());
            xdg.or_else(|| path("HOME").map(|home| home.join(".local/state")))
                .map(|state| state.join("squall"))
        };
        let home = match path("SQUALL_HOME") {
            // The warden and the services work in other folders than this process.
            Some(home) => Some(std::path::absolute(&home).unwrap_or(home)),
            None => state,
        };
        let test_kill = match environment.get("SQUALL_TEST_KILL") {
            Some(text) => Some(text.parse().map_err(Failure::usage)?),
            None => None,
        };
        let squall = std::env::current_exe()
            .map_err(|error| Failure::refused(format!("could not find this program itself: {error}")))?;
        Ok(Self { home: home.map(Home::at), squall, policy: path("SQUALL_POLICY"), test_kill, environment })
    }

    /// The state folder.
    pub(crate) fn home(&self) -> Result<&Home, Failure> {
        self.home.as_ref().ok_or_else(|| {
            Failure::usage("there is no folder to keep state in: neither SQUALL_HOME nor HOME is set")
                .hint("set SQUALL_HOME to a folder that is kept over reboots")
        })
    }

    /// Values for what a run has written down.
    pub(crate) fn filling(&self, run: &RunDir) -> Filling {
        Filling::new(run.work(), self.squall.clone(), self.environment.clone())
    }

    /// Values before there is a run, for looking around.
    pub(crate) fn filling_before(&self) -> Result<Filling, Failure> {
        let work = self.home()?.path().join("runs");
        Ok(Filling::new(work, self.squall.clone(), self.environment.clone()))
    }
}
