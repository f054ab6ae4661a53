//! A real systemd as the system manager of a PID namespace of the test's own, in cgroups of the test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use squall_host::process::Process;
use squall_host::signal::Signal;

use crate::wait;

/// A running systemd. Needs root. Ends, with all its units and cgroups, when it goes.
pub struct Systemd {
    outer: Child,
    init: Process,
    group: String,
}

const SCRIPT: &str = r#"
for base in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -w "$base/cgroup.procs" ] || continue
    mkdir "$base/$GROUP"
    if [ -e "$base/cpuset.cpus" ]; then
        cat "$base/cpuset.cpus" > "$base/$GROUP/cpuset.cpus"
        cat "$base/cpuset.mems" > "$base/$GROUP/cpuset.mems"
    fi
    echo $$ > "$base/$GROUP/cgroup.procs"
done
exec unshare --pid --fork --kill-child --mount --uts --ipc --cgroup --mount-proc sh -c '
    mount --make-rprivate /
    # It removes empty groups from the top of what it sees, which must not be the groups of others.
    for base in /sys/fs/cgroup /sys/fs/cgroup/*; do
        if [ -d "$base/$GROUP" ]; then mount --bind "$base/$GROUP" "$base"; fi
    done
    mount -t tmpfs tmpfs /run
    mkdir -p /run/systemd/system /run/lock
    printf "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n" > /run/systemd/system/stage.target
    printf "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep 600\n" > /run/systemd/system/victim.service
    export container=docker
    exec /lib/systemd/systemd --system --unit=stage.target --log-target=null
'
"#;

impl Systemd {
    /// Starts one, with a unit `victim.service` that sleeps.
    ///
    /// # Panics
    /// When it does not start within half a minute.
    #[expect(clippy::disallowed_methods, reason = "tests start things to break as a person does")]
    pub fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let group = format!("squall-e2e-{}-{count}", std::process::id());
        let complaints = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut outer = Command::new("sh")
            .args(["-exc", SCRIPT])
            .env("GROUP", &group)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints.reopen().expect("the same file"))
            .spawn()
            .expect("sh");
        let within = Duration::from_secs(30);
        let outside = Process::of(outer.id()).expect("a process").expect("the shell");
        let init = wait::until("systemd is started", within, || {
            if let Some(ended) = outer.try_wait().expect("our own child") {
                let said = std::fs::read_to_string(complaints.path()).unwrap_or_default();
                panic!("systemd did not start: {ended}: {said}");
            }
            let children = outside.children().expect("processes can be listed");
            children.into_iter().find(|child| child.name().is_ok_and(|name| name == "systemd"))
        });
        let systemd = Self { outer, init, group };
        wait::until("systemd answers", within, || {
            let answer = systemd.command("systemctl").args(["start", "victim.service"]).output().ok()?;
            answer.status.success().then_some(())
        });
        systemd
    }

    /// A program inside of its namespaces.
    #[expect(clippy::disallowed_methods, reason = "tests start things to break as a person does")]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.pid.to_string(), "-m", "-p", program]).stdin(Stdio::null());
        command
    }

    /// What `systemctl show` says of a property of the victim.
    ///
    /// # Panics
    /// When systemctl cannot be asked.
    pub fn property(&self, name: &str) -> String {
        let property = format!("--property={name}");
        let output =
            self.command("systemctl").args(["show", &property, "--value", "victim.service"]).output();
        String::from_utf8_lossy(&output.expect("systemctl").stdout).trim().to_owned()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // The first process of a PID namespace takes all others with it.
        let _ = self.init.signal(Signal::Kill);
        let _ = self.outer.wait();
        let mut bases = vec![PathBuf::from("/sys/fs/cgroup")];
        bases.extend(
            std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path()),
        );
        for base in bases {
            remove(&base.join(&self.group));
        }
    }
}

/// Deepest first; a group whose last process is on its way out is tried again.
fn remove(group: &std::path::Path) {
    let entries = std::fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove(&entry.path());
    }
    let until = squall_host::clock::since_boot() + Duration::from_secs(2);
    while group.exists() && std::fs::remove_dir(group).is_err() && squall_host::clock::since_boot() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
}
