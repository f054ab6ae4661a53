//! Where a proxy listens, and where it goes: `HOST:PORT`, `udp://HOST:PORT` or `unix:/PATH`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// An address as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host name or an IP address, and a port.
    Tcp {
        /// Empty: every address to listen at, this machine to go to.
        host: String,
        /// 0, to listen at: one that the kernel chooses.
        port: u16,
    },
    /// The same for datagrams.
    Udp {
        /// Empty: every address to listen at, this machine to go to.
        host: String,
        /// 0, to listen at: one that the kernel chooses.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// What goes to and from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Connections, each with a stream of bytes both ways.
    Stream,
    /// Datagrams (UDP).
    Datagram,
}

/// The text is no address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{0}` is no address: write HOST:PORT, [IPV6]:PORT, udp://HOST:PORT or unix:/PATH")]
pub struct NoAddress(String);

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let no_address = || NoAddress(text.chars().take(200).collect());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // sun_path has 108 bytes with the final zero, unix(7).
            return if path.starts_with('/') && path.len() < 108 && !path.contains('\0') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(no_address())
            };
        }
        let (is_udp, rest) = text.strip_prefix("udp://").map_or((false, text), |rest| (true, rest));
        let (host, port) = rest.rsplit_once(':').ok_or_else(no_address)?;
        let port = port.parse().map_err(|_| no_address())?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bracketed.is_none() && host.contains(':') {
            return Err(no_address());
        }
        let host = bracketed.unwrap_or(host);
        if host.len() > 253 || host.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(no_address());
        }
        let host = host.to_owned();
        Ok(if is_udp { Self::Udp { host, port } } else { Self::Tcp { host, port } })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = match self {
            Self::Unix(path) => return write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } => (host, port),
            Self::Udp { host, port } => {
                f.write_str("udp://")?;
                (host, port)
            }
        };
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Address {
    /// What goes to and from it.
    pub(crate) fn network(&self) -> Network {
        match self {
            Self::Tcp { .. } | Self::Unix(_) => Network::Stream,
            Self::Udp { .. } => Network::Datagram,
        }
    }

    /// The name and the port, where it has them.
    pub(crate) fn host(&self) -> Option<(&str, u16)> {
        match self {
            Self::Tcp { host, port } | Self::Udp { host, port } => Some((host, *port)),
            Self::Unix(_) => None,
        }
    }

    /// What it resolves to when somebody listens at it. IPv4 first: clients of Toxiproxy split `HOST:PORT` at the
    /// first colon. Asks the resolver, which may take its time.
    ///
    /// # Errors
    /// The resolver's.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let Some((host, port)) = self.host() else { return Ok(Vec::new()) };
        if host.is_empty() {
            return Ok(vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))]);
        }
        let mut found: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        Ok(found)
    }

    /// The socket addresses that it stands for, as far as no resolver is needed.
    pub(crate) fn loopback_or_literal(&self) -> Vec<SocketAddr> {
        match self.host() {
            Some((host, port)) if host.eq_ignore_ascii_case("localhost") => {
                vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
            }
            _ => self.literal().into_iter().collect(),
        }
    }

    /// The socket address, where no resolver is needed.
    pub(crate) fn literal(&self) -> Option<SocketAddr> {
        let (host, port) = self.host()?;
        if host.is_empty() {
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        host.parse::<IpAddr>().ok().map(|host| SocketAddr::new(host, port))
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_the_same() {
        for text in [
            "localhost:80",
            "127.0.0.1:0",
            "[::1]:443",
            ":8080",
            "unix:/run/x.sock",
            "db.internal:5432",
            "udp://127.0.0.1:53",
            "udp://[::1]:53",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("unix:///run/x".parse::<Address>().unwrap().to_string(), "unix:/run/x");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_form() {
        for text in [
            "",
            "localhost",
            "a:b",
            "host:65536",
            "::1:80",
            "unix:relative",
            "a b:80",
            "http://x:80",
            "udp://x",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("HOST:PORT"), "{error}");
        }
    }

    #[test]
    fn localhost_is_ipv4_first() {
        let address: Address = "localhost:0".parse().unwrap();
        assert!(address.resolve().unwrap()[0].is_ipv4());
    }
}
