//! `squall proxy`: only the proxy, with Toxiproxy's API.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use squall_engine::filling::Filling;
use squall_engine::reason::reason;
use squall_host::redirect::{self, Redirect};
use squall_model::unit::Span;
use squall_model::verdict::Exit;
use squall_proxy::{Address, Event, Refusal, Server, Settings as ProxySettings, What};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;

use crate::args::quantity;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::running::runtime;
use crate::signals::Signals;

/// Only the fault proxy, with Toxiproxy's API: its clients and config work as they are
///
/// For example: squall proxy --config proxies.json, or squall proxy --from :26379 --to 127.0.0.1:6379 --protocol redis,
/// or without a change to any client: squall proxy --to localhost:6379 --transparent
///
/// SIGTERM and Ctrl-C end it: no new connections, and those that are open have --drain to finish.
#[derive(Debug, clap::Args)]
pub(crate) struct Proxy {
    /// Where the API listens: HOST:PORT
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8474", value_parser = of_api)]
    listen: Address,
    /// Proxies to start with: a JSON list, as for POST /populate
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One proxy without a file: it passes everything on to this HOST:PORT, udp://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    to: Option<Address>,
    /// Where that proxy listens, in the same forms; a free port of 127.0.0.1 where nothing is said
    #[arg(long, value_name = "ADDRESS", requires = "to")]
    from: Option<Address>,
    /// The name of that proxy
    #[arg(long, value_name = "NAME", requires = "to", default_value = "proxy")]
    name: String,
    /// What that proxy reads the traffic as: `http`, `redis` or `postgres`; bytes where nothing is said
    #[arg(long, value_name = "PROTOCOL", requires = "to", hide_possible_values = true,
          value_parser = ["http", "redis", "postgres"])]
    protocol: Option<String>,
    /// Open connections of TLS and look inside, as `proxy: { tls: ... }` of a target says it: `{}`, or
    /// `{ authority: { certificate: /ca.pem, key: /ca.key }, upstream: { tls: { roots: /ca.pem } } }`
    #[arg(long, value_name = "HOW", requires = "protocol")]
    tls: Option<String>,
    /// How long a session of datagrams lives without one; a minute where nothing is said
    #[arg(long, value_name = "TIME", value_parser = quantity::<Span>, requires = "to")]
    idle_timeout: Option<Span>,
    /// Lead this machine's new connections to --to through that proxy, as long as it runs; needs nftables and root
    #[arg(long, requires = "to")]
    transparent: bool,
    /// Draw all chances from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// What is told: `error` what fails, `info` also changes, `debug` also every connection and hit
    #[arg(long, value_name = "LEVEL", default_value = "info", hide_possible_values = true)]
    log: Level,
    /// How long a server behind a proxy may take to answer a connect
    #[arg(long, value_name = "TIME", value_parser = quantity::<Span>, default_value = "10s")]
    dial_timeout: Span,
    /// How long open connections may finish at the end
    #[arg(long, value_name = "TIME", value_parser = quantity::<Span>, default_value = "5s")]
    drain: Span,
    /// Threads that carry bytes; one for each core where nothing is said
    #[arg(long, value_name = "N")]
    workers: Option<std::num::NonZeroUsize>,
}

/// After its end the log has so long to be read.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Level {
    Error,
    Info,
    Debug,
}

impl Proxy {
    pub(crate) fn run(&self, printer: &mut Printer) -> Result<Exit, Failure> {
        let plans = match (&self.config, &self.to) {
            (Some(path), _) => read(path, printer)?,
            (None, Some(to)) => self.single(to)?,
            (None, None) => Vec::new(),
        };
        raise_descriptors();
        let settings = ProxySettings {
            seed: self.seed,
            workers: self.workers.map(std::num::NonZero::get),
            dial_timeout: self.dial_timeout.0,
            mark: self.transparent.then_some(redirect::MARK),
        };
        let server = Server::start(&settings)
            .map_err(|error| Failure::refused(format!("could not start the proxy: {error}")))?;
        let mut events = if self.log == Level::Debug { server.events() } else { server.changes() };
        let populated = server.populate(&plans);
        if let Some(refusal) = populated.refusal {
            let of = self.config.as_ref().map_or(String::new(), |path| format!(" of {}", path.display()));
            return Err(Failure::refused(format!("could not make a proxy{of}: {}", refusal.of_file())));
        }
        let redirect = match (&self.to, populated.proxies.first()) {
            (Some(to), Some(proxy)) if self.transparent => {
                let redirect = led(to, &proxy.listen)?;
                printer.line(format!(
                    "connections to {to} go through {}, by the table {}",
                    proxy.listen,
                    redirect.table()
                ));
                Some(redirect)
            }
            _ => None,
        };
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (listen, drain) = (self.listen.clone(), self.drain.0);
        // The API has a thread of its own: a log that nobody reads must not hold it up.
        let api = thread::Builder::new()
            .name("api".into())
            .spawn(move || {
                let served = serve(&server, redirect, &listen, drain, &ready);
                drop(server);
                let exit = if served.is_ok() { Exit::Held } else { Exit::Unexpected };
                // Nor may it keep the process: whoever waits for its end may be the one who does not read.
                let _ = thread::Builder::new().name("end".into()).spawn(move || {
                    thread::sleep(TOLD_WITHIN);
                    std::process::exit(i32::from(exit.code()));
                });
                served
            })
            .map_err(|error| Failure::refused(format!("could not start a thread: {error}")))?;
        if let Ok(at) = is_ready.recv() {
            printer.line(format!("listening at http://{at}, seed {}", self.seed));
        }
        loop {
            match events.blocking_recv() {
                Ok(event) => self.tell(&event, printer),
                Err(RecvError::Lagged(missed)) => printer.warn(format!("{missed} events were not told")),
                // With the server the last one who tells is gone.
                Err(RecvError::Closed) => break,
            }
        }
        api.join().unwrap_or_else(|_| Err(Failure::new(Exit::Unexpected, "the API's thread ended badly")))?;
        Ok(Exit::Held)
    }

    /// The proxy that the flags describe.
    fn single(&self, to: &Address) -> Result<Vec<squall_proxy::Plan>, Failure> {
        let mut proxy = serde_json::json!({ "name": self.name, "listen": self.from, "upstream": to });
        if let Some(protocol) = &self.protocol {
            proxy["protocol"] = protocol.as_str().into();
        }
        if let Some(tls) = &self.tls {
            proxy["tls"] = opening(tls)?;
        }
        if let Some(idle) = self.idle_timeout {
            proxy["idle_timeout"] = (idle.as_millis() as u64).into();
        }
        let text = Value::Array(vec![proxy]).to_string();
        let read = squall_proxy::plans(text.as_bytes()).map_err(|refusal| {
            let what =
                if let Refusal::At { refusal, .. } = refusal { refusal.of_file() } else { refusal.of_file() };
            Failure::usage(format!("could not make a proxy to {to}: {what}"))
        })?;
        Ok(read.value)
    }

    fn tell(&self, event: &Arc<Event>, printer: &mut Printer) {
        let (level, text) = line(&event.what);
        if level <= self.log {
            printer.line(format!("{}: {text}", event.proxy));
        }
    }
}

/// Where the API can listen.
fn of_api(text: &str) -> Result<Address, String> {
    match text.parse() {
        Ok(address @ Address::Tcp { .. }) => Ok(address),
        Ok(_) => Err("the API listens at HOST:PORT".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// How connections of TLS are opened, with its files read.
fn opening(text: &str) -> Result<Value, Failure> {
    let opening = squall_spec::opening::read("--tls", text);
    let opening = opening.map_err(|mistakes| Failure { exit: Exit::Usage, ..mistakes.into() })?;
    let mut opening = Value::Object(opening);
    // Nothing but files stands in it.
    let filling = Filling::new(PathBuf::new(), PathBuf::new(), BTreeMap::new());
    filling
        .fill_json(&mut opening)
        .map_err(|error| Failure::file(format!("--tls: could not {}", reason(&error))))?;
    Ok(opening)
}

/// Reads the config file; all of it is checked before anything is made.
fn read(path: &Path, printer: &mut Printer) -> Result<Vec<squall_proxy::Plan>, Failure> {
    let shown = path.display();
    let text =
        std::fs::read(path).map_err(|error| Failure::file(format!("could not read {shown}: {error}")))?;
    if text.trim_ascii().is_empty() {
        return Err(Failure::file(format!("{shown} is empty")).hint("a list of proxies, or [] for none"));
    }
    let read = squall_proxy::plans(&text).map_err(|refusal| {
        let failure = Failure::file(format!("{shown}: {}", refusal.of_file()));
        match refusal.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    for field in read.ignored {
        printer.warn(format!("{shown}: `{field}` means nothing here"));
    }
    Ok(read.value)
}

/// A proxy needs two descriptors for each connection, and the usual soft limit is 1,024.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the proxy says so when they are used up.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Serves the API until a signal comes, and drains.
fn serve(
    server: &Server,
    redirect: Option<Redirect>,
    listen: &Address,
    drain: Duration,
    ready: &std::sync::mpsc::Sender<SocketAddr>,
) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let refused = |error: &dyn std::fmt::Display| {
            Failure::refused(format!("could not listen at {listen}: {error}"))
                .hint("squall proxy --listen 127.0.0.1:0 takes any free port")
        };
        let mut signals =
            Signals::listen().map_err(|error| Failure::refused(format!("could not listen to signals: {error}")))?;
        let bound = match listen {
            // As everywhere else: without a host at all addresses.
            Address::Tcp { host, port } if host.is_empty() => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await
            }
            other => TcpListener::bind(other.to_string()).await,
        };
        let listener = bound.map_err(|error| refused(&error))?;
        let at = listener.local_addr().map_err(|error| refused(&error))?;
        // Nobody listens any more only when the main thread is gone.
        let _ = ready.send(at);
        let is_lost = tokio::select! {
            served = squall_proxy::api::serve(listener, server.clone()) => served.map_err(|error| refused(&error)).map(|()| false)?,
            _ = signals.next() => false,
            lost = lost(redirect.as_ref()) => lost.map(|()| true)?,
        };
        // First of all new connections go directly, so that none is refused.
        if let Some(redirect) = redirect {
            redirect.end().map_err(|error| Failure::unexpected(&error))?;
        }
        tokio::select! {
            () = server.drain(drain) => {}
            // A second signal: at once.
            _ = signals.next() => {}
        }
        if is_lost {
            return Err(Failure::new(Exit::Unexpected, "nft has ended, and with it the way through the proxy"));
        }
        Ok(())
    })
}

/// Leads new connections through the proxy that listens at `through`.
fn led(to: &Address, through: &str) -> Result<Redirect, Failure> {
    let Address::Tcp { host, port: own } = to else {
        return Err(Failure::usage("--transparent is for connections of TCP: --to must be HOST:PORT"));
    };
    let port = match through.parse() {
        Ok(Address::Tcp { host, port }) if host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback()) => {
            port
        }
        _ => {
            return Err(Failure::usage(
                "--transparent leads connections to a proxy at 127.0.0.1: leave --from out",
            ));
        }
    };
    let found = if host.eq_ignore_ascii_case("localhost") {
        vec![(Ipv4Addr::LOCALHOST, *own).into(), (Ipv6Addr::LOCALHOST, *own).into()]
    } else {
        let found = (host.as_str(), *own).to_socket_addrs();
        found
            .map_err(|error| Failure::refused(format!("could not resolve {to}: {error}")))?
            .collect::<Vec<_>>()
    };
    Redirect::start(&format!("squall-{port}"), &found, port).map_err(|error| {
        Failure::refused(format!("could not {}", reason(&error)))
            .hint("--transparent needs the program nft, root or CAP_NET_ADMIN, and Linux 5.12 or later")
    })
}

/// Waits until the redirection has ended by itself; for ever where there is none.
async fn lost(redirect: Option<&Redirect>) -> Result<(), Failure> {
    let Some(redirect) = redirect else { return std::future::pending().await };
    let (ended, has_ended) = tokio::sync::oneshot::channel();
    let watching = redirect.watch().and_then(|watch| {
        thread::Builder::new().name("redirect".into()).spawn(move || {
            watch();
            // Nobody listens any more when the proxy ends.
            let _ = ended.send(());
        })
    });
    watching.map_err(|error| Failure::refused(format!("could not watch the redirection: {error}")))?;
    // An end without a word is an end too.
    let _ = has_ended.await;
    Ok(())
}

fn line(what: &What) -> (Level, String) {
    match what {
        What::ProxyCreated { listen, upstream } => (Level::Info, format!("from {listen} to {upstream}")),
        What::ProxyChanged { listen, upstream, enabled } => {
            let state = if *enabled { "" } else { ", disabled" };
            (Level::Info, format!("from {listen} to {upstream}{state}"))
        }
        What::ProxyRemoved => (Level::Info, "removed".to_owned()),
        What::ToxicAdded { toxic } => (Level::Info, format!("{toxic} added")),
        What::ToxicChanged { toxic } => (Level::Info, format!("{toxic} changed")),
        What::ToxicRemoved { toxic } => (Level::Info, format!("{toxic} removed")),
        What::ToxicExpired { toxic } => (Level::Info, format!("{toxic} removed, its time is over")),
        What::ConnectionOpened { connection, client } => {
            (Level::Debug, format!("connection {connection} opened by {client}"))
        }
        What::ConnectionClosed { connection, client, how, seconds, upstream, downstream } => (
            Level::Debug,
            format!(
                "connection {connection} of {client} {how} after {seconds:.3} s, \
                 {upstream} bytes up, {downstream} bytes down"
            ),
        ),
        What::DialFailed { connection, upstream, error } => {
            (Level::Error, format!("connection {connection} could not reach {upstream}: {error}"))
        }
        What::AcceptFailed { error } => {
            (Level::Error, format!("could not take connections, clients wait: {error}"))
        }
        // Nothing was hit: rules cannot see this connection.
        What::Hit { connection, hit } if hit.rule.is_empty() => {
            (Level::Debug, format!("connection {connection}: {} {}", hit.what, hit.done))
        }
        What::Hit { connection, hit } => {
            (Level::Debug, format!("connection {connection}: {}: {} {}", hit.rule, hit.what, hit.done))
        }
    }
}
