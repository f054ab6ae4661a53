//! A toxic that comes and goes while many connections are busy: from when it is felt, and whether a byte is lost.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Failure;
use crate::admin::Admin;
use crate::spread::rank;

/// From message to message of a connection.
const EVERY: Duration = Duration::from_millis(100);

/// How much longer an answer takes while the toxic is there.
const LATENCY: Duration = Duration::from_millis(50);

/// When a message was sent, and when its answer came.
type Times = Rc<RefCell<Vec<(Instant, Instant)>>>;

async fn talk(at: SocketAddr, number: usize, until: Instant, times: Times) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let mut due = Instant::now() + EVERY.mul_f64((number % 100) as f64 / 100.0);
    for turn in 0_u64.. {
        sleep_until(due).await;
        if Instant::now() > until {
            break;
        }
        let message = [number as u64, turn].map(u64::to_be_bytes).concat();
        let sent = Instant::now();
        stream.write_all(&message).await?;
        let mut answer = [0; 16];
        stream.read_exact(&mut answer).await?;
        if answer[..] != message[..] {
            return Err(format!("connection {number}: another answer than what was sent").into());
        }
        times.borrow_mut().push((sent, Instant::now()));
        due = (due + EVERY).max(Instant::now());
    }
    stream.shutdown().await?;
    match stream.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(format!("connection {number}: more came than was sent").into()),
    }
}

pub(crate) async fn run(
    at: SocketAddr,
    api: &Admin,
    proxy: &str,
    count: usize,
    turns: u32,
) -> Result<(), Failure> {
    let path = format!("/proxies/{proxy}/toxics");
    let slow =
        json!({"name": "slow", "type": "latency", "attributes": {"latency": LATENCY.as_millis() as u64}});
    let times = Times::default();
    let begin = Instant::now() + Duration::from_secs(1);
    let until = begin + Duration::from_millis(500) * turns + Duration::from_millis(500);
    let mut marks = Vec::new();
    let set = LocalSet::new();
    let talking: Vec<_> =
        (0..count).map(|number| set.spawn_local(talk(at, number, until, Rc::clone(&times)))).collect();
    set.run_until(async {
        for turn in 0..turns {
            sleep_until(begin + Duration::from_millis(500) * turn).await;
            let added = Instant::now();
            api.call("POST", &path, &slow).await?;
            let answered = Instant::now();
            sleep(Duration::from_millis(240)).await;
            let removed = Instant::now();
            api.call("DELETE", &format!("{path}/slow"), &Value::Null).await?;
            marks.push((added, answered, removed, Instant::now()));
        }
        for talk in talking {
            talk.await??;
        }
        Ok::<_, Failure>(())
    })
    .await?;
    let times = times.borrow();
    let millis = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1e3;
    let (mut felt, mut over, mut first, mut freed, mut answers) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for (added, answered, removed, gone) in marks {
        answers.push(millis(added, answered));
        answers.push(millis(removed, gone));
        // The last message that still came back at once was sent so long after the call began.
        let spared = times.iter().filter(|(sent, came)| *came < removed && *came - *sent < LATENCY);
        felt.push(spared.map(|(sent, _)| millis(added, *sent)).fold(0.0, f64::max));
        // The last message that was still delayed was sent so long after the call began.
        let delayed = times
            .iter()
            .filter(|(sent, came)| *sent > removed && *sent < gone + LATENCY && *came - *sent >= LATENCY);
        over.push(delayed.map(|(sent, _)| millis(removed, *sent)).fold(0.0, f64::max));
        // Those that were held came out so long after the call began.
        let held = times
            .iter()
            .filter(|(sent, came)| *came - *sent > LATENCY / 2 && *sent < removed && *came > removed);
        let out: Vec<_> = held.map(|(_, came)| millis(removed, *came)).collect();
        first.push(out.iter().copied().fold(f64::INFINITY, f64::min));
        freed.push(out.iter().copied().fold(0.0, f64::max));
    }
    for (what, values) in [
        ("felt by the last", &mut felt),
        ("felt by nobody any more", &mut over),
        ("the first of what was held is out", &mut first),
        ("all that was held is out", &mut freed),
        ("the API has answered", &mut answers),
    ] {
        println!(
            "{count} busy connections, {what}: after {:.2} ms (median), {:.2} ms (worst of {})",
            rank(values, 0.5),
            rank(values, 1.0),
            values.len()
        );
    }
    println!("{} messages, none lost and none changed", times.len());
    Ok(())
}
