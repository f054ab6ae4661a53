//! The policy, as it is written.

use squall_model::unit::{Percent, Rate, Span};

use crate::mistake::At;
use crate::shape::{Map, document};
use crate::word::Flag;

document! {
    /// What experiments may do, by environment.
    struct PolicyDocument {
        /// The environments, by name. `production` and `prod` are locked where nothing is said of them.
        environments: wanted Map<EnvironmentDocument>,
    }
}

document! {
    /// What experiments may do in one environment.
    struct EnvironmentDocument {
        /// Nothing may be injected. Production needs `false` here, and the name of the experiment typed in as well.
        locked: optional Flag,
        /// The largest share of a service's instances that one fault may hit.
        max_percent: optional At<Percent>,
        /// The largest number of faults at the same time.
        max_faults: optional At<u32>,
        /// The longest time in which faults are injected.
        max_duration: optional At<Span>,
        /// The most requests that the load of an experiment may start in a second, at the peak of its pattern; of a pattern that grows without an end, its own `max-rate` counts.
        max_load_rate: optional At<Rate>,
        /// The most requests that it may have under way at the same time.
        max_load_in_flight: optional At<u32>,
        /// The most requests that it may start in a run. The experiment must say so with its own `max-total`.
        max_load_total: optional At<u64>,
        /// The services that faults may act on. All where nothing is said.
        services: optional Vec<At<String>>,
        /// Whether faults may act on the whole host. `true` where nothing is said.
        host_faults: optional Flag,
    }
}
