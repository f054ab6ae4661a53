//! The listening socket.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::LabError;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens, also right after another process on this port was killed: `SO_REUSEADDR` ignores its connections in
/// TIME_WAIT (socket(7)).
pub(crate) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), LabError> {
    let listening = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listening().map_err(|source| LabError::Listen { address, source })
}
