//! Faults, as they are written.

use squall_model::fault::{Amount, PauseBy, Scope, Signal};
use squall_model::unit::{Bytes, Percent, Span};

use crate::document::http::HttpDocument;
use crate::document::tls::TlsDocument;
use crate::document::traffic::{
    PostgresDocument, RedisDocument, TcpDocument, UdpDocument, WebsocketDocument,
};
use crate::mistake::At;
use crate::shape::{Map, Tried, choice, document};
use crate::word::{Pick, Words};

document! {
    /// A fault: what is broken, where and when.
    struct FaultDocument {
        /// What is broken.
        inject: wanted At<InjectDocument>,
        /// Whose processes are hit. Not for faults of the whole host.
        on: optional At<Tried<OnDocument>>,
        /// Which instances are hit: a number, a share (`50 %`, rounded up, at least one) or names. Numbers and shares are drawn from the seed. All of them where nothing is said.
        pick: optional At<Pick>,
        /// The share of the traffic that is hit: of the connections for `tcp`, of the clients for `udp`, of the requests for the others. All of it where nothing is said. Only for faults on traffic.
        percent: optional At<Percent>,
        /// When it begins, counted from the end of the baseline. At once where nothing is said.
        at: optional At<Span>,
        /// How long it lasts. Until the end of `duration` where nothing is said.
        r#for: optional At<Span>,
        /// On for a while, off for a while, again and again within `for`.
        burst: optional BurstDocument,
        /// Begins only once the last reading of a measure is like this: `{ backlog: "> 0" }`.
        when: optional At<Map<At<String>>>,
        /// The chance of each window to take place, drawn from the seed. 100 % where nothing is said.
        chance: optional At<Percent>,
    }
}

document! {
    /// Where a fault acts.
    struct OnDocument {
        /// The service.
        service: required At<String>,
        /// Instances by name. All where nothing is said.
        instances: optional At<Vec<At<String>>>,
    }
}

document! {
    /// On for a while, off for a while.
    struct BurstDocument {
        /// On for so long.
        on: required At<Span>,
        /// Off for so long.
        off: required At<Span>,
    }
}

choice! {
    /// What is broken: one kind of fault and its parameters.
    enum InjectDocument("a kind of fault")
        later(
            "grpc" => "`http` reads gRPC too",
            "network-delay" => "use `command` with your own `tc` calls as `inject`, `undo` and `check`",
            "network-loss" => "use `command` with your own `tc` calls as `inject`, `undo` and `check`",
            "network-partition" => "use `command` with your own `nft` calls as `inject`, `undo` and `check`",
            "bandwidth" => "use `command` with your own `tc` calls as `inject`, `undo` and `check`",
            "dns" => "use `command` with programs of your own as `inject`, `undo` and `check`",
            "clock-skew" => "use `command` with programs of your own as `inject`, `undo` and `check`",
            "disk-io" => "`disk-fill` is available; for the rest use `command`",
            "container-kill" => "`process-kill` with a service found by `cgroup` or `pid-file` is available",
            "pod-kill" => "use `command` with your own `kubectl` calls as `inject`, `undo` and `check`"
        )
    {
        /// A signal that ends processes, once per window.
        ProcessKill("process-kill"): ProcessKillDocument,
        /// Processes stand still, and go on afterwards.
        ProcessPause("process-pause"): ProcessPauseDocument,
        /// Busy loops on this host.
        CpuStress("cpu-stress"): CpuStressDocument,
        /// Memory of this host taken and held.
        MemoryPressure("memory-pressure"): MemoryPressureDocument,
        /// A filesystem filled, never the root filesystem.
        DiskFill("disk-fill"): DiskFillDocument,
        /// The inodes of a filesystem used up, never those of the root filesystem.
        InodeExhaustion("inode-exhaustion"): InodeExhaustionDocument,
        /// TCP ports of this host bound, so that nobody else can use them.
        PortExhaustion("port-exhaustion"): PortExhaustionDocument,
        /// Fewer file descriptors for the chosen processes.
        FdExhaustion("fd-exhaustion"): FdExhaustionDocument,
        /// No more processes or threads for the chosen processes.
        PidExhaustion("pid-exhaustion"): PidExhaustionDocument,
        /// Limits of the cgroup of the chosen processes.
        CgroupLimit("cgroup-limit"): At<CgroupLimitDocument>,
        /// The service is asked to stop, and stays down for the window.
        ServiceStop("service-stop"): ServiceStopDocument,
        /// The service is killed, and stays down for the window.
        ServiceKill("service-kill"): ServiceKillDocument,
        /// The service is stopped and started at once.
        ServiceRestart("service-restart"): ServiceRestartDocument,
        /// The service has another number of instances for the window.
        ServiceScale("service-scale"): ServiceScaleDocument,
        /// Bytes and connections on their way to and from the service, through its `proxy`.
        Tcp("tcp"): At<TcpDocument>,
        /// Datagrams on their way to and from the service, through its `proxy`.
        Udp("udp"): At<UdpDocument>,
        /// Requests of HTTP and gRPC on their way to the service, through its `proxy`.
        Http("http"): At<HttpDocument>,
        /// Commands of Redis on their way to the service, through its `proxy`.
        Redis("redis"): At<RedisDocument>,
        /// Statements of PostgreSQL on their way to the service, through its `proxy`.
        Postgres("postgres"): At<PostgresDocument>,
        /// TLS connections of the service's clients, through its `proxy`: their handshake, and the certificate that they see.
        Tls("tls"): At<TlsDocument>,
        /// Messages of a WebSocket, through the service's `proxy`.
        Websocket("websocket"): At<WebsocketDocument>,
        /// Programs of your own.
        Command("command"): CommandFaultDocument,
    }
}

document! {
    /// A signal that ends processes, once per window.
    struct ProcessKillDocument {
        /// The signal: KILL, TERM, INT, HUP, QUIT, ABRT, SEGV, USR1 or USR2. KILL where nothing is said.
        signal: optional Signal,
        /// How far it reaches from each chosen process: `process`, `group`, `session` or `tree`. The process where nothing is said.
        scope: optional Scope,
        /// The service must be whole again within this, counted from the kill.
        expect_restart: optional At<Span>,
    }
}

document! {
    /// Processes stand still, and go on afterwards.
    struct ProcessPauseDocument {
        /// How far it reaches from each chosen process: `process`, `group`, `session` or `tree`. The process where nothing is said.
        scope: optional Scope,
        /// By `signal` (SIGSTOP, SIGCONT) or by `freezer` (cgroup). By signal where nothing is said.
        by: optional PauseBy,
    }
}

document! {
    /// Busy loops on this host.
    struct CpuStressDocument {
        /// Share of a core that each worker takes.
        percent: required At<Percent>,
        /// Number of workers. One a core where nothing is said.
        workers: optional At<u32>,
    }
}

document! {
    /// Memory of this host taken and held.
    struct MemoryPressureDocument {
        /// How much: bytes (`512 MiB`) or a share of what is available (`30 %`).
        amount: required At<Amount>,
        /// Time over which it grows. At once where nothing is said.
        ramp: optional At<Span>,
    }
}

document! {
    /// A filesystem filled, never the root filesystem.
    struct DiskFillDocument {
        /// A folder on it.
        path: required At<String>,
        /// How much: bytes (`1 GiB`) or a share of what is available (`95 %`).
        amount: required At<Amount>,
    }
}

document! {
    /// The inodes of a filesystem used up, never those of the root filesystem.
    struct InodeExhaustionDocument {
        /// A folder on it.
        path: required At<String>,
        /// How many, in percent of those that are free. 100 % where nothing is said.
        percent: optional At<Percent>,
    }
}

document! {
    /// TCP ports of this host bound, so that nobody else can use them. Those in use already are passed over.
    struct PortExhaustionDocument {
        /// The first port, at least 1024.
        first: required At<u32>,
        /// The last port, at most 65535.
        last: required At<u32>,
    }
}

document! {
    /// Fewer file descriptors for the chosen processes.
    struct FdExhaustionDocument {
        /// The new soft limit, in percent of the descriptors that each has open now. 100 % where nothing is said: no new ones.
        percent: optional At<Percent>,
    }
}

document! {
    /// No more processes or threads for the chosen processes.
    struct PidExhaustionDocument {
        /// How many more than now they may make. 0 where nothing is said.
        spare: optional At<u32>,
    }
}

document! {
    /// Limits of the cgroup of the chosen processes; at least one.
    struct CgroupLimitDocument {
        /// CPU time, in percent of one core.
        cpu: optional At<Percent>,
        /// Memory.
        memory: optional At<Bytes>,
        /// Number of processes and threads.
        pids: optional At<u32>,
    }
}

document! {
    /// The service is asked to stop, and stays down for the window.
    struct ServiceStopDocument {}
}

document! {
    /// The service is killed, and stays down for the window.
    struct ServiceKillDocument {}
}

document! {
    /// The service is stopped and started at once.
    struct ServiceRestartDocument {}
}

document! {
    /// The service has another number of instances for the window.
    struct ServiceScaleDocument {
        /// The number of instances.
        to: required At<u32>,
        /// One every so long. All at once where nothing is said.
        every: optional At<Span>,
    }
}

document! {
    /// Programs of your own.
    struct CommandFaultDocument {
        /// Makes the change.
        inject: required Words,
        /// Takes it back; run again until `check` says that it is gone.
        undo: required Words,
        /// Exits with 0 while the change is in effect, with 1 when it is not, and with anything else when it cannot say.
        check: required Words,
        /// For each of the three. 10s where nothing is said.
        timeout: optional At<Span>,
    }
}
