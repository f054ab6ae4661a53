//! What the book says about rules is a rule, and names every attribute.

use serde::de::DeserializeOwned;
use serde_json::Value;
use squall_proxy::{http, postgres, redis, tls, websocket};

/// Every rule on this page is read, and every attribute of such rules has a row in one of its tables.
fn is_about<R: DeserializeOwned>(page: &str) {
    let blocks: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 3);
    let read = |block: &&str| serde_json::from_str::<R>(block).map_err(|error| format!("{block}{error}"));
    blocks.iter().map(read).collect::<Result<Vec<R>, String>>().unwrap();
    for attribute in attributes::<R>() {
        let names =
            page.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
        let named = names.clone().any(|names| names.contains(&format!("`{attribute}`")));
        assert!(named, "`{attribute}` has no row in {}", page.lines().next().unwrap());
    }
}

/// What a rule can be told, as its reader says when it is told something else.
fn attributes<R: DeserializeOwned>() -> Vec<String> {
    let unknown = Value::Object([("nonsense".to_owned(), Value::Null)].into_iter().collect());
    let error = serde_json::from_value::<R>(unknown).err().expect("nonsense is refused").to_string();
    let (_, expected) = error.split_once("expected one of ").expect("the reader says what it knows");
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_rule_in_the_book_is_read_and_every_attribute_is_there() {
    is_about::<http::Rule>(include_str!("../../../../book/src/reference/proxy/http.md"));
    is_about::<websocket::Rule>(include_str!("../../../../book/src/reference/proxy/websocket.md"));
    is_about::<tls::Rule>(include_str!("../../../../book/src/reference/proxy/tls.md"));
    is_about::<redis::Rule>(include_str!("../../../../book/src/reference/proxy/redis.md"));
    is_about::<postgres::Rule>(include_str!("../../../../book/src/reference/proxy/postgres.md"));
}

#[test]
fn every_config_in_the_book_is_read_and_every_type_of_toxic_is_there() {
    let page = include_str!("../../../../book/src/reference/proxy/proxy.md");
    let mut read = 0;
    for block in page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let plans =
            squall_proxy::plans(block.as_bytes()).unwrap_or_else(|refusal| panic!("{block}{refusal}"));
        assert!(plans.ignored.is_empty(), "{block}");
        read += plans.value.len();
    }
    assert!(read > 0);
    for kind in squall_proxy::toxic::kinds() {
        let forms = [format!("| `{kind}`"), format!("[`{kind}`]")];
        assert!(forms.iter().any(|form| page.contains(form)), "{kind} is missing");
    }
}
