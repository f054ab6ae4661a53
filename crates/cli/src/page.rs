//! Reports as files: the form follows from the suffix.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use squall_engine::home::{HomeError, read_record};
use squall_engine::reason::reason;
use squall_model::record::{Record, RecordError};
use squall_report::{Curves, Summary};

use crate::failure::Failure;
use crate::settings::Settings;

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PageForm {
    /// One HTML file without network.
    Html,
    /// Markdown, for a pull request.
    Md,
    /// JUnit XML, for CI.
    Xml,
    /// JSON, for programs.
    Json,
}

/// A file to write a report to.
#[derive(Clone, Debug)]
pub(crate) struct PageFile {
    /// Where.
    pub(crate) path: PathBuf,
    /// In which form.
    pub(crate) form: PageForm,
}

impl FromStr for PageFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let suffix = path.extension().and_then(|suffix| suffix.to_str()).map(str::to_lowercase);
        let form = match suffix.as_deref() {
            Some("html" | "htm") => PageForm::Html,
            Some("md" | "markdown") => PageForm::Md,
            Some("xml") => PageForm::Xml,
            Some("json") => PageForm::Json,
            _ => return Err("the suffix says the form: .html, .md, .xml (JUnit) or .json".to_owned()),
        };
        Ok(Self { path, form })
    }
}

/// A report as text.
pub(crate) fn render(record: &Record, form: PageForm) -> Result<String, Failure> {
    let summary = Summary::of(record);
    Ok(match form {
        PageForm::Html => {
            let curves = Curves::of(record, &summary, Curves::PAGE);
            squall_report::html(&summary, &curves).map_err(|error| Failure::unexpected(&error))?
        }
        PageForm::Md => squall_report::markdown(&summary),
        PageForm::Xml => squall_report::junit(&summary),
        PageForm::Json => squall_report::json(&summary),
    })
}

/// Writes a report to a file.
pub(crate) fn write(record: &Record, file: &PageFile) -> Result<(), Failure> {
    let text = render(record, file.form)?;
    fs::write(&file.path, text)
        .map_err(|error| Failure::file(format!("could not write {}: {error}", file.path.display())))
}

/// The record of a run by its id, of the last run, or in a file.
pub(crate) fn record(which: &str, settings: &Settings) -> Result<Record, Failure> {
    let path = Path::new(which);
    let read = if path.is_file() {
        read_record(path)
    } else {
        settings.home()?.find(which).and_then(|run| run.read_record())
    };
    read.map_err(|error| match &error {
        HomeError::NoSuchRun { path, found: 0, .. } if which == "last" => {
            Failure::file(format!("nothing was run yet: there is no run in {}", path.display()))
                .hint("`squall demo` is a good first one")
        }
        HomeError::NoSuchRun { path, found, .. } => {
            let found = if *found == 0 { "no run".to_owned() } else { format!("{found} runs") };
            let text = format!("{found} in {} with an id that begins with `{which}`", path.display());
            Failure::file(text).hint("`squall runs` lists what was run")
        }
        HomeError::Read { path, source } if source.kind() == io::ErrorKind::NotFound => {
            Failure::file(format!("there is no record {}", path.display()))
                .hint("the run ended before it had begun, or is of another kind of file")
        }
        HomeError::Record { source: RecordError::Foreign { .. } | RecordError::Newer { .. }, .. } => {
            Failure::file(format!("could not {}", reason(&error)))
                .hint("read it with the squall that wrote it, or run the experiment again")
        }
        error => Failure::file(format!("could not {}", reason(error))),
    })
}
