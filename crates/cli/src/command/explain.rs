//! `squall explain`: the manual page of a mistake, a fault or an exit code.

use squall_model::verdict::{Exit, Verdict};
use squall_spec::explain::{explain, nearest, words};

use crate::failure::Failure;
use crate::printer::Printer;

/// The manual page of an error, a fault or an exit code
///
/// For example: squall explain unknown-key, squall explain process-kill, squall explain 20
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The code of a mistake, a kind of fault, an exit code or a verdict; all of them where nothing is said
    #[arg(value_name = "CODE|FAULT|EXIT")]
    word: Option<String>,
}

const VERDICTS: [Verdict; 8] = [
    Verdict::Held,
    Verdict::Deviated,
    Verdict::Inconclusive,
    Verdict::Unsteady,
    Verdict::Aborted,
    Verdict::Halted,
    Verdict::Error,
    Verdict::Dirty,
];

impl Explain {
    pub(crate) fn run(&self, printer: &mut Printer) -> Result<Exit, Failure> {
        let Some(word) = &self.word else {
            printer.line("mistakes and faults:");
            for word in words() {
                printer.line(format!("  {word}"));
            }
            printer.line("exit codes:");
            for exit in Exit::ALL {
                printer.line(format!("  {:<3} {}", exit.code(), exit.meaning()));
            }
            return Ok(Exit::Held);
        };
        let page = explain(&word.to_lowercase()).or_else(|| exit(word)).ok_or_else(|| {
            let failure = Failure::usage(format!("there is no page about `{word}`"));
            match nearest(word) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`squall explain` lists all pages"),
            }
        })?;
        printer.line(page);
        Ok(Exit::Held)
    }
}

fn exit(word: &str) -> Option<String> {
    let of_verdict = VERDICTS.into_iter().find(|verdict| verdict.word().eq_ignore_ascii_case(word));
    let exit = match of_verdict {
        Some(verdict) => verdict.exit(),
        None => Exit::ALL.into_iter().find(|exit| exit.code().to_string() == word)?,
    };
    let next = match exit {
        Exit::Held => "Nothing is to be done.",
        Exit::Unexpected => {
            "Run it again with the same file; the record says what went wrong, and nothing of squall's is left."
        }
        Exit::Usage => "`squall help COMMAND` shows what a command takes.",
        Exit::File => "`squall check FILE` shows every mistake with its place.",
        Exit::Refused => {
            "Nothing was touched. The message says what stands in the way; `squall doctor` and `squall status` say more."
        }
        Exit::Unsteady => {
            "The system was not well before anything was broken. Mend it, or correct what the experiment expects."
        }
        Exit::Deviated => {
            "The system left its steady state further than the experiment allows, or did not come back. `squall findings` says where to look."
        }
        Exit::Inconclusive => {
            "The system left its steady state where faults hit it, and no less where none did: something else was wrong at the time. Look at what the untouched instances went through, and run it again."
        }
        Exit::Halted => "Everything was undone before the end; the run says nothing about the system.",
        Exit::Aborted => {
            "It got so bad that the experiment's own threshold ended it, and everything was undone. `squall findings` says where to look."
        }
        Exit::Dirty => {
            "Something that squall changed could not be undone, or its undo could not be measured. `squall recover` tries again; `squall status` names what is left and the commands to mend it by hand."
        }
    };
    Some(format!("exit code {}: {}\n\n{next}", exit.code(), exit.meaning()))
}
