//! Faults on traffic and the proxies that carry them out, as they are written.

use squall_model::traffic::Protocol;
use squall_model::unit::{Bytes, Percent, Span};

use crate::document::nth::NthDocument;
use crate::document::spread::SpreadDocument;
use crate::document::tls::OpeningDocument;
use crate::mistake::At;
use crate::shape::document;
use crate::word::{CutPoint, Disconnect, Drop, Flag, Stream, Texts};

document! {
    /// The proxy in front of a service, which the run starts, or which is there already (`api`).
    struct ProxyDocument {
        /// Where the run's proxy listens, so that clients can be sent there. `127.0.0.1:{port:SERVICE-proxy}`, a free port, where nothing is said.
        listen: optional At<String>,
        /// Where it passes the traffic on to: `127.0.0.1:6379`. Where nothing is said: the service's own port, on `localhost`: that of `find: { port }`, the `{port:SERVICE}` that it is started with, or its `{own-port}` where it has one instance.
        upstream: optional At<String>,
        /// What it reads the traffic as: `tcp`, `udp`, `http`, `websocket`, `redis` or `postgres`. As bytes (`tcp`) where nothing is said. Datagrams pass only with `udp`.
        protocol: optional At<Protocol>,
        /// The service speaks TLS, or its clients do: connections are opened for the whole run, so that faults of its `protocol` reach what is said inside, and faults on `tls` need only say what is wrong.
        tls: optional At<OpeningDocument>,
        /// `true`: new connections of this machine to `upstream` go through the proxy, and no client need be told. Needs nftables and CAP_NET_ADMIN.
        transparent: optional At<Flag>,
        /// A proxy that runs already, squall's or Toxiproxy: the address of its API, `http://127.0.0.1:8474`.
        api: optional At<String>,
        /// The name that the proxy has in that API. That of the service where nothing is said. With `api`.
        name: optional At<String>,
    }
}

document! {
    /// Bytes and connections: at least one of these.
    struct TcpDocument {
        /// Everything arrives so much later.
        delay: optional At<Span>,
        spread: flatten SpreadDocument,
        /// So many bytes a second at most, on each connection.
        bandwidth: optional At<Bytes>,
        /// A connection is closed so much later than its end asks for.
        slow_close: optional At<Span>,
        /// Nothing arrives any more, and the connection is closed after so long; `0`: it stays open.
        timeout: optional At<Span>,
        /// Connections are reset (RST) after so long; `0`: at once.
        reset: optional At<Span>,
        /// Data arrives in pieces of about this size.
        slice: optional At<Bytes>,
        /// Between two pieces of `slice`.
        pause: optional At<Span>,
        /// A connection is closed after so many bytes.
        limit: optional At<Bytes>,
        /// Which way: `upstream` (to the service), `downstream` (from it) or `both`. `downstream` where nothing is said.
        direction: optional Stream,
    }
}

document! {
    /// Datagrams: at least one of these.
    struct UdpDocument {
        /// Each arrives so much later.
        delay: optional At<Span>,
        spread: flatten SpreadDocument,
        /// Whether datagrams keep their order in spite of the jitter. Where nothing is said, later ones overtake earlier ones.
        in_order: optional At<Flag>,
        /// So many never arrive.
        loss: optional At<Percent>,
        /// Losses come in bursts: the correlation of neighbours, from `0 %` (each on its own) to `99 %` (bursts 100 times as long). With `loss`.
        correlation: optional At<Percent>,
        /// So many arrive twice.
        duplicate: optional At<Percent>,
        /// So many are overtaken by the one behind them.
        reorder: optional At<Percent>,
        /// So many bytes arrive with a bit turned over.
        corrupt: optional At<Percent>,
        /// So many bytes a second at most, for each client. What finds no room in a queue of 128 KiB is lost.
        bandwidth: optional At<Bytes>,
        /// Larger ones never arrive.
        limit: optional At<Bytes>,
        /// Which way: `upstream` (to the service), `downstream` (from it) or `both`. `downstream` where nothing is said.
        direction: optional Stream,
    }
}

document! {
    /// Commands of Redis: which, and what is done to them.
    struct RedisDocument {
        /// Commands, with their subcommand or without: `BLMOVE`, `CONFIG SET`. Every command where nothing is said.
        commands: optional Texts,
        /// Patterns as of `KEYS`, one of which a key of the command must match. Any key or none where nothing is said.
        keys: optional Texts,
        /// Addresses or networks of clients. Every client where nothing is said.
        clients: optional Texts,
        nth: flatten NthDocument,
        /// The command reaches the server so much later.
        delay: optional At<Span>,
        spread: flatten SpreadDocument,
        /// The server does not get the command; this is the answer: `LOADING`, `READONLY`, `CLUSTERDOWN`, `OOM`, `TRYAGAIN`, `MOVED HOST:PORT`, `ASK HOST:PORT`, or words of your own such as `ERR no such thing`.
        error: optional At<String>,
        /// The server does not get the command, and there is no answer: the connection stays open and silent (`hang`), or is closed (`close`).
        drop: optional At<Drop>,
        /// The reply breaks off after so many bytes, and the connection is closed.
        cut: optional At<Bytes>,
    }
}

document! {
    /// Statements of PostgreSQL: which, and what is done to them.
    struct PostgresDocument {
        /// A regular expression that is found in the statement, in any case.
        statement: optional At<String>,
        /// What the statement does: `select`, `insert`, `update`, `delete`, `merge`, `begin`, `commit`, `rollback`, `savepoint`, `copy`, `ddl`, `set`, `notify`, `other`; or `connect`, the start of a session. Anything but `connect` where nothing is said.
        kinds: optional Texts,
        /// Databases, with `*` and `?`. Every one where nothing is said.
        databases: optional Texts,
        /// Users, with `*` and `?`. Every one where nothing is said.
        users: optional Texts,
        /// Addresses or networks of clients. Every client where nothing is said.
        clients: optional Texts,
        nth: flatten NthDocument,
        /// The statement reaches the server so much later.
        delay: optional At<Span>,
        spread: flatten SpreadDocument,
        /// Each row of the result comes so much after the one before.
        row_delay: optional At<Span>,
        /// The statement is not executed; an error with this SQLSTATE is the answer: `40001`, `57P01`, `53300`.
        error: optional At<String>,
        /// The connection is reset: `before` the server gets the statement, or at its `reply`.
        cut: optional At<CutPoint>,
    }
}

document! {
    /// Messages of a WebSocket: which, and what is done to them.
    struct WebsocketDocument {
        /// Paths of the handshake, with `*` for any text. Every one where nothing is said.
        paths: optional Texts,
        /// Hosts of the handshake, with `*` for any text. Every one where nothing is said.
        hosts: optional Texts,
        /// Only messages of the client (`upstream`) or of the service (`downstream`). `both` where nothing is said.
        direction: optional Stream,
        nth: flatten NthDocument,
        /// The message, and those behind it, come so much later.
        delay: optional At<Span>,
        spread: flatten SpreadDocument,
        /// The message never arrives.
        drop: optional At<Flag>,
        /// So many copies follow the message, 1 to 16.
        duplicate: optional At<u32>,
        /// Both sides get a close frame with this code instead of the message, 1000 to 4999.
        close: optional At<u32>,
        /// The connection breaks without a close frame: it is closed (`close`) or reset (`reset`).
        disconnect: optional At<Disconnect>,
    }
}
