//! Any events in any order, with any text in them: every output is made, and nothing of it is markup.

use std::collections::BTreeMap;

use proptest::prelude::*;
use squall_model::event::{Baseline, Event, EventKind, FaultRef, LoadSample, Mode, Offset, Phase, Reading};
use squall_model::measure::Outcome;
use squall_model::record::Record;
use squall_model::unit::{Quantity, Span, Unit};
use squall_model::verdict::Verdict;
use squall_report::{Band, Curves, Summary, findings_json, html, json, junit, markdown, sparkline};

use crate::planned::plan;
use crate::record::{all, held, hostile};

/// Elements that the page is made of, and no other.
const ELEMENTS: [&str; 50] = [
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "header",
    "h1",
    "h2",
    "h3",
    "p",
    "strong",
    "span",
    "ul",
    "li",
    "dl",
    "div",
    "dt",
    "dd",
    "section",
    "pre",
    "code",
    "figure",
    "svg",
    "rect",
    "path",
    "text",
    "figcaption",
    "i",
    "b",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "small",
    "br",
    "article",
    "details",
    "summary",
    "g",
    "ol",
    "em",
    "a",
    "circle",
    "line",
    "sub",
    "sup",
];

/// Parses the page as a browser would have to, in the strict form of XML: unescaped text cannot pass.
fn check_page(page: &str) {
    let strict = page
        .replacen("<!doctype html>", "", 1)
        .replace("<br>", "<br/>")
        .split_inclusive('>')
        .map(|piece| match piece.rfind("<meta ") {
            Some(at) if !piece[at..].ends_with("/>") => format!("{}/>", piece.trim_end_matches('>')),
            _ => piece.to_owned(),
        })
        .collect::<String>();
    let document = roxmltree::Document::parse(&strict).unwrap_or_else(|error| panic!("{error}\n{strict}"));
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(ELEMENTS.contains(&name), "<{name}> is not ours");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{}", attribute.name());
            // One offline file: nothing is fetched.
            assert!(
                !["src", "href", "srcset", "data", "action"].contains(&attribute.name()),
                "{}",
                attribute.name()
            );
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"), "the page fetches something");
}

/// A line of Markdown without its code spans and escaped characters; within a span a backslash escapes nothing
/// (CommonMark 0.31, 2.4 and 6.1).
fn outside_of_code(line: &str) -> String {
    let mut outside = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '`' => drop(characters.by_ref().find(|character| *character == '`')),
            other => outside.push(other),
        }
    }
    outside
}

fn outputs(record: &Record) -> Summary {
    let summary = Summary::of(record);
    let page = html(&summary, &Curves::of(record, &summary, 50)).unwrap();
    check_page(&page);
    roxmltree::Document::parse(&junit(&summary)).unwrap();
    for text in [json(&summary), findings_json(&summary)] {
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
    for line in markdown(&summary).lines() {
        let ours = outside_of_code(line).replace("<sub>", "").replace("</sub>", "");
        assert!(!ours.contains('<'), "{line}");
    }
    summary
}

#[test]
fn hand_made_records_give_strict_pages() {
    for (name, record) in all() {
        let summary = outputs(&record);
        let page = html(&summary, &Curves::of(&record, &summary, Curves::PAGE)).unwrap();
        assert!(page.contains(summary.verdict.word()), "{name}");
    }
}

#[test]
fn a_name_that_is_a_script_stays_a_name() {
    let record = hostile();
    let summary = Summary::of(&record);
    let page = html(&summary, &Curves::of(&record, &summary, Curves::PAGE)).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;") || page.contains("&lt;script&gt;alert(1)&lt;/script")
    );
    for sign in ['\u{0}', '\u{1b}', '\u{202e}'] {
        assert!(!page.contains(sign), "{sign:?}");
    }
    // The description is 300,000 characters long.
    assert!(page.len() < 400_000, "{}", page.len());
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        Just("p99".to_owned()),
        Just("backlog".to_owned()),
        Just("health".to_owned()),
        Just("workers".to_owned()),
        Just("</td><script>".to_owned()),
        Just("&lt;]]>`|\u{1b}\u{0}\u{202e}".to_owned()),
        any::<String>(),
    ]
    .boxed()
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1.0_f64, any::<f64>()]
}

fn outcome() -> BoxedStrategy<Outcome> {
    let unit = prop_oneof![
        Just(Unit::Number),
        Just(Unit::Percent),
        Just(Unit::Seconds),
        Just(Unit::Bytes),
        Just(Unit::PerSecond)
    ];
    prop_oneof![
        4 => (number(), unit).prop_map(|(value, unit)| Outcome::Value(Quantity::new(value, unit))),
        1 => text().prop_map(Outcome::Text),
        1 => Just(Outcome::Absent),
        1 => text().prop_map(Outcome::Unreadable),
    ]
    .boxed()
}

fn fault() -> BoxedStrategy<FaultRef> {
    (
        text(),
        prop_oneof![Just(None), Just(Some(0)), any::<u32>().prop_map(Some)],
        prop_oneof![Just(0), Just(1), any::<u32>()],
    )
        .prop_map(|(name, stage, window)| FaultRef { name, stage, window })
        .boxed()
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        Just(Phase::Init),
        Just(Phase::BaselineCheck),
        Just(Phase::FaultInjection),
        Just(Phase::Monitoring),
        Just(Phase::Rollback),
        Just(Phase::PostValidation),
        Just(Phase::Report)
    ]
}

fn offset() -> impl Strategy<Value = Offset> {
    (0_u64..100_000).prop_map(|millis| Offset(std::time::Duration::from_millis(millis)))
}

fn span() -> impl Strategy<Value = Span> {
    (0_u64..100_000).prop_map(|millis| Span(std::time::Duration::from_millis(millis)))
}

fn texts() -> BoxedStrategy<Vec<String>> {
    prop::collection::vec(text(), 0..3).boxed()
}

/// Boxed, because the type of so many branches is too large for the stack of a test.
fn kind() -> BoxedStrategy<EventKind> {
    let reads = (text(), prop::option::of(text()), outcome(), offset()).prop_map(
        |(measure, instance, outcome, asked)| {
            let (measure, instance) = (measure.into(), instance.map(Into::into));
            EventKind::Read(Reading { measure, instance, outcome, asked })
        },
    );
    let phases = prop_oneof![
        phase().prop_map(|phase| EventKind::PhaseEntered { phase }).boxed(),
        (phase(), text()).prop_map(|(phase, outcome)| EventKind::PhaseEnded { phase, outcome }).boxed()
    ];
    let faults = prop_oneof![
        fault().prop_map(|fault| EventKind::FaultRequested { fault }).boxed(),
        (fault(), texts(), text(), offset())
            .prop_map(|(fault, on, effect, until)| EventKind::FaultInjected { fault, on, effect, until })
            .boxed(),
        (fault(), text()).prop_map(|(fault, why)| EventKind::FaultFailed { fault, why }).boxed(),
        (fault(), texts(), text(), text())
            .prop_map(|(fault, on, change, undo)| EventKind::FaultLeftOut { fault, on, change, undo })
            .boxed(),
        (fault(), text()).prop_map(|(fault, proof)| EventKind::FaultUndone { fault, proof }).boxed(),
        (fault(), text(), texts())
            .prop_map(|(fault, why, by_hand)| EventKind::UndoFailed { fault, why, by_hand })
            .boxed(),
        (fault(), span(), text())
            .prop_map(|(fault, within, found)| EventKind::RestartMissed { fault, within, found })
            .boxed(),
        (fault(), text()).prop_map(|(fault, how)| EventKind::FaultEndedEarly { fault, how }).boxed()
    ];
    let rest = prop_oneof![
        (text(), any::<u32>())
            .prop_map(|(instance, pid)| EventKind::InstanceStarted { instance, pid })
            .boxed(),
        (text(), text()).prop_map(|(instance, how)| EventKind::InstanceEnded { instance, how }).boxed(),
        (text(), outcome(), any::<u32>())
            .prop_map(|(measure, median, n)| EventKind::SteadyStateMet {
                baselines: vec![Baseline { measure, instance: None, median, n }]
            })
            .boxed(),
        (text(), outcome(), text(), any::<u32>())
            .prop_map(|(measure, outcome, when, breaches)| {
                EventKind::AbortTriggered { measure, instance: None, outcome, when, breaches }
            })
            .boxed(),
        (text(), any::<u32>(), any::<u32>())
            .prop_map(|(service, planned, found)| EventKind::InventoryChanged { service, planned, found })
            .boxed(),
        (any::<u64>(), any::<u64>(), text(), any::<u64>(), number())
            .prop_map(|(sent, ok, kind, count, p99)| {
                EventKind::LoadSampled(Box::new(LoadSample {
                    sent,
                    ok,
                    failed: BTreeMap::from([(kind, count)]),
                    in_flight: sent,
                    p50: None,
                    p95: Some(p99),
                    p99: Some(p99),
                    ..LoadSample::default()
                }))
            })
            .boxed(),
        (span(), span()).prop_map(|(first, steady)| EventKind::Recovered { first, steady }).boxed(),
        (span(), texts())
            .prop_map(|(within, measures)| EventKind::NeverRecovered { within, measures })
            .boxed(),
        (text(), texts(), texts())
            .prop_map(|(sentence, reasons, left)| EventKind::RunEnded {
                verdict: Verdict::Dirty,
                sentence,
                reasons,
                left
            })
            .boxed()
    ];
    prop_oneof![4 => reads.boxed(), 1 => phases.boxed(), 3 => faults.boxed(), 2 => rest.boxed()].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_history_gives_every_output(
        events in prop::collection::vec((offset(), kind()), 0..80),
        name in text(),
        dry in any::<bool>(),
    ) {
        let mut record = held();
        let mut plan = plan();
        plan.name.clone_from(&name);
        let window = plan.faults[0].windows[0];
        plan.faults[0].windows.push(window);
        record.start.plan = plan;
        record.start.mode = if dry { Mode::Dry } else { Mode::Real };
        record.events = vec![Event { at: Offset::default(), kind: EventKind::RunStarted(Box::new(record.start.clone())) }];
        record.events.extend(events.into_iter().map(|(at, kind)| Event { at, kind }));
        outputs(&record);
    }

    #[test]
    fn any_series_gives_a_chart_of_its_size(
        series in prop::collection::vec((any::<f64>(), prop::option::of(any::<f64>())), 0..60),
        bands in prop::collection::vec((any::<f64>(), any::<f64>()), 0..3),
        width in 0_usize..50,
        height in 0_usize..6,
    ) {
        let bands: Vec<Band> = bands.into_iter().map(|(from, until)| Band { from, until }).collect();
        let chart = sparkline(&series, &bands, width, height);
        for line in chart.lines() {
            prop_assert!(line.chars().count() <= width.max(1));
        }
    }
}
