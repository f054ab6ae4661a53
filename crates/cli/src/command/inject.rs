//! `squall inject`: one fault by hand, with a deadline.

mod fault;
mod whom;

use std::collections::BTreeMap;

use squall_model::event::Mode;
use squall_model::fault::Fault;
use squall_model::plan::{PLAN_VERSION, Plan, PlannedFault, Recovery, Selection, Window};
use squall_model::target::{Control, Instance, Inventory, Service, Target};
use squall_model::unit::Span;
use squall_model::verdict::Exit;

use self::fault::Kind;
use crate::args::quantity;
use crate::args::{Format, Output};
use crate::debris;
use crate::experiment;
use crate::failure::Failure;
use crate::permission::Permission;
use crate::printer::Printer;
use crate::running::{Telling, carry_out};
use crate::settings::Settings;

/// One fault by hand, with a deadline; Ctrl-C undoes it before
///
/// For example: squall inject process-pause --name redis-server --for 10s
#[derive(Debug, clap::Args)]
pub(crate) struct Inject {
    /// How long the fault is on
    #[arg(long = "for", value_name = "TIME", value_parser = quantity::<Span>, default_value = "30s", global = true, display_order = 600)]
    length: Span,
    /// Say what would be done, and change nothing
    #[arg(long, global = true, display_order = 600)]
    dry_run: bool,
    /// The environment that this machine stands in; the policy speaks of it
    #[arg(long, value_name = "NAME", default_value = "local", global = true, display_order = 600)]
    environment: String,
    #[command(flatten)]
    permission: Permission,
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    kind: Kind,
}

/// The only service of the plan.
const SERVICE: &str = "target";

impl Inject {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        if self.length.is_zero() {
            return Err(Failure::usage("a fault of no length does nothing").hint("for example `--for 30s`"));
        }
        let plan = self.plan(settings)?;
        self.permission.ask(&plan, settings, printer)?;
        experiment::obstacles(&plan, settings)?;
        debris::clear(settings, printer)?;
        if let Fault::ProcessKill { .. } = plan.faults[0].fault {
            printer.warn(
                "squall cannot start it again: if nothing else does within 10 s, the verdict is DIRTY, and \
                 `squall recover` waits for it",
            );
        }
        let mode = if self.dry_run { Mode::Dry } else { Mode::Real };
        let telling = if self.output.format == Format::Json { Telling::Json } else { Telling::Bare };
        let ended = carry_out(plan, mode, telling, settings, printer)?;
        Ok(ended.verdict.exit())
    }

    fn plan(&self, settings: &Settings) -> Result<Plan, Failure> {
        let (kind, whom) = self.kind.parts();
        let mut target = Target {
            name: "by-hand".to_owned(),
            environment: self.environment.clone(),
            services: BTreeMap::new(),
            queue: None,
            tasks: None,
        };
        let mut inventory = Inventory::default();
        let mut on = None;
        if let Some(whom) = whom {
            let find = match kind {
                Fault::ProcessKill { .. } => whom.find_again()?,
                _ => whom.find(),
            };
            let service = Service {
                name: SERVICE.to_owned(),
                find,
                control: Control::default(),
                health: None,
                proxy: None,
            };
            target.services.insert(SERVICE.to_owned(), service);
            inventory = experiment::survey(&target, settings)?;
            let found = inventory.services.get(SERVICE).map(Vec::as_slice).unwrap_or_default();
            let names = |instances: &[&Instance]| instances.iter().map(|one| one.name.clone()).collect();
            on = Some(Selection {
                service: SERVICE.to_owned(),
                chosen: names(&whom.chosen(found)?),
                eligible: found.iter().map(|instance| instance.name.clone()).collect(),
            });
        }
        let window = Window { from: Span::ZERO, until: self.length };
        let fault = kind.kind().to_owned();
        Ok(Plan {
            version: PLAN_VERSION,
            name: format!("inject-{fault}"),
            description: "One fault, injected by hand.".to_owned(),
            owner: None,
            tags: Vec::new(),
            file: None,
            digest: "00000000".to_owned(),
            seed: 0,
            target,
            inventory,
            load: None,
            measures: Vec::new(),
            conservation: None,
            stages: Vec::new(),
            baseline: Span::ZERO,
            duration: self.length,
            faults: vec![PlannedFault { name: fault, fault: kind, on, windows: vec![window], when: None }],
            recovery: Recovery { within: Span::ZERO, steady_for: Span::ZERO, backlog: None },
        })
    }
}
