//! A file that grows, followed through rotation and truncation.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use crate::unread::Unread;

/// Where a log is read. An open file keeps its inode from being used again, so that a new file is
/// always told from the old one.
pub(super) struct Tail {
    path: PathBuf,
    now: Option<Opened>,
    /// Moved away from the path: its program may still write to it until it opens the new one.
    before: Option<Opened>,
}

struct Opened {
    file: File,
    identity: (u64, u64),
    offset: u64,
    lines: Lines,
}

impl Tail {
    /// Begins at the end of what is there. A file that appears later is read from its start.
    pub(super) fn at_end_of(path: PathBuf) -> Self {
        let mut now = Opened::start_of(&path).ok();
        if let Some(opened) = &mut now {
            opened.offset = opened.file.metadata().map_or(0, |metadata| metadata.len());
        }
        Self { path, now, before: None }
    }

    /// Hands every line that was finished since to `line`.
    pub(super) fn follow(&mut self, line: &mut dyn FnMut(&[u8])) -> Result<(), Unread> {
        if let Some(before) = &mut self.before
            && !before.more(line).map_err(|error| unread(&self.path, &error))?
        {
            before.lines.end(line);
            self.before = None;
        }
        if let Some(now) = &mut self.now {
            now.more(line).map_err(|error| unread(&self.path, &error))?;
        }
        let found = fs::metadata(&self.path).map_err(|error| unread(&self.path, &error))?;
        if self.now.as_ref().is_some_and(|now| now.identity == identity(&found)) {
            return Ok(());
        }
        let mut next = Opened::start_of(&self.path).map_err(|error| unread(&self.path, &error))?;
        let read = next.more(line).map_err(|error| unread(&self.path, &error));
        if let Some(mut overtaken) = self.before.take() {
            overtaken.lines.end(line);
        }
        self.before = self.now.replace(next);
        read.map(drop)
    }
}

impl Opened {
    fn start_of(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let file = File::open(path)?;
        let identity = identity(&file.metadata()?);
        Ok(Self { file, identity, offset: 0, lines: Lines::default() })
    }

    /// Reads up to where the file ends now. Says whether there was anything.
    fn more(&mut self, line: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        if size < self.offset {
            // Truncated: what stands there now is new.
            self.offset = 0;
            self.lines = Lines::default();
        }
        let start = self.offset;
        self.file.seek(SeekFrom::Start(start))?;
        let mut chunk = vec![0; 64 * 1024];
        while self.offset < size {
            let most = chunk.len().min(usize::try_from(size - self.offset).unwrap_or(usize::MAX));
            let read = match self.file.read(&mut chunk[..most]) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.offset += read as u64;
            self.lines.push(&chunk[..read], line);
        }
        Ok(self.offset > start)
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn unread(path: &Path, error: &io::Error) -> Unread {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.to_string(),
    };
    Unread(format!("could not read {}: {why}", path.display()))
}
