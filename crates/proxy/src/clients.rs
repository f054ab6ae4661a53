//! Whom a rule is for, by address.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::mistake::Mistake;
use crate::names::Names;

/// Networks of clients; none stands for every client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients(Vec<IpNet>);

impl Clients {
    /// Reads addresses (`10.0.0.7`) and networks (`10.0.0.0/8`, `fd00::/8`); `place` is where they stand.
    pub fn new(names: &Names, place: &str) -> Result<Self, Mistake> {
        let network = |name: &String| {
            name.parse::<IpNet>().or_else(|_| name.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                let hint = "an address such as 10.0.0.7 or a network such as 10.0.0.0/8";
                Mistake::at(place, format!("`{name}` is no network"), hint)
            })
        };
        names.0.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this client is meant. One without an address (a Unix socket) is meant only where all are.
    pub fn have(&self, client: Option<IpAddr>) -> bool {
        self.0.is_empty()
            // An IPv4 client of a listener for both is seen as ::ffff:a.b.c.d.
            || client.is_some_and(|client| self.0.iter().any(|net| net.contains(&client.to_canonical())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_meant_by_address_and_by_network() {
        let clients = |text: &str| Clients::new(&Names(vec![text.to_owned()]), "client").unwrap();
        let address = |text: &str| Some(text.parse().unwrap());
        assert!(Clients::default().have(None));
        assert!(clients("10.0.0.0/8").have(address("10.9.8.7")));
        assert!(clients("10.0.0.0/8").have(address("::ffff:10.9.8.7")));
        assert!(!clients("10.0.0.0/8").have(address("11.0.0.1")));
        assert!(!clients("10.0.0.0/8").have(None));
        assert!(clients("127.0.0.1").have(address("127.0.0.1")));
        assert!(!clients("::1").have(address("::2")));
        let mistake = Clients::new(&Names(vec!["10.0.0.0/33".to_owned()]), "client").unwrap_err();
        assert!(mistake.to_string().starts_with("client: `10.0.0.0/33` is no network; "), "{mistake}");
    }
}
