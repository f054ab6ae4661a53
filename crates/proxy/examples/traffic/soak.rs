//! Random faults come, change and go under many connections for a long time. Every byte is checked, and at the end
//! nothing may have grown.
//!
//! Three proxies: on `gentle` toxics only delay, so that everything must arrive; on `rough` they also cut, so that what
//! arrives must be the beginning of what was sent. On `steady` toxics delay all the time and are never changed: a change
//! wakes every connection of its proxy, also one that has missed its own alarm and stands still for ever otherwise.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, timeout};

use crate::Failure;
use crate::admin::Admin;
use crate::exchange::{Progress, exchange};

/// What is to be done.
pub(crate) struct Soak {
    pub(crate) api: Admin,
    /// An echo server.
    pub(crate) upstream: SocketAddr,
    /// Connections at a time.
    pub(crate) count: usize,
    pub(crate) length: Duration,
    /// The process that the proxies are in.
    pub(crate) pid: u32,
    pub(crate) seed: u64,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Connections that brought everything back.
    pub(crate) whole: u64,
    /// Connections that were cut, or refused.
    pub(crate) cut: u64,
    /// Bytes that came back, each of them checked.
    pub(crate) bytes: u64,
    pub(crate) changes: u64,
    /// The largest resident set of the first and the last third, in bytes.
    pub(crate) memory: (u64, u64),
    /// Open descriptors before the first connection and after the last.
    pub(crate) descriptors: (usize, usize),
}

/// Pipes that the proxy keeps for the next bulk, and whatever else does not grow with time.
const KEPT: usize = 100;

/// The proxies: one that only delays, one that also cuts, and one that is left alone.
const NAMES: [&str; 3] = ["gentle", "rough", "steady"];

/// What delays there.
fn steady() -> [Value; 3] {
    [
        json!({"type": "latency", "stream": "both", "attributes": {"latency": 10, "jitter": 10}}),
        json!({"type": "bandwidth", "stream": "upstream", "attributes": {"rate": 20_000}}),
        json!({"type": "slicer", "attributes": {"average_size": 4000, "size_variation": 1000, "delay": 20}}),
    ]
}

/// How long a connection may stand still: far longer than all toxics together ask for.
const LONG: Duration = Duration::from_secs(20);

impl Found {
    /// All in one line.
    pub(crate) fn line(&self) -> String {
        let Self { whole, cut, bytes, changes, memory, descriptors } = self;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!(
            "{changes} changes of faults; {whole} connections whole, {cut} cut, {:.1} GB checked; memory {:.1} MiB in the \
             first third, {:.1} MiB in the last; descriptors {} before, {} after",
            *bytes as f64 / 1e9,
            mib(memory.0),
            mib(memory.1),
            descriptors.0,
            descriptors.1
        )
    }

    /// Whether nothing has grown, but for so many bytes of memory.
    ///
    /// # Errors
    /// What has.
    pub(crate) fn judge(&self, slack: u64) -> Result<(), Failure> {
        if self.memory.1 > self.memory.0 + self.memory.0 / 5 + slack {
            return Err("memory has grown".into());
        }
        if self.descriptors.1 > self.descriptors.0 + KEPT {
            return Err("descriptors are left open".into());
        }
        Ok(())
    }
}

/// Numbers by chance (SplitMix64, Steele et al. 2014).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// A toxic of this proxy, in the form of the API; what it does is drawn.
fn toxic(dice: &mut Dice, is_rough: bool, number: u64) -> Value {
    let (kind, attributes) = match dice.below(if is_rough { 7 } else { 4 }) {
        0 => ("latency", json!({"latency": dice.below(50), "jitter": dice.below(20)})),
        1 => ("bandwidth", json!({"rate": 2_000 + dice.below(100_000)})),
        2 => (
            "slicer",
            json!({"average_size": 200 + dice.below(4_000), "size_variation": dice.below(100), "delay": dice.below(20)}),
        ),
        3 => ("slow_close", json!({"delay": dice.below(100)})),
        4 => ("limit_data", json!({"bytes": dice.below(500_000)})),
        5 => ("timeout", json!({"timeout": dice.below(300)})),
        _ => ("reset_peer", json!({"timeout": dice.below(300)})),
    };
    let stream = if dice.below(2) == 0 { "upstream" } else { "downstream" };
    let toxicity = if kind == "latency" { 1.0 } else { (1 + dice.below(5)) as f64 / 10.0 };
    json!({"name": format!("t{number}"), "type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes})
}

/// The resident set in bytes and the open descriptors of a process.
fn look(pid: u32) -> io::Result<(u64, usize)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    Ok((kib.unwrap_or(0) * 1024, std::fs::read_dir(format!("/proc/{pid}/fd"))?.count()))
}

impl Soak {
    /// Does it; `tell` is given a line now and then.
    pub(crate) async fn run(&self, tell: impl Fn(String)) -> Result<Found, Failure> {
        let mut proxies = Vec::new();
        for name in NAMES {
            let body = json!({"name": name, "listen": "127.0.0.1:0", "upstream": self.upstream.to_string()});
            let view = self.api.call("POST", "/proxies", &body).await?;
            proxies.push(view["listen"].as_str().unwrap_or_default().parse::<SocketAddr>()?);
        }
        for toxic in steady() {
            self.api.call("POST", &format!("/proxies/{}/toxics", NAMES[2]), &toxic).await?;
        }
        let found = Rc::new(RefCell::new(Found::default()));
        found.borrow_mut().descriptors.0 = look(self.pid)?.1;
        let end = Instant::now() + self.length;
        let set = LocalSet::new();
        let mut clients = JoinSet::new();
        for number in 0..self.count {
            let client = Client {
                api: self.api,
                name: NAMES[number % 3],
                at: proxies[number % 3],
                is_rough: number % 3 == 1,
                seed: self.seed ^ (number as u64) << 32,
                end,
                found: Rc::clone(&found),
            };
            clients.spawn_local_on(client.run(), &set);
        }
        set.run_until(async {
            let all = async {
                while let Some(ended) = clients.join_next().await {
                    ended??;
                }
                Ok(())
            };
            tokio::try_join!(self.change(end, &found), self.watch(end, &found, &tell), all)?;
            for name in NAMES {
                self.api.call("DELETE", &format!("/proxies/{name}"), &Value::Null).await?;
            }
            // What has ended is gone a moment later.
            let patience = Instant::now() + Duration::from_secs(20);
            loop {
                let after = look(self.pid)?.1;
                found.borrow_mut().descriptors.1 = after;
                if after <= found.borrow().descriptors.0 + KEPT || Instant::now() > patience {
                    return Ok::<_, Failure>(());
                }
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await?;
        Ok(found.take())
    }

    /// Adds, changes and removes toxics.
    async fn change(&self, end: Instant, found: &RefCell<Found>) -> Result<(), Failure> {
        let mut dice = Dice(self.seed);
        let mut there: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
        let mut number = 0;
        while Instant::now() < end {
            sleep(Duration::from_millis(10 + dice.below(40))).await;
            let which = usize::from(dice.below(2) == 1);
            let (name, is_rough) = (NAMES[which], which == 1);
            let path = format!("/proxies/{name}/toxics");
            match (dice.below(20), there[which].len()) {
                (0, _) if is_rough => {
                    for enabled in [false, true] {
                        self.api
                            .call("PATCH", &format!("/proxies/{name}"), &json!({ "enabled": enabled }))
                            .await?;
                    }
                }
                (0..=8, 0..=3) | (_, 0) => {
                    number += 1;
                    there[which].push(number);
                    self.api.call("POST", &path, &toxic(&mut dice, is_rough, number)).await?;
                }
                (9..=12, count) => {
                    let of = there[which][dice.below(count as u64) as usize];
                    let toxicity = json!({"toxicity": dice.below(11) as f64 / 10.0});
                    self.api.call("PATCH", &format!("{path}/t{of}"), &toxicity).await?;
                }
                (_, count) => {
                    let of = there[which].swap_remove(dice.below(count as u64) as usize);
                    self.api.call("DELETE", &format!("{path}/t{of}"), &Value::Null).await?;
                }
            }
            found.borrow_mut().changes += 1;
        }
        for (name, numbers) in NAMES.iter().zip(there) {
            for of in numbers {
                self.api.call("DELETE", &format!("/proxies/{name}/toxics/t{of}"), &Value::Null).await?;
            }
        }
        Ok(())
    }

    /// Looks at the process.
    async fn watch(
        &self,
        end: Instant,
        found: &RefCell<Found>,
        tell: &impl Fn(String),
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let third = self.length / 3;
        let mut told = began;
        while Instant::now() < end {
            sleep((self.length / 100).min(Duration::from_secs(1))).await;
            let (memory, descriptors) = look(self.pid)?;
            let mut found = found.borrow_mut();
            if began.elapsed() < third {
                found.memory.0 = found.memory.0.max(memory);
            } else if began.elapsed() > third * 2 {
                found.memory.1 = found.memory.1.max(memory);
            }
            if told.elapsed() > self.length / 10 {
                told = Instant::now();
                tell(format!(
                    "after {:>4.0} s: {:.1} MiB, {descriptors} descriptors, {:.1} GB checked",
                    began.elapsed().as_secs_f64(),
                    memory as f64 / f64::from(1 << 20),
                    found.bytes as f64 / 1e9
                ));
            }
        }
        Ok(())
    }
}

/// One connection after the other.
struct Client {
    api: Admin,
    /// The proxy's name and address.
    name: &'static str,
    at: SocketAddr,
    is_rough: bool,
    seed: u64,
    end: Instant,
    found: Rc<RefCell<Found>>,
}

impl Client {
    async fn run(self) -> Result<(), Failure> {
        let mut dice = Dice(self.seed);
        let progress = Cell::default();
        while Instant::now() < self.end {
            // One that hangs must still be there when the proxy is asked about it.
            let mut session = pin!(exchange(self.at, &mut dice, &self.found, &progress));
            let ended = loop {
                let before = progress.get();
                match timeout(LONG, session.as_mut()).await {
                    Err(_) if progress.get() != before => {}
                    ended => break ended,
                }
            };
            match ended {
                Err(_) => return Err(self.hangs(progress.get()).await?.into()),
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData || !self.is_rough => {
                    return Err(error.into());
                }
                Ok(Ok(true)) => self.found.borrow_mut().whole += 1,
                Ok(Ok(false)) if !self.is_rough => return Err("bytes were lost where nothing cuts".into()),
                Ok(Ok(false)) => self.found.borrow_mut().cut += 1,
                // Refused.
                Ok(Err(_)) => {
                    self.found.borrow_mut().cut += 1;
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
        Ok(())
    }

    /// What the client knows of a connection that hangs, and what the proxy says of it.
    async fn hangs(&self, progress: Progress) -> io::Result<String> {
        let path = format!("/proxies/{}", self.name);
        let there = self.api.call("GET", &format!("{path}/connections"), &Value::Null).await?;
        let own = progress.client.map(|client| client.to_string());
        let mut rows = there.as_array().into_iter().flatten();
        let row = rows.find(|row| row["client"].as_str() == own.as_deref());
        let toxics = self.api.call("GET", &format!("{path}/toxics"), &Value::Null).await?;
        let seen = row.map_or_else(|| "it has no such connection".to_owned(), Value::to_string);
        Ok(format!("a connection of {} hangs: {progress:?}; of the proxy: {seen}; {toxics}", self.name))
    }
}
