//! Who listens: from the socket's inode in /proc/net to the process that holds it open.

use std::collections::HashSet;
use std::fs;
use std::io;

use super::{FindError, Socket};
use crate::proc::{self, ProcDir, is_forbidden, is_gone};
use crate::process::{Process, ProcessError};

/// All processes that listen on `socket` in our network namespace; several when they share it.
///
/// When somebody listens whom we may not see, that is [`FindError::HolderHidden`].
pub fn listening(socket: &Socket) -> Result<Vec<Process>, FindError> {
    let inodes = inodes(socket)?;
    if inodes.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: HashSet<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for pid in proc::pids().map_err(|source| ProcessError::List { source })? {
        match held(pid, &wanted) {
            Ok(Some((process, held))) => {
                seen.extend(held);
                found.push(process);
            }
            Ok(None) => {}
            Err(error) if is_gone(&error) || is_forbidden(&error) => {}
            Err(source) => return Err(ProcessError::Read { pid, what: "fd", source }.into()),
        }
    }
    // The listener may also have closed meanwhile: only one that is still there is hidden.
    let still = self::inodes(socket)?;
    if still.iter().any(|inode| inodes.contains(inode) && !seen.contains(&format!("socket:[{inode}]"))) {
        return Err(FindError::HolderHidden { socket: socket.clone() });
    }
    found.sort_by_key(|process| (process.started, process.pid));
    Ok(found)
}

fn held(pid: u32, wanted: &HashSet<String>) -> io::Result<Option<(Process, Vec<String>)>> {
    let Some(dir) = ProcDir::open(pid)? else {
        return Ok(None);
    };
    let mut held = Vec::new();
    for name in dir.list("fd")? {
        match dir.link(&format!("fd/{name}")) {
            Ok(target) => {
                held.extend(target.to_str().filter(|target| wanted.contains(*target)).map(str::to_owned));
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if held.is_empty() {
        return Ok(None);
    }
    let stat = dir.stat()?;
    Ok(stat.is_alive().then(|| (Process::from_stat(pid, &stat), held)))
}

fn inodes(socket: &Socket) -> Result<HashSet<u64>, FindError> {
    let (files, state): (&[&str], &str) = match socket {
        Socket::Tcp(_) => (&["/proc/net/tcp", "/proc/net/tcp6"], "0A"),
        Socket::Udp(_) => (&["/proc/net/udp", "/proc/net/udp6"], "07"),
        Socket::Unix(_) => (&["/proc/net/unix"], ""),
    };
    let mut inodes = HashSet::new();
    for path in files {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // Without IPv6 there is no second file.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.ends_with('6') => continue,
            Err(source) => return Err(FindError::Read { path: path.into(), source }),
        };
        inodes.extend(text.lines().skip(1).filter_map(|line| match socket {
            Socket::Tcp(port) | Socket::Udp(port) => internet(line, *port, state),
            Socket::Unix(path) => unix(line, path.to_str()?),
        }));
    }
    Ok(inodes)
}

/// `sl local_address rem_address st ... inode`, proc_pid_net(5); the port is in hexadecimal.
fn internet(line: &str, port: u16, state: &str) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let meant = u16::from_str_radix(local, 16).ok()? == port && *fields.get(3)? == state;
    let inode = fields.get(9)?.parse().ok()?;
    (meant && inode != 0).then_some(inode)
}

/// `Num RefCount Protocol Flags Type St Inode Path`; flag 0x10000 is __SO_ACCEPTCON: it listens.
/// Datagram sockets (type 2) have no such flag: bound is enough.
fn unix(line: &str, path: &str) -> Option<u64> {
    let mut rest = line;
    let mut fields = Vec::new();
    for _ in 0..7 {
        rest = rest.trim_start();
        let (field, tail) = rest.split_once(' ')?;
        fields.push(field);
        rest = tail;
    }
    let flags = u32::from_str_radix(fields[3], 16).ok()?;
    let meant = rest.trim_start() == path && (flags & 0x1_0000 != 0 || fields[4] == "0002");
    let inode = fields[6].parse().ok()?;
    meant.then_some(inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_on_this_port_count() {
        let listening = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 \
                         00000000     0        0 1065 1 00000000f4b7bbd1 100 0 0 10 0";
        assert_eq!(internet(listening, 8080, "0A"), Some(1065));
        assert_eq!(internet(listening, 8081, "0A"), None);
        assert_eq!(internet(&listening.replace(" 0A ", " 01 "), 8080, "0A"), None);
        assert_eq!(internet("garbage", 8080, "0A"), None);
    }

    #[test]
    fn a_unix_socket_is_found_by_its_path_also_with_blanks() {
        let line = "00000000ffe6e4bd: 00000002 00000000 00010000 0001 01 11733 /run/a b.sock";
        assert_eq!(unix(line, "/run/a b.sock"), Some(11733));
        assert_eq!(unix(line, "/run/a"), None);
        assert_eq!(unix(&line.replace("00010000", "00000000"), "/run/a b.sock"), None);
        assert_eq!(unix("00000000ffe6e4bd: 00000003 00000000 00000000 0001 03 11733", ""), None);
    }
}
