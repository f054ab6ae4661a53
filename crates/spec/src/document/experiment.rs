//! The experiment, as it is written.

use serde_json::{Value, json};
use squall_model::measure::{Flow, Judged};
use squall_model::unit::{Percent, Span};

use crate::document::conservation::ConservationDocument;
use crate::document::fault::FaultDocument;
use crate::document::load::LoadDocument;
use crate::document::probe::ProbeDocument;
use crate::document::stage::StageDocument;
use crate::document::target::TargetDocument;
use crate::lab::Store;
use crate::mistake::At;
use crate::node::{Kind, Node};
use crate::notes::Notes;
use crate::shape::{Map, OrText, Shape, Tried, document};

document! {
    /// An experiment: break something on purpose, and see whether the system stays as it should be.
    struct ExperimentDocument {
        /// Its name: letters, digits, `-`, `_` and `.`.
        name: wanted At<String>,
        /// What is believed, in a sentence or two. Reports open with it.
        description: optional At<String>,
        /// Who answers for it.
        owner: optional At<String>,
        /// Labels.
        tags: optional Vec<At<String>>,
        /// The system under experiment: `lab` (the built-in job queue), the name or path of a target file, or a target written here.
        target: wanted TargetChoice,
        /// The environment that the target stands in, where the target itself does not say. `local` where nothing is said.
        environment: optional At<String>,
        /// Everything that chance decides is drawn from it. Where nothing is said it follows from the text of this file.
        seed: optional At<u64>,
        /// A steady stream of requests, from before the baseline until after the recovery.
        load: optional At<Tried<LoadDocument>>,
        /// The steady-state hypothesis: what is measured, and what is expected before, during and after the faults.
        steady: wanted SteadyDocument,
        /// Length of the baseline, in which nothing is broken yet. 10s, or three readings where that is longer.
        baseline: optional At<Span>,
        /// Length of the time in which faults are injected and watched.
        duration: wanted At<Span>,
        /// The faults, by names of your choice. None at all is a control run.
        faults: optional Map<FaultDocument>,
        /// A rollout: the faults are injected once for each stage, into a growing share of the instances that they pick. The next stage begins only when everything was as expected and the system is itself again: `[shadow, 10 %, 50 %, 100 %]`.
        stages: optional At<Vec<OrText<StageDocument>>>,
        /// How soon the steady state must be back after the last undo.
        recovery: optional RecoveryDocument,
    }
}

document! {
    /// The steady-state hypothesis.
    struct SteadyDocument {
        /// Time between two readings of a measure. 1s where nothing is said.
        every: optional At<Span>,
        /// Base address of the Prometheus server for the measures that read from one: `http://prometheus:9090`.
        prometheus: optional At<String>,
        /// The measures, by names of your choice.
        measures: wanted At<Map<MeasureDocument>>,
        /// What must add up when the load has ended: nothing lost, nothing done twice.
        conservation: optional At<Tried<ConservationDocument>>,
    }
}

document! {
    /// A measure: how it is read, and what is expected of it.
    struct MeasureDocument {
        /// How it is read.
        probe: flatten ProbeDocument,
        /// A service: the measure is read for each of its instances by itself, at the same times. While a fault hits some of them, the others are its control group. `{name}`, `{own-port}` and `{pid}` stand for the instance.
        each: optional At<String>,
        /// What is expected of each reading: `< 1 %`, `<= baseline * 1.15`, `<= baseline + 20 ms`, `between 1 and 5`, `absent`, `present`, `== "text"`, `matches ^ok`. Without it the measure is only recorded.
        expect: optional At<String>,
        /// Everything is undone at once when readings are like this: `> 20 %`. Must lie outside of what is expected.
        abort: optional OrText<AbortDocument>,
        /// The share of readings in a phase that may miss the expectation. 0 % where nothing is said.
        allow: optional At<Percent>,
        /// In which phases the expectation counts. All three where nothing is said.
        judge: optional At<Vec<At<Judged>>>,
        /// Time between two readings, where it differs from that of the steady state.
        every: optional At<Span>,
        /// A reading that takes longer could not be taken. `every`, but 5s at most, where nothing is said.
        timeout: optional At<Span>,
        /// How old what is read may be: the scrape interval of a metric source.
        lag: optional At<Span>,
        /// Its numbers say what the system gets done, and the report says how much less that was than in the baseline: `rate` (each is a rate per second), `count` (each counts since the reading before, as of a log), `total` (each counts all so far, as of a counter).
        throughput: optional At<Flow>,
    }
}

document! {
    /// An abort threshold.
    struct AbortDocument {
        /// The breach: `> 20 %`.
        when: required At<String>,
        /// So many breaches in a row end the run. 2 where nothing is said.
        consecutive: optional At<u32>,
    }
}

document! {
    /// How soon the steady state must be back.
    struct RecoveryDocument {
        /// Counted from the last undo. 30s where nothing is said.
        within: optional At<Span>,
        /// Every measure as expected for so long counts as steady. 5s where nothing is said.
        steady_for: optional At<Span>,
        /// The measure that is the backlog: it must be back at its level of the baseline within the same time.
        backlog: optional At<String>,
    }
}

document! {
    /// The built-in job queue.
    struct LabDocument {
        /// Number of workers. 4 where nothing is said.
        workers: optional At<u32>,
        /// What keeps the queue: `sqlite` (a file, where nothing is said), `redis` or `postgres` (a server of the run's
        /// own, the service `queue`).
        queue: optional Store,
    }
}

/// The target: named, the lab with options, or written in place.
#[derive(Clone, Debug)]
pub(crate) enum TargetChoice {
    Named(At<String>),
    Lab(LabDocument),
    Written(Box<At<TargetDocument>>),
}

impl Shape for TargetChoice {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { .. } => At::read(node, notes).map(Self::Named),
            Kind::Mapping(entries) if entries.len() == 1 && entries[0].0.value == "lab" => {
                LabDocument::read(&entries[0].1, notes).map(Self::Lab)
            }
            _ => At::read(node, notes).map(Box::new).map(Self::Written),
        }
    }

    fn schema() -> Value {
        let lab = json!({
            "type": "object",
            "properties": { "lab": LabDocument::schema() },
            "required": ["lab"],
            "additionalProperties": false,
        });
        json!({ "anyOf": [{ "type": "string", "examples": ["lab"] }, lab, TargetDocument::schema()] })
    }
}
