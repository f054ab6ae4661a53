//! TCP ports: bound, not listening. connect(2) passes over bound ports when it picks one.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

use super::{Held, Hold, Measured, StressError};

impl Hold for Vec<OwnedFd> {}

pub(super) fn take(first: u16, last: u16) -> Result<Held, StressError> {
    if first == 0 || last < first {
        return Err(StressError::Order { why: "ports go from a first to a last one, at least 1" });
    }
    let failed = |source| StressError::Take { what: "a port", source };
    let mut held = Vec::new();
    let mut taken = 0;
    for port in first..=last {
        match hold(port) {
            Ok(socket) => held.push(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken += 1,
            Err(error) => return Err(failed(error)),
        }
    }
    let count = held.len() as u32;
    Ok((Box::new(held), Measured::Ports { count, taken }))
}

fn hold(port: u16) -> io::Result<OwnedFd> {
    let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    Ok(socket)
}
