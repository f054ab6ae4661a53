//! `squall replay`: a recorded run, told again.

use std::time::Duration;

use squall_model::verdict::Exit;

use crate::args::{Format, Output};
use crate::failure::Failure;
use crate::page;
use crate::printer::Printer;
use crate::running::{Teller, Telling, runtime};
use crate::settings::Settings;

/// Tell a recorded run again, as it was told when it happened
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The id of the run, the beginning of it, `last`, or the path of a record
    #[arg(value_name = "RUN", default_value = "last")]
    run: String,
    /// How many times faster than it happened: 1 for its own time; at once where nothing is said
    #[arg(long, value_name = "TIMES", value_parser = speed)]
    speed: Option<f64>,
    #[command(flatten)]
    output: Output,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.01 to 10000".to_owned()),
    }
}

impl Replay {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let record = page::record(&self.run, settings)?;
        let telling = if self.output.format == Format::Json { Telling::Json } else { Telling::Lines };
        runtime()?.block_on(async {
            let mut teller = Teller::new(telling, printer);
            let mut now = Duration::ZERO;
            for event in &record.events {
                if let Some(speed) = self.speed {
                    tokio::time::sleep(event.at.0.saturating_sub(now).div_f64(speed)).await;
                }
                now = now.max(event.at.0);
                teller.tell(event);
            }
            teller.end();
        });
        if record.verdict().is_none() && telling == Telling::Lines {
            printer.warn("the record ends here: the run did not end by itself");
        }
        Ok(Exit::Held)
    }
}
