//! Whatever is in the file: a plan or mistakes with places inside of it, and never a panic (S9).

use proptest::prelude::*;
use squall_model::target::Inventory;
use squall_spec::code::Code;
use squall_spec::draft::{Loaded, decode, read_target};
use squall_spec::mistake::Mistakes;
use squall_spec::render::{Colour, Glyphs, Theme};
use squall_spec::{policy, read};

const GOOD: &str = include_str!("../../../examples/worker-loss.yaml");

fn no_target(name: &str) -> Loaded {
    Err(format!("there is no {name}"))
}

fn look_at(text: &str) -> Option<Mistakes> {
    let found =
        read("a.yaml", text, &no_target).and_then(|draft| draft.plan(Inventory::default(), None)).err();
    for mistakes in
        found.iter().chain(&read_target("t.yaml", text).err()).chain(&policy::read("p.yaml", text).err())
    {
        assert!(!mistakes.is_empty(), "an error without a mistake: {text:?}");
        for (source, mistake) in mistakes.iter() {
            let place = mistake.place;
            assert!(source.text.get(place.start..place.end).is_some(), "{place:?} is no place in {text:?}");
            assert!(!mistake.message.is_empty() && !mistake.label.is_empty());
        }
    }
    found.inspect(|mistakes| assert!(!mistakes.render(Theme::PLAIN).is_empty()))
}

#[test]
fn a_good_document_cut_anywhere_is_read_or_refused_without_panic() {
    for end in (0..=GOOD.len()).filter(|end| GOOD.is_char_boundary(*end)) {
        look_at(&GOOD[..end]);
    }
}

fn refused(text: &str) -> Vec<Code> {
    look_at(text)
        .map(|mistakes| mistakes.iter().map(|(_, mistake)| mistake.code).collect())
        .unwrap_or_default()
}

#[test]
fn bombs_are_refused() {
    assert_eq!(refused(&"[".repeat(100_000)), [Code::TooLarge]);
    assert_eq!(refused(&"a: {".repeat(100)), [Code::TooLarge]);
    assert_eq!(refused(&format!("a: [{}]", "1,".repeat(20_000))), [Code::TooLarge]);
    assert_eq!(refused(&"#".repeat((1 << 20) + 1)), [Code::TooLarge]);
    assert_eq!(refused("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"), [Code::Anchor]);
    let lists: String = (0..200).flat_map(|depth| [" ".repeat(depth), "-\n".to_owned()]).collect();
    assert_eq!(refused(&lists), [Code::TooLarge]);
}

#[test]
fn line_ends_and_byte_order_marks_of_other_systems_are_read() {
    assert_eq!(refused(&GOOD.replace('\n', "\r\n")), []);
    assert_eq!(refused(&format!("\u{feff}{GOOD}")), []);
}

#[test]
fn mistakes_are_drawn_in_the_form_that_the_caller_wants_and_told_to_programs() {
    let mistakes = look_at(
        "name: a\ntarget: lab\nduration: 200 millis\nsteady: { measures: { d: { queue: depth } } }\n",
    )
    .unwrap();
    let plain = mistakes.render(Theme::PLAIN);
    assert_eq!(
        plain,
        "  x `200 millis` is not a duration\n   ,-[a.yaml:3:11]\n 3 | duration: 200 millis\n   :           -----+----\n   :                `-- `millis` is not a unit of time\n   `----\n  help: write a number and a unit, for example `250ms` or `2s`\n"
    );
    let unicode = mistakes.render(Theme { glyphs: Glyphs::Unicode, colour: Colour::Off });
    assert!(unicode.contains("─────┬────") && !unicode.contains('\u{1b}'), "{unicode}");
    for glyphs in [Glyphs::Ascii, Glyphs::Unicode] {
        assert!(mistakes.render(Theme { glyphs, colour: Colour::On }).contains('\u{1b}'));
    }
    let json = mistakes.to_json();
    assert_eq!(
        (&json[0]["file"], &json[0]["line"], &json[0]["column"], &json[0]["code"]),
        (&"a.yaml".into(), &3.into(), &11.into(), &"not-a-duration".into())
    );
    assert_eq!(mistakes.to_string(), "a.yaml:3:11: `200 millis` is not a duration");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,80}") {
        look_at(&text);
    }

    #[test]
    fn any_text_of_yaml_s_own_characters_is_read_or_refused_without_panic(text in "[a-c0-9 \t\n:,\\-\\[\\]{}&*!|>'\"%@`#?~<=.äß]{0,120}") {
        look_at(&text);
    }

    #[test]
    fn any_bytes_are_text_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Err(mistakes) = decode("a.yaml", bytes) {
            prop_assert!(!mistakes.render(Theme::PLAIN).is_empty());
        }
    }

    #[test]
    fn a_good_document_with_changes_is_read_or_refused_without_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), "[a-z0-9 \n:,\\[\\]{}'\"%<>=\\-ä]{0,6}", 0_usize..12), 1..5),
    ) {
        let mut text: Vec<char> = GOOD.chars().collect();
        for (at, insert, delete) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + delete).min(text.len());
            text.splice(at..end, insert.chars());
        }
        look_at(&text.into_iter().collect::<String>());
    }
}
