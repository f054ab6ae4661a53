//! The target, as it is written.

use squall_model::unit::Span;

use crate::document::probe::ProbeDocument;
use crate::document::traffic::ProxyDocument;
use crate::mistake::At;
use crate::shape::{Map, Tried, choice, document};
use crate::word::{Method, Words};

document! {
    /// A system under experiment: its services, and how each is found, stopped, started and scaled.
    struct TargetDocument {
        /// Its name. That of the file where nothing is said.
        name: optional At<String>,
        /// The environment that it stands in; policies speak of it. `local` where nothing is said.
        environment: optional At<String>,
        /// Its services, by names of your choice.
        services: wanted Map<ServiceDocument>,
        /// A view of its job queue that needs no API.
        queue: optional Tried<QueueDocument>,
        /// How a task is handed to it.
        tasks: optional Tried<TaskDocument>,
    }
}

document! {
    /// A service: a set of like processes.
    struct ServiceDocument one_of("a source of processes": "start", "find") {
        /// squall starts and supervises them, and ends them with the run.
        start: optional StartDocument,
        /// They run already, and are found like this.
        find: optional At<FindDocument>,
        /// Programs that control it, where squall has no way of its own.
        control: optional ControlDocument,
        /// The proxy in front of it, where faults on its traffic are wanted.
        proxy: optional At<ProxyDocument>,
        /// Whether it is well: `{ http: URL }`, `{ tcp: HOST:PORT }` or `{ command: ... }`. A start waits for it.
        health: optional At<ProbeDocument>,
    }
}

document! {
    /// A service that squall starts.
    struct StartDocument {
        /// Program and arguments; `{name}` stands for the name of the instance, `{port:NAME}` for a free port.
        run: required Words,
        /// How many instances, named `SERVICE-1` and on. 1 where nothing is said.
        count: optional At<u32>,
        /// Variables added to squall's own environment.
        env: optional Map<At<String>>,
        /// Working folder. The run's own folder where nothing is said.
        dir: optional At<String>,
        /// An instance that exits is started again after so long. It stays down where nothing is said.
        restart_after: optional At<Span>,
    }
}

choice! {
    /// How the processes of a service are found.
    enum FindDocument("a way to find processes") {
        /// By program name, with `*` and `?`.
        Name("name"): At<String>,
        /// By a regular expression over the whole command line.
        CommandLine("command-line"): At<String>,
        /// By a PID file.
        PidFile("pid-file"): At<String>,
        /// By the TCP port that they listen on.
        Port("port"): At<u16>,
        /// All processes of a cgroup: its path below the root of the hierarchy.
        Cgroup("cgroup"): At<String>,
        /// A systemd unit.
        Unit("unit"): At<String>,
        /// By a program that prints PIDs, one a line.
        List("list"): Words,
        /// Nowhere on this machine: only its traffic can be hit, by `proxy`. `elsewhere: {}`.
        Elsewhere("elsewhere"): ElsewhereDocument,
    }
}

document! {
    /// A service that has no processes on this machine.
    struct ElsewhereDocument {}
}

document! {
    /// Programs that control a service.
    struct ControlDocument {
        /// Stops all of it.
        stop: optional Words,
        /// Starts all of it.
        start: optional Words,
        /// Restarts it.
        restart: optional Words,
        /// Brings it to `{count}` instances.
        scale: optional Words,
    }
}

document! {
    /// The admin view of a job queue.
    struct QueueDocument {
        /// A program that prints one JSON object of figures.
        stats: required Words,
    }
}

document! {
    /// How a task is handed to the target: one HTTP request.
    struct TaskDocument {
        /// Address.
        url: required At<String>,
        /// Method. POST where nothing is said.
        method: optional Method,
        /// Headers by name.
        headers: optional Map<At<String>>,
        /// Body; `{work}` stands for the work of a task in milliseconds, `{n}` for its number.
        body: required At<String>,
    }
}
