//! What the book says about rules is a rule.

use serde::de::DeserializeOwned;

fn all_are_read<R: DeserializeOwned>(page: &str) {
    let blocks: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 3);
    for block in blocks {
        serde_json::from_str::<R>(block).map_or_else(|error| panic!("{block}{error}"), drop);
    }
}

#[test]
fn every_rule_in_the_book_is_read() {
    all_are_read::<squall_proxy::redis::Rule>(include_str!("../../../../book/src/reference/proxy/redis.md"));
    all_are_read::<squall_proxy::postgres::Rule>(include_str!(
        "../../../../book/src/reference/proxy/postgres.md"
    ));
}
