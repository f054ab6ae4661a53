//! Where clients come in, on either network.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::address::{Address, Network};
use crate::gate::Gate;
use crate::traffic::Traffic;
use crate::udp::Front;
use crate::worker::Place;

/// An open inlet. Dropped, it is closed.
#[derive(Debug)]
pub(crate) enum Inlet {
    /// For connections.
    Gate(Gate),
    /// For datagrams.
    Front(Front),
}

impl Inlet {
    /// Takes clients from now on, on the worker number `home` and, for connections, on others after it.
    ///
    /// # Errors
    /// The address is not to be had, or there is no descriptor left.
    pub(crate) fn open(
        address: &Address,
        resolved: &[SocketAddr],
        traffic: &Arc<Traffic>,
        home: usize,
        places: &[Place],
    ) -> io::Result<Self> {
        match address.network() {
            Network::Stream => {
                let gate = Gate::open(address, resolved, places.len())?;
                gate.start(traffic, home, places)?;
                Ok(Self::Gate(gate))
            }
            Network::Datagram => {
                Front::open(resolved, traffic, &places[home % places.len()]).map(Self::Front)
            }
        }
    }

    /// Where it is, as text: the port that the kernel chose included.
    pub(crate) fn at(&self) -> &str {
        match self {
            Self::Gate(gate) => gate.at(),
            Self::Front(front) => front.at(),
        }
    }
}
