//! The load, as it is written: in an experiment, or in a file of its own (a profile).

use squall_model::unit::{Rate, Span};

use crate::mistake::At;
use crate::shape::{Map, Tried, choice, document};
use crate::word::{Flag, Method, Version, Words};

document! {
    /// Requests at fixed times, whether the target keeps up or not.
    struct LoadDocument one_of("a kind of load": "tasks", "http", "command", "redis", "sql", "profile") {
        /// Tasks for the target's job queue.
        tasks: optional At<TasksLoad>,
        /// HTTP requests.
        http: optional HttpLoad,
        /// A program for each request, which must exit with 0.
        command: optional CommandLoad,
        /// Tasks for a queue in Redis.
        redis: optional RedisLoad,
        /// Tasks for a queue in PostgreSQL or SQLite.
        sql: optional SqlLoad,
        /// A load from a file: its path, or its name under `profiles/`. What is written beside it here replaces what stands there.
        profile: optional At<String>,
        /// The rate over time.
        pattern: optional At<Tried<PatternDocument>>,
        /// A request that takes longer has failed. 5s where nothing is said.
        timeout: optional At<Span>,
        /// Requests that would exceed this many under way are not sent, and counted. 1000 where nothing is said.
        max_in_flight: optional At<u32>,
        /// No more requests than this are started in a second. The pattern may not ask for more.
        max_rate: optional At<Rate>,
        /// No more requests than this in a run.
        max_total: optional At<u64>,
        /// Requests in this time from the start are sent and not counted, and the baseline begins after it. None where nothing is said.
        warm_up: optional At<Span>,
        /// A request that got no answer is sent again up to so many times within its timeout, and the retries are counted. 0 where nothing is said.
        retries: optional At<u32>,
    }
}

document! {
    /// Tasks for the target's job queue.
    struct TasksLoad {
        /// How much work each task is. 0 where nothing is said.
        work: optional At<Span>,
    }
}

document! {
    /// HTTP requests. In the address, headers and body `{n}` stands for the number of the request, `{uuid}` for a new UUID, `{random:1-100}` for a number, `{csv:COLUMN}` for a value of the next row.
    struct HttpLoad {
        /// Where they go: `http://` or `https://`.
        url: required At<String>,
        /// Method. GET where nothing is said.
        method: optional Method,
        /// Headers by name.
        headers: optional Map<At<String>>,
        /// The body of each request.
        body: optional At<String>,
        /// A file with the body.
        body_file: optional At<String>,
        /// A file with comma-separated values, names in the first line; each request takes the next row, after the last the first again.
        csv: optional At<String>,
        /// A file with the certificates (PEM) to trust, in place of those of the host.
        ca: optional At<String>,
        /// Whether a connection serves more than one request. `true` where nothing is said.
        reuse: optional Flag,
        /// The version of HTTP: `1.1` or `2`. 1.1 where nothing is said.
        version: optional Version,
    }
}

document! {
    /// A program for each request.
    struct CommandLoad {
        /// Program and arguments.
        run: required Words,
        /// A file with comma-separated values for `{csv:COLUMN}`.
        csv: optional At<String>,
    }
}

document! {
    /// Tasks for a queue in Redis.
    struct RedisLoad one_of("a queue": "list", "stream") {
        /// Address: `redis://HOST:PORT/DATABASE`, `rediss://` for TLS, or `unix://PATH`.
        url: required At<String>,
        /// With TLS, a file with the certificates (PEM) of the authorities to trust instead of the system's.
        ca: optional At<String>,
        /// The list that tasks are pushed to (LPUSH).
        list: optional At<String>,
        /// The stream that tasks are added to (XADD), as the field `body`.
        stream: optional At<String>,
        /// The task.
        body: optional At<String>,
        /// A file with the task.
        body_file: optional At<String>,
        /// A file with comma-separated values for `{csv:COLUMN}`.
        csv: optional At<String>,
    }
}

document! {
    /// Tasks for a queue in PostgreSQL or SQLite.
    struct SqlLoad {
        /// Address: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with TLS where it ends in `?sslmode=require`, or `sqlite:PATH`.
        url: required At<String>,
        /// With TLS, a file with the certificates (PEM) of the authorities to trust instead of the system's.
        ca: optional At<String>,
        /// The statement that inserts a task. The body is its only parameter: `$1`, in SQLite `?1`.
        statement: required At<String>,
        /// The task.
        body: optional At<String>,
        /// A file with the task.
        body_file: optional At<String>,
        /// A file with comma-separated values for `{csv:COLUMN}`.
        csv: optional At<String>,
    }
}

choice! {
    /// The rate over time.
    enum PatternDocument("a pattern") {
        /// Always the same.
        Constant("constant"): At<Rate>,
        /// More all the time, along a straight line.
        Linear("linear"): LinearDocument,
        /// From one rate to another along a straight line, and then as it is.
        Ramp("ramp"): RampDocument,
        /// A step up (or down) again and again.
        Step("step"): StepDocument,
        /// Another rate for a while.
        Spike("spike"): SpikeDocument,
        /// Up and down around a mean.
        Sine("sine"): SineDocument,
        /// On for a while, off for a while, again and again.
        Burst("burst"): RateBurstDocument,
        /// One of several rates, drawn from the seed, then another one of them.
        Random("random"): RandomDocument,
        /// A slow rise, and then the same for a long time.
        Soak("soak"): SoakDocument,
        /// Patterns one after the other. After the last part it begins again, unless the last has no `for`.
        Sequence("sequence"): At<Vec<At<PartDocument>>>,
    }
}

document! {
    /// A part of a sequence: a pattern and how long it lasts.
    struct PartDocument
        one_of("a pattern": "constant", "linear", "ramp", "step", "spike", "sine", "burst", "random", "soak")
    {
        /// How long it lasts. Only the last part may go on until the end.
        r#for: optional At<Span>,
        /// Always the same.
        constant: optional At<Rate>,
        /// More all the time, along a straight line.
        linear: optional LinearDocument,
        /// From one rate to another along a straight line, and then as it is.
        ramp: optional RampDocument,
        /// A step up (or down) again and again.
        step: optional StepDocument,
        /// Another rate for a while.
        spike: optional SpikeDocument,
        /// Up and down around a mean.
        sine: optional SineDocument,
        /// On for a while, off for a while, again and again.
        burst: optional RateBurstDocument,
        /// One of several rates, drawn from the seed, then another one of them.
        random: optional RandomDocument,
        /// A slow rise, and then the same for a long time.
        soak: optional SoakDocument,
    }
}

document! {
    /// More all the time, along a straight line.
    struct LinearDocument {
        /// At the beginning. 0 where nothing is said.
        from: optional At<Rate>,
        /// By so much.
        by: required At<Rate>,
        /// In so much time.
        every: required At<Span>,
        /// No further than this. Without it the rate grows until the end.
        to: optional At<Rate>,
    }
}

document! {
    /// From one rate to another along a straight line, and then as it is.
    struct RampDocument {
        /// At the beginning. 0 where nothing is said.
        from: optional At<Rate>,
        /// At the end, and after.
        to: required At<Rate>,
        /// The time between.
        over: required At<Span>,
    }
}

document! {
    /// In steps.
    struct StepDocument {
        /// The first.
        from: required At<Rate>,
        /// The height of a step.
        by: required At<Rate>,
        /// The length of a step.
        every: required At<Span>,
        /// The last, which stays.
        to: required At<Rate>,
    }
}

document! {
    /// Another rate for a while.
    struct SpikeDocument {
        /// Before and after. 0 where nothing is said.
        base: optional At<Rate>,
        /// For the while.
        to: required At<Rate>,
        /// When it begins, counted from the start of the load.
        at: required At<Span>,
        /// How long it lasts.
        r#for: required At<Span>,
    }
}

document! {
    /// Up and down around a mean, upwards first.
    struct SineDocument {
        /// The middle.
        mean: required At<Rate>,
        /// How far it goes up and down.
        swing: required At<Rate>,
        /// From one peak to the next.
        period: required At<Span>,
    }
}

document! {
    /// On for a while, off for a while, again and again.
    struct RateBurstDocument {
        /// While on.
        rate: required At<Rate>,
        /// While off. 0 where nothing is said.
        base: optional At<Rate>,
        /// On for so long.
        on: required At<Span>,
        /// Off for so long.
        off: required At<Span>,
    }
}

document! {
    /// One of several rates, drawn from the seed, then another one of them.
    struct RandomDocument {
        /// The rates.
        rates: required At<Vec<At<Rate>>>,
        /// How long each is held.
        hold: required At<Span>,
    }
}

document! {
    /// A slow rise, and then the same for a long time.
    struct SoakDocument {
        /// After the rise.
        rate: required At<Rate>,
        /// The time of the rise. 1m where nothing is said.
        over: optional At<Span>,
    }
}
