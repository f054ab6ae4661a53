//! Datagrams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use turmoil::net::UdpSocket;

use super::{TICK, live, now, simulation, until};
use crate::chain::{Chain, Piece};
use crate::layer::Way;
use crate::toxic::Live;

/// What the proxy sent on, and what the server got: numbers, and when since the beginning.
#[derive(Default)]
struct Seen {
    /// With whether the server could not be reached then.
    forwarded: Vec<(u32, bool)>,
    arrived: Vec<(u32, Duration)>,
}

/// Sends so many datagrams, a tenth of a second apart, through these toxics. The server cannot be reached from and until
/// these times.
fn run(count: u32, toxics: Vec<Arc<Live>>, gap: (Duration, Duration)) -> Seen {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let (by_proxy, by_server) = (Arc::clone(&seen), Arc::clone(&seen));
    let mut simulation = simulation(Duration::from_hours(1));
    simulation.host("server", move || {
        let seen = Arc::clone(&by_server);
        async move {
            let socket = UdpSocket::bind(("0.0.0.0", 1)).await?;
            let mut buffer = [0; 16];
            loop {
                let (length, _) = socket.recv_from(&mut buffer).await?;
                let number = u32::from_be_bytes(buffer[..length].try_into()?);
                seen.lock().unwrap().arrived.push((number, turmoil::sim_elapsed().unwrap()));
            }
        }
    });
    simulation.host("proxy", move || forward(toxics.clone(), gap, Arc::clone(&by_proxy)));
    simulation.client("client", async move {
        let socket = UdpSocket::bind(("0.0.0.0", 1)).await?;
        for number in 0..count {
            until(Some(now() + Duration::from_millis(100))).await;
            socket.send_to(&number.to_be_bytes(), ("proxy", 1)).await?;
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
        Ok(())
    });
    simulation.run().unwrap();
    drop(simulation);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

async fn forward(
    toxics: Vec<Arc<Live>>,
    (from, to): (Duration, Duration),
    seen: Arc<Mutex<Seen>>,
) -> turmoil::Result {
    let began = now();
    let front = UdpSocket::bind(("0.0.0.0", 1)).await?;
    let back = UdpSocket::bind(("0.0.0.0", 2)).await?;
    let mut chain = Chain::of_datagrams(Way::Upstream);
    let mut ready = Vec::new();
    chain.change(&toxics, 0, began, began, &mut ready);
    let mut changes = vec![began + to, began + from];
    let mut buffer = [0; 16];
    loop {
        if changes.pop_if(|at| *at <= now()).is_some() {
            let change = if changes.is_empty() { turmoil::repair } else { turmoil::partition };
            change("proxy", "server");
        }
        chain.run(now(), &mut ready);
        for piece in ready.drain(..) {
            let Piece::Data(datagram) = piece else { panic!("{piece:?} is no datagram") };
            let number = u32::from_be_bytes(datagram[..].try_into()?);
            seen.lock().unwrap().forwarded.push((number, changes.len() == 1));
            back.send_to(&datagram, ("server", 1)).await?;
        }
        tokio::select! {
            came = front.recv_from(&mut buffer) => {
                let (length, _) = came?;
                chain.push(Piece::Data(Bytes::copy_from_slice(&buffer[..length])), now(), &mut ready);
            }
            () = until(chain.due().into_iter().chain(changes.last().copied()).min()) => {}
        }
    }
}

// F20: what the toxics count as hit, what a broken network takes, and what arrives add up, datagram by datagram.
#[test]
fn every_datagram_is_accounted_for_also_while_the_server_cannot_be_reached() {
    let loss = live(
        &json!({"type": "loss", "stream": "upstream",
                            "attributes": {"percent": 20, "correlation": 60}}),
        1,
    );
    let double = live(&json!({"type": "duplicate", "stream": "upstream", "attributes": {"percent": 10}}), 2);
    let gap = (Duration::from_millis(60_055), Duration::from_millis(90_055));
    let seen = run(2000, vec![Arc::clone(&loss), Arc::clone(&double)], gap);
    assert_eq!(seen.forwarded.len() as u64, 2000 - loss.shared.hits() + double.shared.hits());
    let lost_in_gap = seen.forwarded.iter().filter(|(_, is_gap)| *is_gap).count();
    assert!((150..=400).contains(&lost_in_gap), "{lost_in_gap} of the 300 of the half minute");
    let sent: Vec<u32> =
        seen.forwarded.iter().filter(|(_, is_gap)| !is_gap).map(|(number, _)| *number).collect();
    let arrived: Vec<u32> = seen.arrived.iter().map(|(number, _)| *number).collect();
    assert_eq!(arrived, sent);
}

#[test]
fn each_datagram_has_a_delay_of_its_own_and_overtakes_by_it() {
    let document = json!({"type": "latency", "stream": "upstream",
                          "attributes": {"latency": 1000, "jitter": 800}});
    let never = (Duration::from_hours(2), Duration::from_hours(3));
    let straight: HashMap<u32, Duration> = run(600, Vec::new(), never).arrived.into_iter().collect();
    let seen = run(600, vec![live(&document, 1)], never);
    assert_eq!((straight.len(), seen.arrived.len()), (600, 600));
    let mut most = 0;
    let mut overtaken = 0;
    for (number, at) in &seen.arrived {
        let delay = at.saturating_sub(straight[number]);
        let range = Duration::from_millis(200).saturating_sub(TICK)..=Duration::from_millis(1800) + TICK;
        assert!(range.contains(&delay), "{number} was {delay:?} late");
        overtaken += u32::from(*number < most);
        most = most.max(*number);
    }
    assert!(overtaken > 300, "only {overtaken} were overtaken");
}
