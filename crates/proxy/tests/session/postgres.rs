//! What becomes of statements and results, byte by byte.

use proptest::prelude::*;
use squall_proxy::layer::{Act, LIMIT, Way};
use squall_proxy::postgres::{Rule, encryption, session};

use crate::wire::{Wire, book, chunks, sizes};

fn wire(rules: &[&str]) -> Wire {
    Wire::new(session(book::<Rule>(rules), Some([127, 0, 0, 1].into())))
}

/// A session that has begun.
fn begun(rules: &[&str]) -> Wire {
    let mut wire = wire(rules);
    wire.put(Way::Upstream, &startup());
    wire.put(Way::Downstream, &[message(b'R', &[0, 0, 0, 0]), ready(b'I')].concat());
    wire.up.clear();
    wire.down.clear();
    wire
}

pub(crate) fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0app\0database\0shop\0\0";
    [&(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

pub(crate) fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', format!("{name}\0{sql}\0\0\0").as_bytes())
}

pub(crate) fn bind(portal: &str, name: &str) -> Vec<u8> {
    message(b'B', format!("{portal}\0{name}\0\0\0\0\0\0\0").as_bytes())
}

pub(crate) fn execute(portal: &str) -> Vec<u8> {
    message(b'E', format!("{portal}\0\0\0\0\0").as_bytes())
}

pub(crate) fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

pub(crate) fn error(code: &str, said: &str) -> Vec<u8> {
    message(b'E', format!("SERROR\0C{code}\0M{said}\0\0").as_bytes())
}

/// The word that stands in what the server gets to refuse.
pub(crate) fn token(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let from = text.rfind("squall_fault_").unwrap();
    text[from..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const CONFLICT: &str = r#"{"kind":"update","error":{"sqlstate":"40001"}}"#;

#[test]
fn the_servers_refusal_becomes_our_error_and_its_status_stays() {
    let mut wire = begun(&[CONFLICT]);
    wire.put(Way::Upstream, &[query("BEGIN"), query("update t set a = 1"), query("COMMIT")].concat());
    let token = token(&wire.up);
    assert_eq!(wire.up, [query("BEGIN"), query(&token), query("COMMIT")].concat());
    let refusal = error("42601", &format!("syntax error at or near \"{token}\""));
    let commit = [message(b'C', b"ROLLBACK\0"), ready(b'I')].concat();
    wire.put(
        Way::Downstream,
        &[message(b'C', b"BEGIN\0"), ready(b'T'), refusal, ready(b'E'), commit.clone()].concat(),
    );
    assert!(!has(&wire.down, "squall_fault") && !has(&wire.down, "42601"));
    assert!(has(&wire.down, "VERROR\0C40001\0Mcould not serialize access due to concurrent update\0"));
    assert!(wire.down.ends_with(&[ready(b'E'), commit].concat()));
    assert_eq!(wire.hits(), ["UPDATE: answered 40001"]);
}

#[test]
fn prepared_statements_are_known_by_their_names_and_the_server_skips_up_to_sync() {
    let mut wire = begun(&[CONFLICT]);
    let prepare = [parse("s1", "UPDATE t SET a = $1"), parse("s2", "SELECT 1"), message(b'S', b"")].concat();
    wire.put(Way::Upstream, &prepare);
    assert_eq!(std::mem::take(&mut wire.up), prepare);
    let run = [bind("", "s2"), execute(""), bind("", "s1"), execute(""), message(b'S', b"")].concat();
    wire.put(Way::Upstream, &run);
    let token = token(&wire.up);
    let expected =
        [bind("", "s2"), execute(""), bind("", "s1"), execute(&token), message(b'S', b"")].concat();
    assert_eq!(wire.up, expected);
    // Bound to something that nobody has prepared, the portal is no update any more.
    wire.up.clear();
    let unknown = [bind("", "s3"), execute("")].concat();
    wire.put(Way::Upstream, &unknown);
    assert_eq!(wire.up, unknown);
}

#[test]
fn an_error_that_the_server_skips_holds_nothing_up() {
    let mut wire = begun(&[r#"{"kind":"commit","error":{"sqlstate":"40001"}}"#]);
    let run = [parse("", "COMMIT"), bind("", ""), execute(""), message(b'S', b"")].concat();
    wire.put(Way::Upstream, &run);
    // An earlier message has failed: the server skips up to Sync.
    let skipped = [error("42703", "no such column"), ready(b'E')].concat();
    wire.put(Way::Downstream, &skipped);
    wire.put(Way::Upstream, &[parse("a", "SELECT 1"), message(b'H', b"")].concat());
    wire.put(Way::Downstream, &message(b'1', b""));
    assert_eq!(wire.down, [skipped, message(b'1', b"")].concat());
}

#[test]
fn a_session_does_not_end_with_an_error_that_the_server_skips() {
    let mut wire = begun(&[r#"{"kind":"update","error":{"sqlstate":"57P01"}}"#]);
    let sync = message(b'S', b"");
    wire.put(Way::Upstream, &[parse("", "UPDATE nothing"), bind("", ""), execute(""), sync.clone()].concat());
    assert!(wire.up.ends_with(&sync));
    wire.put(Way::Downstream, &[error("42P01", "no such table"), ready(b'I')].concat());
    wire.up.clear();
    wire.put(Way::Upstream, &query("SELECT 1"));
    assert_eq!((wire.up.clone(), wire.has(&Act::Close)), (query("SELECT 1"), false));
}

#[test]
fn an_error_of_commit_rolls_back_and_of_that_the_client_sees_nothing() {
    let mut wire = begun(&[r#"{"kind":"commit","error":{"sqlstate":"40001"}}"#]);
    wire.put(Way::Upstream, &query("COMMIT"));
    let simple = token(&wire.up);
    assert_eq!(wire.up, query(&format!("ROLLBACK; SELECT {simple}")));
    let rolled_back = message(b'C', b"ROLLBACK\0");
    wire.put(Way::Downstream, &[rolled_back.clone(), error("42703", &simple), ready(b'I')].concat());
    assert!(has(&wire.down, "C40001") && !has(&wire.down, "ROLLBACK") && wire.down.ends_with(&ready(b'I')));
    wire.up.clear();
    wire.down.clear();
    wire.put(Way::Upstream, &[parse("", "COMMIT"), bind("", ""), execute(""), message(b'S', b"")].concat());
    let extended = token(&wire.up);
    let (one, two, three) = (message(b'1', b""), message(b'2', b""), message(b'3', b""));
    let theirs = [one.clone(), two.clone()].concat();
    let ours = [one, two, rolled_back, three, error("34000", &extended)].concat();
    for chunk in [theirs.clone(), ours, ready(b'I')].concat().chunks(3) {
        wire.put(Way::Downstream, chunk);
    }
    assert!(wire.down.starts_with(&[&theirs[..], b"E"].concat()) && wire.down.ends_with(&ready(b'I')));
    assert!(has(&wire.down, "C40001") && !has(&wire.down, "ROLLBACK"));
}

#[test]
fn an_error_that_ends_the_session_ends_the_connection_after_what_came_before_it() {
    let mut wire = begun(&[r#"{"kind":"update","error":{"sqlstate":"57P01"}}"#]);
    wire.put(Way::Upstream, &[query("SELECT 1"), query("UPDATE t SET a = 1"), query("SELECT 2")].concat());
    let token = token(&wire.up);
    assert_eq!(wire.up, [query("SELECT 1"), query(&token)].concat());
    let first = [message(b'D', b"row"), message(b'C', b"SELECT 1\0"), ready(b'I')].concat();
    wire.put(Way::Downstream, &first);
    assert!(!wire.has(&Act::Close));
    wire.put(Way::Downstream, &[error("42601", &token), ready(b'I')].concat());
    assert!(wire.down.starts_with(&first) && has(&wire.down, "SFATAL\0VFATAL\0C57P01\0"));
    assert!(wire.has(&Act::Close) && !wire.down.ends_with(&ready(b'I')));
}

#[test]
fn the_start_of_a_session_is_delayed_or_refused() {
    let mut wire = wire(&[r#"{"kind":"connect","user":"ap?","delay":50,"error":{"sqlstate":"53300"}}"#]);
    wire.put(Way::Upstream, &startup());
    wire.wait(49);
    assert_eq!(wire.down, b"");
    wire.wait(2);
    assert!(has(&wire.down, "SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0"));
    assert!(wire.has(&Act::Close));
    assert_eq!(
        (wire.up.len(), wire.hits()),
        (0, vec!["CONNECT: delayed by 50 ms, answered 53300".to_owned()])
    );
}

#[test]
fn a_session_is_cut_before_a_statement_or_at_its_reply() {
    for (when, sent) in [("before", false), ("reply", true)] {
        let mut wire = begun(&[&format!(r#"{{"kind":"commit","cut":"{when}"}}"#)]);
        wire.put(Way::Upstream, &[query("BEGIN"), query("COMMIT")].concat());
        assert_eq!(wire.up.len(), query("BEGIN").len() + usize::from(sent) * query("COMMIT").len());
        assert_eq!(wire.has(&Act::Reset), !sent);
        if sent {
            wire.put(Way::Downstream, &[message(b'C', b"COMMIT\0"), ready(b'I')].concat());
            assert!(wire.has(&Act::Reset) && wire.down.is_empty());
        }
    }
}

#[test]
fn rows_come_one_after_another_and_what_waits_is_bounded() {
    let mut wire = begun(&[r#"{"statement":{"regex":"from big"},"row_delay":10}"#]);
    wire.put(Way::Upstream, &query("SELECT * FROM big"));
    let row = message(b'D', &[b'x'; 1000]);
    wire.put(
        Way::Downstream,
        &[message(b'T', b"columns"), row.clone(), row.clone(), message(b'C', b"SELECT 2\0"), ready(b'I')]
            .concat(),
    );
    let mut seen = vec![wire.down.len()];
    for _ in 0..3 {
        wire.wait(10);
        seen.push(wire.down.len());
    }
    assert_eq!(seen, [12, 12 + row.len(), 12 + 2 * row.len() + 14 + 6, 12 + 2 * row.len() + 14 + 6]);
    wire.put(Way::Upstream, &query("SELECT * FROM big"));
    let mut held = 0;
    while wire.layer.wants(Way::Downstream) {
        wire.put(Way::Downstream, &row);
        held += row.len();
        assert!(held <= LIMIT + row.len());
    }
    // The next result is as fast as ever.
    wire.wait(10_000_000);
    wire.put(Way::Downstream, &message(b'C', b"SELECT 9\0"));
    wire.wait(10_000_000);
    wire.down.clear();
    wire.put(Way::Downstream, &row);
    assert_eq!(wire.down, row);
}

#[test]
fn encryption_is_asked_for_refused_and_then_looked_into_or_accepted_and_passed() {
    let ssl = [0, 0, 0, 8, 4, 210, 22, 47];
    let gss = [0, 0, 0, 8, 4, 210, 22, 48];
    let mut wire = wire(&[CONFLICT]);
    for question in [gss, ssl] {
        wire.put(Way::Upstream, &question);
        wire.put(Way::Downstream, b"N");
    }
    assert_eq!((&wire.up[..], &wire.down[..]), (&[gss, ssl].concat()[..], &b"NN"[..]));
    wire.put(Way::Upstream, &startup());
    wire.put(Way::Upstream, &query("UPDATE t"));
    assert!(has(&wire.up, "squall_fault"));
    let mut wire = Wire::new(session(book::<Rule>(&[CONFLICT]), None));
    wire.put(Way::Upstream, &ssl);
    wire.put(Way::Downstream, b"S");
    wire.put(Way::Upstream, &query("UPDATE t"));
    wire.put(Way::Downstream, b"\x16\x03\x03");
    assert_eq!((&wire.up[8..], &wire.down[..]), (&query("UPDATE t")[..], &b"S\x16\x03\x03"[..]));
    assert!(wire.hits()[0].contains("the server agreed to encryption"));
}

#[test]
fn with_rules_for_tls_only_who_asks_for_it_is_answered_and_all_else_passes() {
    let rule = r#"{"sni": "other.test", "refuse": "close"}"#;
    let opening = || Wire::new(encryption(book(&[rule]), session(book::<Rule>(&[CONFLICT]), None)));
    // No question, in pieces: it passes, and statements are seen.
    let mut wire = opening();
    for byte in startup() {
        wire.put(Way::Upstream, &[byte]);
    }
    assert_eq!((&wire.up[..], &wire.down[..]), (&startup()[..], &b""[..]));
    wire.put(Way::Upstream, &query("UPDATE t"));
    assert!(has(&wire.up, "squall_fault"));
    // Kerberos is not spoken here; then TLS is agreed upon, and the server hears nothing before the client's first word.
    let mut wire = opening();
    wire.put(Way::Upstream, &[0, 0, 0, 8, 4, 210, 22, 48, 0, 0, 0, 8, 4]);
    wire.put(Way::Upstream, &[210, 22, 47]);
    assert_eq!((&wire.up[..], &wire.down[..]), (&b""[..], &b"NS"[..]));
    // What is no TLS after all is looked into as it is.
    wire.put(Way::Upstream, &startup());
    assert_eq!(wire.up, startup());
    // An end, or a server that speaks first, before anybody knows what it is.
    let mut wire = opening();
    wire.put(Way::Upstream, &[0, 0, 0]);
    wire.end(Way::Upstream);
    assert_eq!((&wire.up[..], &wire.others[..]), (&[0, 0, 0][..], &[Act::End(Way::Upstream)][..]));
    let mut wire = opening();
    wire.put(Way::Upstream, &[0, 0, 0]);
    wire.put(Way::Downstream, b"hello");
    wire.put(Way::Upstream, &startup()[3..]);
    assert_eq!((&wire.up[..], &wire.down[..]), (&startup()[..], &b"hello"[..]));
}

#[test]
fn a_big_statement_is_streamed_and_of_a_refused_one_nothing_reaches_the_server() {
    let mut wire = begun(&[CONFLICT]);
    for (verb, length) in [("INSERT", 50_000_000), ("UPDATE", 0)] {
        let sql = query(&format!("{verb} {}", "x".repeat(50_000_000)));
        let mut most = 0;
        for (n, chunk) in sql.chunks(30_000).enumerate() {
            let before = wire.up.len();
            wire.put(Way::Upstream, chunk);
            most = most.max((n + 1) * 30_000 - (wire.up.len() - before).min(30_000) * n);
        }
        assert_eq!(wire.up.len() >= 50_000_000, length > 0, "{verb}");
        wire.up.clear();
    }
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let sql = prop::sample::select(vec![
        "SELECT 1",
        "update t",
        "COMMIT",
        "BEGIN",
        "",
        "copy t from stdin",
        "'",
        "$a$",
    ]);
    let name = prop::sample::select(vec!["", "a", "b"]);
    prop_oneof![
        sql.clone().prop_map(query),
        (name.clone(), sql).prop_map(|(name, sql)| parse(name, sql)),
        (name.clone(), name.clone()).prop_map(|(portal, name)| bind(portal, name)),
        name.prop_map(execute),
        (prop::sample::select(b"SHXdcfFpCDPBEQ".to_vec()), prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(kind, body)| message(kind, &body)),
    ]
}

fn any_answer() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(ready(b'I')),
        Just(ready(b'T')),
        Just(error("40001", "no")),
        Just(error("42601", "squall_fault_1_")),
        (prop::sample::select(b"123CDTtnNAGHWdcsIKRS".to_vec()), prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(kind, body)| message(kind, &body)),
    ]
}

fn feed(wire: &mut Wire, up: &[u8], down: &[u8], sizes: &[usize]) {
    let (ups, downs) = (chunks(up, sizes), chunks(down, sizes));
    for n in 0..ups.len().max(downs.len()) {
        if let Some(chunk) = ups.get(n) {
            wire.put(Way::Upstream, chunk);
        }
        if let Some(chunk) = downs.get(n) {
            wire.put(Way::Downstream, chunk);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every byte: without a hit exactly what came in goes out.
    #[test]
    fn without_a_hit_exactly_the_bytes_pass(
        up in prop_oneof![
            prop::collection::vec(any_message(), 0..20).prop_map(|messages| [startup(), messages.concat()].concat()),
            prop::collection::vec(any::<u8>(), 0..300),
        ],
        down in prop_oneof![
            prop::collection::vec(any_answer(), 0..20).prop_map(|messages| messages.concat()),
            prop::collection::vec(any::<u8>(), 0..300),
        ],
        sizes in sizes(),
        ruled in any::<bool>(),
    ) {
        let rules = [r#"{"statement":{"glob":"no such statement"},"cut":"before"}"#, r#"{"database":"other","delay":1}"#];
        let mut wire = wire(if ruled { &rules } else { &[] });
        feed(&mut wire, &up, &down, &sizes);
        wire.end(Way::Upstream);
        wire.end(Way::Downstream);
        prop_assert_eq!(wire.up, up);
        prop_assert_eq!(wire.down, down);
        wire.others.retain(|act| !matches!(act, Act::Hit(hit) if hit.rule.is_empty()));
        prop_assert_eq!(wire.others, vec![Act::End(Way::Upstream), Act::End(Way::Downstream)]);
    }

    /// Garbage: whatever comes, with every fault at work, is no panic.
    #[test]
    fn whatever_comes_is_no_panic(
        start in prop_oneof![Just(startup()), prop::collection::vec(any::<u8>(), 0..30)],
        up in prop::collection::vec(prop_oneof![any_message(), prop::collection::vec(any::<u8>(), 0..30)], 0..40),
        down in prop::collection::vec(prop_oneof![any_answer(), prop::collection::vec(any::<u8>(), 0..30)], 0..40),
        sizes in sizes(),
    ) {
        let mut wire = wire(&[
            r#"{"kind":"update","percent":50,"error":{"sqlstate":"40001"}}"#, r#"{"kind":"commit","error":{"sqlstate":"40001"}}"#,
            r#"{"kind":"select","delay":3,"jitter":3}"#, r#"{"kind":"select","row_delay":2}"#,
            r#"{"kind":"begin","percent":30,"cut":"reply"}"#, r#"{"kind":"begin","percent":10,"cut":"before"}"#,
        ]);
        feed(&mut wire, &[start, up.concat()].concat(), &down.concat(), &sizes);
        wire.end(Way::Upstream);
        wire.end(Way::Downstream);
        wire.wait(10_000);
        prop_assert_eq!(wire.layer.wake_at(), None);
    }
}
