//! A small filesystem of the test's own.

use std::path::{Path, PathBuf};

/// A tmpfs that is unmounted when it goes. Needs root.
pub struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// Mounts one of that size in mebibytes, with a thousand inodes.
    ///
    /// # Panics
    /// When it cannot be mounted: tests that need one need root.
    pub fn mount(path: &Path, mebibytes: u32) -> Self {
        std::fs::create_dir_all(path).expect("a folder to mount on");
        let options =
            std::ffi::CString::new(format!("size={mebibytes}m,nr_inodes=1000")).expect("no zero byte");
        rustix::mount::mount(
            "tmpfs",
            path,
            "tmpfs",
            rustix::mount::MountFlags::empty(),
            Some(options.as_c_str()),
        )
        .expect("mounting a tmpfs, which needs root");
        Self { path: path.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.path, rustix::mount::UnmountFlags::DETACH);
    }
}
