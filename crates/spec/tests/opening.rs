//! TLS that a proxy opens for a whole run, and what faults add to it (F16, F17, F18).

use serde_json::{Value, json};
use squall_model::fault::Fault;
use squall_model::plan::Plan;
use squall_model::target::{Find, Inventory};
use squall_spec::opening;
use squall_spec::render::Theme;

/// The plan for a service with this `tls` at its proxy, and a fault of it.
fn planned(protocol: &str, tls: &str, fault: &str) -> Plan {
    let text = format!(
        "name: shop\ntarget:\n  services:\n    shop: {{ find: {{ elsewhere: {{}} }}, proxy: {{ upstream: '10.0.0.5:443', protocol: {protocol}, tls: {tls} }} }}\n\
         steady: {{ measures: {{ up: {{ tcp: '127.0.0.1:{{port:shop-proxy}}', expect: '< 1 s' }} }} }}\n\
         duration: 10s\nfaults: {{ broken: {{ inject: {{ {fault} }}, on: {{ service: shop }} }} }}\n"
    );
    let draft = squall_spec::read("shop.yaml", &text, &|_| Err("there are none".to_owned()));
    let plan = draft.and_then(|draft| draft.plan(Inventory::default(), Some(1)));
    plan.unwrap_or_else(|mistakes| panic!("{}", mistakes.render(Theme::PLAIN))).0
}

/// The words that the run's proxy is started with.
fn started(plan: &Plan) -> Vec<&str> {
    let Find::Start(start) = &plan.target.services["shop-proxy"].find else { panic!("{plan:?}") };
    start.run.iter().map(|word| word.0.as_str()).collect()
}

fn attributes(plan: &Plan) -> Value {
    let Fault::Traffic { toxics, .. } = &plan.faults[0].fault else { panic!("{plan:?}") };
    toxics[0].attributes.clone().into()
}

const AUTHORITY: &str = "authority: { certificate: /etc/ca.pem, key: '/etc/a \"ca\".key' }";
const ONWARD: &str = "upstream: { tls: { name: shop.test, roots: /etc/roots.pem } }";

#[test]
fn a_proxy_is_started_with_how_it_opens_tls_and_says_the_same_of_it() {
    for (tls, expected) in [
        ("", json!({ "certificate": "none", "upstream": { "tls": { "insecure": true } } })),
        ("{}", json!({ "certificate": "none", "upstream": { "tls": { "insecure": true } } })),
        (
            &format!("{{ {AUTHORITY}, {ONWARD} }}"),
            json!({
                "certificate": "none",
                "authority": { "certificate": "{file:/etc/ca.pem}", "key": "{file:/etc/a \"ca\".key}" },
                "upstream": { "tls": { "name": "shop.test", "roots": "{file:/etc/roots.pem}" } },
            }),
        ),
        (
            "{ identity: { certificate: /own.pem, key: /own.key }, upstream: { plain: {} } }",
            json!({
                "identity": { "certificate": "{file:/own.pem}", "key": "{file:/own.key}" }, "upstream": "plain",
            }),
        ),
    ] {
        let plan = planned("redis", tls, "redis: { delay: 1s }");
        let via = plan.target.services["shop"].proxy.clone().unwrap();
        assert_eq!(Value::from(via.tls.unwrap()), expected, "{tls}");
        let words = started(&plan);
        let at = words.iter().position(|word| *word == "--tls").expect("the proxy is told");
        assert_eq!(words[at - 2..at], ["--protocol", "redis"]);
        // No reference is filled in on its command line, and there it is read as it is here.
        assert_eq!(squall_model::template::Template::from(words[at + 1]).references().unwrap(), []);
        let read = opening::read("--tls", words[at + 1]).unwrap();
        assert_eq!(Value::from(read), expected, "{tls}");
    }
    assert!(!started(&planned("websocket", "{}", "websocket: { delay: 1s }")).contains(&"websocket"));
}

#[test]
fn a_fault_says_what_is_wrong_and_the_proxy_how_it_is_opened() {
    let tls = format!("{{ {AUTHORITY}, {ONWARD} }}");
    let expired = attributes(&planned("http", &tls, "tls: { certificate: expired }"));
    assert_eq!(
        expired,
        json!({
            "certificate": "expired",
            "authority": { "certificate": "{file:/etc/ca.pem}", "key": "{file:/etc/a \"ca\".key}" },
            "upstream": { "tls": { "name": "shop.test", "roots": "{file:/etc/roots.pem}" } },
        })
    );
    // A certificate of one's own is signed already.
    let own = "tls: { identity: { certificate: /own.pem, key: /own.key } }";
    let own = attributes(&planned("http", &tls, own));
    assert_eq!(own["identity"]["certificate"], "{file:/own.pem}");
    assert_eq!((&own["upstream"]["tls"]["name"], own.get("authority")), (&json!("shop.test"), None));
    // Where the proxy shows one certificate of its own, nobody has said who signs another.
    let shown = "{ identity: { certificate: /own.pem, key: /own.key } }";
    let fault = format!("tls: {{ certificate: expired, {AUTHORITY} }}");
    let expired = attributes(&planned("http", shown, &fault));
    assert_eq!(
        (&expired["authority"]["certificate"], expired.get("identity")),
        (&json!("{file:/etc/ca.pem}"), None)
    );
    let refused = attributes(&planned("http", &tls, "tls: { refuse: alert }"));
    assert_eq!(refused, json!({ "refuse": "alert" }));
}
