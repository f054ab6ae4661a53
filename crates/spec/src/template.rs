//! Texts to start from: each is an experiment without mistakes.

/// A text to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name, for `squall init NAME`.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// The document.
    pub text: &'static str,
}

/// The template of `squall init` without a name: it runs as it is.
pub const FIRST: &str = "worker-loss";

const TEMPLATES: &[Template] = &[
    Template {
        name: "worker-loss",
        about: "half of the workers of the built-in job queue are killed under load; runs as it is",
        text: include_str!("template/worker-loss.yaml"),
    },
    Template {
        name: "process",
        about: "a process that squall starts is killed and must come back; runs as it is",
        text: include_str!("template/process.yaml"),
    },
    Template {
        name: "http",
        about: "a running HTTP service is paused and must answer again",
        text: include_str!("template/http.yaml"),
    },
    Template {
        name: "redis-process",
        about: "a running Redis is stopped for a while and must come back with its data",
        text: include_str!("template/redis-process.yaml"),
    },
    Template {
        name: "resources",
        about: "CPU and memory of this host get scarce while the built-in job queue works; runs as it is",
        text: include_str!("template/resources.yaml"),
    },
];

/// All templates.
pub fn templates() -> &'static [Template] {
    TEMPLATES
}

/// The template of that name.
pub fn template(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.name == name)
}
