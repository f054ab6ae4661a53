//! The outputs as they are, one file for each way in which a run can end.

use squall_report::{Curves, Summary, findings_json, html, junit, markdown};

use crate::record;

#[test]
fn markdown_fits_a_comment() {
    for (name, record) in record::all() {
        let page = markdown(&Summary::of(&record));
        // The longest comment that GitHub takes.
        assert!(page.chars().count() < 65_536, "{name}: {}", page.len());
        insta::assert_snapshot!(format!("{name}.md"), page);
    }
}

#[test]
fn junit_counts_what_it_holds() {
    for (name, record) in record::all() {
        let xml = junit(&Summary::of(&record));
        let document =
            roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{name}: {error}\n{xml}"));
        let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        for (attribute, element) in
            [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
        {
            let found = suite.descendants().filter(|node| node.has_tag_name(element)).count();
            assert_eq!(suite.attribute(attribute), Some(found.to_string().as_str()), "{name} {attribute}");
        }
        insta::assert_snapshot!(format!("{name}.xml"), xml);
    }
}

#[test]
fn findings_are_stable() {
    for (name, record) in record::all() {
        if name != "hostile" {
            insta::assert_snapshot!(format!("{name}.findings.json"), findings_json(&Summary::of(&record)));
        }
    }
}

// The picture and the words of the page; its style sheet is not a matter of snapshots.
#[test]
fn the_page_opens_with_the_verdict_and_then_the_picture() {
    for (name, record) in record::all() {
        let summary = Summary::of(&record);
        let page = html(&summary, &Curves::of(&record, &summary, Curves::PAGE)).unwrap();
        let places: Vec<usize> =
            ["class=\"verdict", "<svg", "id=\"measures\"", "id=\"undos\"", "id=\"log\"", "id=\"plan\""]
                .into_iter()
                .map(|part| page.find(part).unwrap_or_else(|| panic!("{name}: no {part}")))
                .collect();
        assert!(places.is_sorted(), "{name}: {places:?}");
        // S2: what is owed stands before the picture.
        assert_eq!(
            page.contains("id=\"not-undone\""),
            summary.windows().any(|(_, window)| window.is_owed()),
            "{name}"
        );
        if ["deviated", "dirty", "interrupted"].contains(&name) {
            let body = &page[page.find("<body>").unwrap()..page.find("<section id=\"plan\">").unwrap()];
            insta::assert_snapshot!(format!("{name}.html"), body);
        }
    }
}
