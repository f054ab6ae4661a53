//! The account of work: where its figures come from, and what they may be.

use std::collections::BTreeMap;

use squall_model::conservation::{Account, Conservation, Figure};
use squall_model::unit::Span;

use crate::code::Code;
use crate::document::conservation::ConservationDocument;
use crate::mistake::{At, Mistake};
use crate::notes::Notes;
use crate::plan::expect::Reads;
use crate::plan::measure::Planned;
use crate::plan::text;

const WITHIN: Span = Span::seconds(60);
const LONGEST_LOOK: Span = Span::seconds(5);

/// What the account may refer to.
pub(crate) struct Around<'a> {
    pub(crate) planned: &'a [Planned],
    /// All measures as written; `None` where they could not be read.
    pub(crate) names: Option<&'a [String]>,
    pub(crate) has_load: bool,
    /// Time between two readings of the steady state.
    pub(crate) every: Span,
}

/// The account, or `None` with a mistake noted.
pub(crate) fn conservation(
    At { value: written, place }: &At<ConservationDocument>,
    around: &Around<'_>,
    notes: &mut Notes<'_>,
) -> Option<Conservation> {
    let before = notes.mistakes.len();
    let mut named: BTreeMap<Figure, At<String>> = BTreeMap::new();
    for figure in Figure::ALL {
        named.extend(source(written, figure).map(|source| (figure, source.clone())));
    }
    let account = if let Some(ledger) = &written.ledger {
        let run = ledger.0.as_ref().and_then(|words| text::argv(words, &[], notes));
        let mut figures: BTreeMap<Figure, String> =
            named.iter().map(|(figure, path)| (*figure, path.value.clone())).collect();
        for figure in [Figure::Sent, Figure::Done] {
            figures.entry(figure).or_insert_with(|| figure.word().to_owned());
        }
        let every = written.every.as_ref().map_or(around.every, |at| at.value);
        if let Some(zero) = written.every.as_ref().filter(|at| at.value.is_zero()) {
            notes.mistake(Mistake::new(Code::Zero, "no time between two looks", zero.place, "zero"));
        }
        run.map(|run| Account::Ledger { run, figures, every, timeout: LONGEST_LOOK })
    } else {
        for figure in [Figure::Sent, Figure::Done].into_iter().filter(|one| !named.contains_key(one)) {
            let message = format!("the account lacks `{figure}`");
            let mistake = Mistake::new(Code::MissingKey, message, *place, format!("needs `{figure}`"));
            notes.mistake(
                mistake.help("name the measure that counts it, or give a program as `ledger: [...]`"),
            );
        }
        if let Some(every) = &written.every {
            let message = "`every` is for a ledger: measures have their own";
            let mistake = Mistake::new(Code::UnknownKey, message, every.place, "there is no `ledger`");
            notes.mistake(mistake.help("leave it out"));
        }
        for name in named.values() {
            countable(name, around, notes);
        }
        let names = named.iter().map(|(figure, name)| (*figure, name.value.clone()));
        Some(Account::Measures(names.collect()))
    };
    if let Some(within) = written.within.as_ref().filter(|at| at.value.is_zero()) {
        notes.mistake(Mistake::new(Code::Zero, "an account that adds up in no time", within.place, "zero"));
    }
    let mut allow = allowances(written, &named, notes);
    // When the load of the experiment has ended, nothing new comes: what is still pending then is stuck.
    if around.has_load && named.contains_key(&Figure::Pending) {
        allow.entry(Figure::Pending).or_insert(0);
    }
    let within = written.within.as_ref().map_or(WITHIN, |at| at.value);
    let book = Conservation { account: account?, within, allow };
    (notes.mistakes.len() == before).then_some(book)
}

fn source(written: &ConservationDocument, figure: Figure) -> Option<&At<String>> {
    match figure {
        Figure::Sent => written.sent.as_ref(),
        Figure::Done => written.done.as_ref(),
        Figure::Dead => written.dead.as_ref(),
        Figure::Pending => written.pending.as_ref(),
        Figure::Lost => written.lost.as_ref(),
        Figure::Duplicated => written.duplicated.as_ref(),
        Figure::Late => written.late.as_ref(),
        Figure::Retried => written.retried.as_ref(),
        Figure::Stuck => written.stuck.as_ref(),
    }
}

/// A figure is a number, and one for the whole system.
fn countable(name: &At<String>, around: &Around<'_>, notes: &mut Notes<'_>) {
    if let Some(names) = around.names.filter(|names| !names.contains(&name.value)) {
        return notes.unknown(Code::UnknownMeasure, "measure", &name.value, name.place, names);
    }
    let Some(planned) = around.planned.iter().find(|one| one.measure.name == name.value) else { return };
    if planned.measure.is_divided() {
        let message = format!("`{}` is read of several, and an account has one of it", name.value);
        notes.mistake(Mistake::new(Code::EachElsewhere, message, name.place, "several readings"));
    } else if matches!(planned.reads, Reads::Text) {
        let message = format!("`{}` reads a text, and an account counts", name.value);
        notes.mistake(Mistake::new(Code::WrongUnit, message, name.place, "not a number"));
    }
}

fn allowances(
    written: &ConservationDocument,
    named: &BTreeMap<Figure, At<String>>,
    notes: &mut Notes<'_>,
) -> BTreeMap<Figure, u64> {
    let words: Vec<String> = Figure::ALL.iter().map(|figure| figure.word().to_owned()).collect();
    let mut allow = BTreeMap::new();
    for (word, most) in written.allow.as_ref().map(|map| map.0.as_slice()).unwrap_or_default() {
        let Some(figure) = Figure::ALL.into_iter().find(|figure| figure.word() == word.value) else {
            notes.unknown(Code::UnknownWord, "figure", &word.value, word.place, &words);
            continue;
        };
        let is_worked_out = matches!(figure, Figure::Lost | Figure::Duplicated | Figure::Sent | Figure::Done);
        if !is_worked_out && !named.contains_key(&figure) {
            let message = format!("nothing says where `{figure}` is counted");
            let mistake = Mistake::new(Code::JudgesNothing, message, word.place, "no source");
            notes.mistake(mistake.help(format!("add `{figure}:` beside `allow`, or leave this out")));
            continue;
        }
        allow.extend(most.as_ref().map(|most| (figure, most.value)));
    }
    allow
}
