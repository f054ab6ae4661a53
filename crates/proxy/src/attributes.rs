//! What every rule can be told, whatever its protocol.

/// Declares the attributes of a protocol's rules: `which` requests are meant, and `what` happens to them. Between them
/// stand the words for a share of the requests and for a delay, which are the same for all rules; what is delayed is said
/// by `delay`.
///
/// They are no struct of their own: serde cannot put one into another that names its fields when there is an unknown one.
macro_rules! attributes {
    (
        $(#[$more:meta])*
        which { $($which:tt)* }
        $(#[doc = $delay:literal])+
        delay;
        what { $($what:tt)* }
    ) => {
        /// A rule as it is written, in JSON.
        #[derive(Clone, Debug, Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $(#[$more])*
        pub struct Attributes {
            $($which)*
            /// Which share of those that match is hit, in percent: above 0, at most 100. All where nothing is said.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub percent: Option<f64>,
            /// Only so many of those that match, the first ones from when the rule is made.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub first: Option<u64>,
            /// Only every n-th of those that match.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub every: Option<u64>,
            $(#[doc = $delay])+
            #[serde(skip_serializing_if = "Option::is_none")]
            pub delay: Option<u64>,
            /// Milliseconds by which the delay is shorter or longer.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub jitter: Option<u64>,
            /// How the jitter is spread: `uniform`, `normal` or `pareto`, as of the toxic `latency`; evenly where nothing is said.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub distribution: Option<crate::shape::Shape>,
            $($what)*
        }

        impl Attributes {
            pub(crate) fn share(&self) -> Result<crate::share::Share, crate::mistake::Mistake> {
                crate::share::Share::new(self.percent, self.first, self.every)
            }

            pub(crate) fn pause(&self) -> Result<crate::pause::Pause, crate::mistake::Mistake> {
                crate::pause::Pause::new(self.delay, self.jitter, self.distribution)
            }
        }
    };
}

pub(crate) use attributes;
