//! Traffic for `benches/proxy.bash`: what the load tools of distributions do not send or do not measure.
//!
//! ```text
//! traffic serve ECHO SOURCE                 an echo server, and one that sends without end
//! traffic connects AT SECONDS               new connections, each with one message and its answer: how many
//! traffic idle AT COUNT                     holds connections until it is killed; says `open` when all are
//! traffic delays AT COUNT MICROSECONDS      one message every so often: p50, p99 and the least, in milliseconds
//! traffic bandwidth AT SECONDS              bytes a second that come
//! traffic change AT API PROXY COUNT TURNS   a toxic comes and goes while connections are busy
//! traffic soak UPSTREAM API COUNT SECONDS PID SEED   random faults, every byte checked, memory and descriptors of PID
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod admin;
mod bandwidth;
mod change;
mod connects;
mod delays;
mod exchange;
mod idle;
mod server;
mod soak;
mod spread;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

type Failure = Box<dyn Error + Send + Sync>;

/// The arguments, one after the other.
struct Arguments(std::iter::Skip<std::env::Args>);

impl Arguments {
    fn next<T: FromStr>(&mut self, what: &str) -> Result<T, Failure> {
        let given = self.0.next().ok_or_else(|| format!("{what} is missing"))?;
        given.parse().map_err(|_| format!("{what}: cannot read `{given}`").into())
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("traffic: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut given = Arguments(std::env::args().skip(1));
    let mode: String = given.next("the mode")?;
    if mode == "delays" {
        return delays::run(given.next("AT")?, given.next("COUNT")?, given.next("MICROSECONDS")?);
    }
    // One thread, so that the other core is the proxy's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match mode.as_str() {
            "serve" => server::run(given.next("ECHO")?, given.next("SOURCE")?).await,
            "connects" => connects::run(given.next("AT")?, given.next("SECONDS")?).await,
            "idle" => idle::run(given.next("AT")?, given.next("COUNT")?).await,
            "bandwidth" => bandwidth::run(given.next("AT")?, given.next("SECONDS")?).await,
            "change" => {
                let at: SocketAddr = given.next("AT")?;
                let api = admin::Admin(given.next("API")?);
                let proxy: String = given.next("PROXY")?;
                change::run(at, &api, &proxy, given.next("COUNT")?, given.next("TURNS")?).await
            }
            "soak" => {
                let upstream: SocketAddr = given.next("UPSTREAM")?;
                let api = admin::Admin(given.next("API")?);
                let (count, seconds) = (given.next("COUNT")?, given.next("SECONDS")?);
                let soak = soak::Soak {
                    api,
                    upstream,
                    count,
                    length: Duration::from_secs(seconds),
                    pid: given.next("PID")?,
                    seed: given.next("SEED")?,
                };
                let found = soak.run(|line| println!("{line}")).await?;
                println!("{}", found.line());
                found.judge(8 << 20)
            }
            other => Err(format!("there is no mode `{other}`").into()),
        }
    })
}
