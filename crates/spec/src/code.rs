//! The kinds of mistakes, each with a stable name and its manual page.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $name:literal $explanation:literal)*) => {
        /// What kind of mistake it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $explanation] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable name, for `squall explain` and for programs.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The manual page.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation),* }
            }
        }
    };
}

codes! {
    Syntax "syntax" "The file is not YAML (or JSON). Nothing after this place could be read, so there may be more mistakes further down. A text that begins with one of `> < | @ % & * ! [ {` or holds `: ` must stand in quotes."
    TabIndentation "tab-indentation" "YAML is indented with spaces; a tab at the beginning of a line has no defined width and is refused. Set your editor to spaces."
    NotUtf8 "not-utf8" "The file is not text in UTF-8. Save it with that encoding; UTF-16 and Latin-1 are not read."
    TooLarge "too-large" "The file is larger than any experiment needs to be: more than 1 MiB, more than 10,000 values, or nested deeper than 64 levels. The limits keep a hostile or broken file from taking the machine down."
    SeveralDocuments "several-documents" "`---` begins a second document. One file holds one experiment; write the second into a file of its own."
    EmptyDocument "empty-document" "There is nothing in the file. `squall init` writes an experiment to start from."
    Anchor "anchor" "Anchors (`&x`), aliases (`*x`), merge keys (`<<`) and tags (`!x`) are not read. What is written in one place must be readable in that place; repeat the value."
    DuplicateKey "duplicate-key" "The same key stands twice in one mapping. YAML readers differ in which one they take, so squall takes neither."
    UnknownKey "unknown-key" "The key means nothing here. Unknown keys are mistakes, because an ignored `abrot:` would be an experiment without an abort threshold."
    MissingKey "missing-key" "A key that is needed is missing."
    EmptyValue "empty-value" "The key is there, but nothing is written after it. Write a value, or leave the key out."
    WrongShape "wrong-shape" "The value has another form than is read here: a text, a list (`[a, b]` or lines with `-`), or a mapping (`key: value`)."
    NotADuration "not-a-duration" "Durations are numbers with units, from large to small: `250ms`, `1.5s`, `2m`, `1h30m`. The units are ns, us, ms, s, m, h. Only 0 needs none."
    NotAPercentage "not-a-percentage" "Percentages are numbers from 0 to 100 with a percent sign: `50 %`."
    NotBytes "not-bytes" "Sizes are numbers with a unit: KiB, MiB, GiB, TiB count in 1024, KB, MB, GB, TB in 1000: `256 MiB`."
    NotARate "not-a-rate" "Rates are numbers per second, minute or hour: `20/s`, `600/min`, `3600/h`."
    NotANumber "not-a-number" "A whole number is read here, without unit and within the named range."
    NotAFlag "not-a-flag" "`true` or `false` is read here."
    UnknownWord "unknown-word" "Only certain words are read here; the help names them."
    MissingChoice "missing-choice" "One of several keys is needed here, to say which kind is meant."
    SeveralChoices "several-choices" "Only one of these keys may be there: each of them says another kind."
    NotAvailable "not-available" "The word is known, but this version of squall cannot do it yet."
    BadName "bad-name" "Names are made of letters, digits, `-`, `_` and `.`, begin with a letter or digit, and have at most 64 characters: they become parts of file names, options and instance names."
    UnknownService "unknown-service" "The target has no service of that name."
    EachElsewhere "each-elsewhere" "A measure with `each` is read for every instance of one service by itself. What it reads must belong to that instance: a process fact of the same service, or a probe whose texts name the instance with {name}, {own-port} or {pid}. Where one reading for the whole is needed, such a measure cannot stand."
    NoControlGroup "no-control-group" "A measure of traffic compares the requests that a fault hits with those of the same kind that it spares. So there must be a fault on requests (`http`, `redis`, `postgres`) of that service, and it must spare some: give it `percent: 50 %`, `first` or `every`."
    UnknownMeasure "unknown-measure" "The steady state has no measure of that name."
    UnknownInstance "unknown-instance" "The service has no instance of that name right now. Instances are named after their service and numbered from 1, by start time: `worker-1`."
    NothingFound "nothing-found" "The target could not be surveyed: the service has no running process, so that the fault would hit nothing. Start the service, or correct how the target finds it. Nothing was touched."
    BadExpectation "bad-expectation" "Expectations are comparisons: `< 1 %`, `<= baseline * 1.15`, `<= baseline + 20 ms`, `between 1 and 5`, `absent`, `present`, `== \"text\"`, `matches ^ok`."
    WrongUnit "wrong-unit" "The reading has another unit than what it is compared with. Write the limit in the unit of the reading: latencies in ms or s, shares in %, sizes in bytes, rates in /s, counts without unit."
    BadRegex "bad-regex" "The regular expression does not compile. The syntax is that of Rust's regex crate: no look-around, no back-references."
    BadCommand "bad-command" "Programs are written as a list: the program, then each argument. No shell is involved, so no quoting, pipes or variables; write `[sh, -c, \"...\"]` when you want one."
    UnknownReference "unknown-reference" "Text in braces is filled in when the run starts. The references are {run-dir}, {squall}, {port:NAME}, {env:NAME}, {file:PATH}; {name} and {own-port} in what a service starts and, with {pid}, in a measure with `each`, {count} in a scale command, {token} after a login, {n}, {uuid}, {random:1-100} and {csv:COLUMN} in what the load sends, {work} in tasks. A port has its name where a service is started with it; elsewhere the same name must be used."
    BadAddress "bad-address" "Addresses of HTTP requests begin with http:// or https://; those of TCP probes are HOST:PORT."
    BadPath "bad-path" "The path cannot be used here; the label says why."
    FindsEverything "finds-everything" "The service would be every process of the machine, and so would what a fault on it hits. Say more closely which processes belong to it."
    RootFilesystem "root-filesystem" "squall never fills the root filesystem: a machine with a full root can often not be mended over the network. Use a path on a filesystem of its own, for example a tmpfs or a volume."
    WindowOutside "window-outside" "The fault would begin or end after the experiment's `duration`. `at` and `for` are counted from the end of the baseline."
    BadBurst "bad-burst" "A burst switches the fault on for `on` and off for `off`, again and again within `for`. Both must be longer than 0, `on` no longer than `for`, and there may be at most 10,000 windows."
    Zero "zero" "Zero means nothing here: no time, no instances, no change."
    OutOfRange "out-of-range" "The number is outside of what makes sense here; the help names the range."
    TimeoutTooLong "timeout-too-long" "A reading that takes as long as the time between two readings delays the next. `timeout` must not be longer than `every`."
    BaselineTooShort "baseline-too-short" "The baseline needs at least three readings of every measure: fewer say nothing about how the system is when it is well."
    RecoveryTooShort "recovery-too-short" "The system must be steady for `steady-for` before the time `within` is over, which cannot be when `within` is shorter."
    RelativeBefore "relative-before" "A limit relative to the baseline cannot be judged in the baseline itself."
    AbortTooLoose "abort-too-loose" "The abort threshold must lie outside of what is expected. One that is reached while the expectation still holds would end an experiment that goes well."
    JudgesNothing "judges-nothing" "The key says how an expectation is judged, but the measure has no expectation, or what is said leaves nothing of it to judge."
    PickTooMany "pick-too-many" "More instances are asked for than there are."
    SeveralPicks "several-picks" "`on.instances` names the instances and `pick` chooses among them; only one of the two can decide."
    StageOrder "stage-order" "The stages of a rollout hit more and more: the instances of one stage are among those of the next. Write them in growing order."
    StageShare "stage-share" "A stage hits a share of the instances that each fault picks, or of the traffic that it hits. A fault of the whole host, or of a service as a whole, can only be left out (`shadow`) or injected in full (`100 %`)."
    StageSame "stage-same" "Shares are rounded up to whole instances, and two stages come to the same ones. The later stage shows nothing new."
    MissingOn "missing-on" "The fault acts on processes: `on: { service: NAME }` says whose."
    NeedlessOn "needless-on" "The fault acts on the whole host, so it cannot be narrowed to a service."
    NeedlessPick "needless-pick" "The fault acts on a service as a whole, so single instances cannot be chosen."
    OtherProtocol "other-protocol" "The proxy in front of the service reads its traffic as another protocol than the fault is about, so the fault could never hit anything. Leave `protocol` out of `proxy`, or give the fault to the service that speaks it."
    NoControl "no-control" "squall did not start the service and has not been told how to do this to it. Give the programs under `control:` in the target."
    NoMeasures "no-measures" "Without a measure there is no steady state, and so nothing that the experiment could find out."
    NoTasks "no-tasks" "The target does not say how a task is handed to it. Give `tasks: { url: ... }` in the target, or use `load: { http: ... }`."
    NoQueue "no-queue" "The target does not say how its queue is read. Give `queue: { stats: [PROGRAM, ...] }` in the target."
    NoLoad "no-load" "The measure reads the built-in load, but the experiment has no `load:`."
    TargetUnreadable "target-unreadable" "The target is not built in, and no file of it could be read. `lab` is built in; files are looked for beside the experiment and under `targets/`."
    ProfileUnreadable "profile-unreadable" "The load is said to stand in a file of its own, and that file could not be read, or is itself made of another. It is looked for beside the experiment, and by its name under `profiles/`."
    EnvironmentDiffers "environment-differs" "The target says in which environment it stands. An experiment cannot declare it to be another one, because policies depend on it."
    NoAbort "no-abort" "No measure has an `abort:` threshold, so the faults stay until their end however bad it gets. Add one to the measure that matters most to users."
    NoOwner "no-owner" "Nobody is named who answers for the experiment. `owner:` says whom to ask when it is found running."
    NoFaults "no-faults" "There are no faults: a control run. It shows how much the measures move by themselves."
    NoRestart "no-restart" "Nobody is known to start the killed process again: no `restart-after`, no unit, no `expect-restart`. If nothing does, the service stays smaller after the experiment."
    NoWindow "no-window" "With this seed, chance has left out every window of the fault: it will not be injected. Another `--seed` gives another draw."
    Unjudged "unjudged" "The measure is only recorded: it has no `expect:` and cannot change the verdict."
    NoReadings "no-readings" "The time between two readings is longer than the time in which faults are on, so that the measure may say nothing about them. Read it more often, or make the experiment longer."
    NoLag "no-lag" "Prometheus answers with the last scrape, which may be a scrape interval old. `lag:` says how old, so that readings are counted in the right phase."
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
