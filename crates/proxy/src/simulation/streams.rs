//! Connections.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};

use super::{Phases, TICK, below, live, now, simulation, until};
use crate::chain::{Chain, Piece};
use crate::dice::Dice;
use crate::layer::Way;

/// One way of a connection.
struct Lane {
    chain: Chain,
    ready: Vec<Piece>,
    /// The sender has not ended.
    is_open: bool,
    is_done: bool,
}

impl Lane {
    fn new(way: Way) -> Self {
        Self { chain: Chain::new(way), ready: Vec::new(), is_open: true, is_done: false }
    }
}

/// Carries one connection to its end, and stalls the way to the server between pairs of these times.
async fn carry(client: TcpStream, server: TcpStream, phases: Phases, stalls: Vec<Duration>) {
    let opened = now();
    let (mut phases, mut stalls) = (VecDeque::from(phases), VecDeque::from(stalls));
    let mut is_stalled = false;
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let mut writers = [to_server, to_client];
    let mut lanes = [Lane::new(Way::Upstream), Lane::new(Way::Downstream)];
    let (mut up, mut down) = (vec![0; 4096], vec![0; 4096]);
    while !lanes.iter().all(|lane| lane.is_done) {
        let now = now();
        while let Some((_, toxics)) = phases.pop_front_if(|(at, _)| opened + *at <= now) {
            for lane in &mut lanes {
                let cut = lane.chain.change(&toxics, 0, opened, now, &mut lane.ready);
                assert_eq!(cut, None);
            }
        }
        while stalls.pop_front_if(|at| opened + *at <= now).is_some() {
            let change = if is_stalled { turmoil::release } else { turmoil::hold };
            change("proxy", "server");
            is_stalled = !is_stalled;
        }
        for (lane, writer) in lanes.iter_mut().zip(&mut writers) {
            assert_eq!(lane.chain.run(now, &mut lane.ready), None);
            for piece in lane.ready.drain(..) {
                match piece {
                    Piece::Data(bytes) => writer.write_all(&bytes).await.unwrap(),
                    Piece::End => {
                        writer.shutdown().await.unwrap();
                        lane.is_done = true;
                    }
                    other => panic!("{other:?} from toxics that end nothing"),
                }
            }
        }
        let dues = lanes.iter().filter_map(|lane| lane.chain.due());
        let changes = phases.front().map(|(at, _)| opened + *at).into_iter();
        let wake = dues.chain(changes).chain(stalls.front().map(|at| opened + *at)).min();
        let (way, read) = tokio::select! {
            read = from_client.read(&mut up), if lanes[0].is_open && lanes[0].chain.has_room() => (0, read.unwrap()),
            read = from_server.read(&mut down), if lanes[1].is_open && lanes[1].chain.has_room() => (1, read.unwrap()),
            () = until(wake) => continue,
        };
        let lane = &mut lanes[way];
        lane.is_open = read > 0;
        let bytes = if way == 0 { &up[..read] } else { &down[..read] };
        let piece = if read > 0 { Piece::Data(Bytes::copy_from_slice(bytes)) } else { Piece::End };
        lane.chain.push(piece, super::now(), &mut lane.ready);
    }
}

async fn serve_one(phases: Phases, stalls: Vec<Duration>) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", 1)).await?;
    let (client, _) = listener.accept().await?;
    let server = TcpStream::connect(("server", 1)).await?;
    carry(client, server, phases, stalls).await;
    Ok(())
}

/// A proxy, a server that echoes, and a client that does this.
fn run<F>(length: Duration, phases: Phases, stalls: Vec<Duration>, client: F)
where
    F: Future<Output = turmoil::Result> + 'static,
{
    let mut simulation = simulation(length);
    simulation.host("server", || async {
        let listener = TcpListener::bind(("0.0.0.0", 1)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let (mut from, mut to) = stream.into_split();
            tokio::io::copy(&mut from, &mut to).await?;
            to.shutdown().await?;
        }
    });
    simulation.host("proxy", move || serve_one(phases.clone(), stalls.clone()));
    simulation.client("client", client);
    simulation.run().unwrap();
}

// F20: over half an hour, every message is as late as the toxics of its time say, whatever came before, and to the tick.
#[test]
fn messages_are_late_by_exactly_their_latency_for_half_an_hour() {
    const PHASE: Duration = Duration::from_mins(2);
    const LATENCIES: [(u64, u64); 15] = [
        (0, 0),
        (10, 0),
        (0, 50),
        (1000, 0),
        (0, 0),
        (30_000, 30_000),
        (70, 30),
        (0, 20_000),
        (500, 500),
        (40_000, 0),
        (0, 0),
        (10, 10),
        (5000, 50),
        (60, 0),
        (0, 0),
    ];
    const MESSAGES: usize = 20;
    let phases = LATENCIES
        .iter()
        .enumerate()
        .map(|(number, (up, down))| {
            let toxic = |stream: &str, latency: u64, id: usize| {
                let document =
                    json!({"type": "latency", "stream": stream, "attributes": {"latency": latency}});
                live(&document, id as u64)
            };
            let mut toxics = Vec::new();
            if *up > 0 {
                toxics.push(toxic("upstream", *up, 2 * number));
            }
            if *down > 0 {
                toxics.push(toxic("downstream", *down, 2 * number + 1));
            }
            (PHASE * number as u32, toxics)
        })
        .collect();
    let took: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let noted = Arc::clone(&took);
    run(PHASE * 16, phases, Vec::new(), async move {
        let began = now();
        let (mut from, mut to) = TcpStream::connect(("proxy", 1)).await?.into_split();
        let at = move |number: usize| {
            // Away from the change of the phase.
            let (phase, message) = (number / MESSAGES, number % MESSAGES);
            began + PHASE * phase as u32 + Duration::from_secs(1 + message as u64)
        };
        let count = LATENCIES.len() * MESSAGES;
        let write = async {
            for number in 0..count {
                until(Some(at(number))).await;
                to.write_all(&(number as u32).to_be_bytes()).await?;
            }
            to.shutdown().await
        };
        let read = async {
            for number in 0..count {
                assert_eq!(from.read_u32().await?, number as u32);
                noted.lock().unwrap().push(now() - at(number));
            }
            assert_eq!(from.read(&mut [0]).await?, 0, "the end comes last");
            std::io::Result::Ok(())
        };
        tokio::try_join!(write, read)?;
        Ok(())
    });
    let took = took.lock().unwrap();
    let network = took[0];
    assert!(network < TICK * 10, "{network:?} without a toxic");
    for (number, took) in took.iter().enumerate() {
        let (up, down) = LATENCIES[number / MESSAGES];
        let expected = network + Duration::from_millis(up + down);
        let off = took.abs_diff(expected);
        assert!(off < TICK, "message {number} took {took:?}, {expected:?} expected");
    }
}

// Whatever comes and goes, and however often the server cannot be reached: every byte arrives, in order, and then the end.
#[test]
fn no_byte_is_lost_whatever_toxics_come_and_go_while_the_network_stalls() {
    for seed in 0..12 {
        let mut dice = Dice::of(seed);
        let mut phases = Vec::new();
        let mut toxics: Vec<_> = Vec::new();
        for id in 0..40 {
            if !toxics.is_empty() && below(&mut dice, 2) == 0 {
                toxics.remove(below(&mut dice, toxics.len() as u64) as usize);
            }
            let mut document = match below(&mut dice, 4) {
                0 => {
                    json!({"type": "latency", "attributes": {"latency": below(&mut dice, 3000), "jitter": below(&mut dice, 500)}})
                }
                1 => json!({"type": "bandwidth", "attributes": {"rate": 1 + below(&mut dice, 100)}}),
                2 => {
                    json!({"type": "slicer", "attributes": {"average_size": 1 + below(&mut dice, 500), "delay": below(&mut dice, 1000)}})
                }
                _ => json!({"type": "slow_close", "attributes": {"delay": below(&mut dice, 5000)}}),
            };
            document["stream"] = ["upstream", "downstream", "both"][below(&mut dice, 3) as usize].into();
            toxics.push(live(&document, id));
            phases.push((Duration::from_millis(500 * id), toxics.clone()));
        }
        phases.push((Duration::from_secs(30), Vec::new()));
        let mut stalls: Vec<_> =
            (0..10).map(|_| Duration::from_millis(10 * below(&mut dice, 2500))).collect();
        stalls.sort();
        run(Duration::from_mins(10), phases, stalls, async move {
            let (mut from, mut to) = TcpStream::connect(("proxy", 1)).await?.into_split();
            let mut sent = Vec::new();
            for number in 0..200_u64 {
                let bytes: Vec<u8> = (0..below(&mut dice, 2000)).map(|at| (at ^ number) as u8).collect();
                sent.extend(bytes);
            }
            let write = async {
                for chunk in sent.chunks(1000) {
                    tokio::time::sleep(Duration::from_millis(below(&mut dice, 200))).await;
                    to.write_all(chunk).await?;
                }
                to.shutdown().await
            };
            let mut back = Vec::new();
            tokio::try_join!(write, from.read_to_end(&mut back))?;
            assert!(back == sent, "seed {seed}: {} of {} bytes", back.len(), sent.len());
            Ok(())
        });
    }
}
