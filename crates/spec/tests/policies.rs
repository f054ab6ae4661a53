//! What may be done where (S5, S7).

use squall_model::plan::Plan;
use squall_model::target::Inventory;
use squall_spec::policy::{self, Policy, judge};

fn plan(environment: &str, faults: &str) -> Plan {
    let text = format!(
        "name: lose-workers\nenvironment: {environment}\ntarget: {{ services: {{ worker: {{ start: {{ run: [serve], count: 4 }} }}, db: {{ start: {{ run: [db] }} }} }} }}\nsteady: {{ measures: {{ up: {{ tcp: \"127.0.0.1:80\", expect: \"< 5 ms\" }} }} }}\nduration: 60s\nfaults:\n{faults}"
    );
    let read = squall_spec::read("a.yaml", &text, &|_| Err("none".to_owned()));
    read.and_then(|draft| draft.plan(Inventory::default(), Some(1)))
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        .0
}

const HALF: &str = "  kill: { inject: { process-kill: {} }, on: { service: worker }, pick: 50 % }\n";

fn policy(text: &str) -> Policy {
    policy::read("policy.yaml", text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn rules(plan: &Plan, policy: &Policy, confirmed: Option<&str>) -> Vec<&'static str> {
    judge(plan, policy, confirmed).into_iter().map(|refusal| refusal.rule).collect()
}

// S7
#[test]
fn production_is_locked_without_any_policy() {
    for environment in ["production", "prod", "Production", "prod-eu", "eu.prod"] {
        assert_eq!(
            rules(&plan(environment, HALF), &Policy::default(), Some("lose-workers")),
            ["locked"],
            "{environment}"
        );
    }
    for environment in ["local", "staging", "products"] {
        assert!(rules(&plan(environment, HALF), &Policy::default(), None).is_empty(), "{environment}");
    }
}

// S7: it takes both, the policy and the typed name.
#[test]
fn production_opens_with_a_policy_and_the_typed_name_only() {
    let open = policy("environments: { production: { locked: false } }");
    let plan = plan("production", HALF);
    assert_eq!(rules(&plan, &open, None), ["unconfirmed"]);
    assert_eq!(rules(&plan, &open, Some("yes")), ["unconfirmed"]);
    assert_eq!(rules(&plan, &open, Some("Lose-Workers")), ["unconfirmed"]);
    assert!(rules(&plan, &open, Some("lose-workers")).is_empty());
    let silent = policy("environments: { production: { max-percent: 60 % } }");
    assert_eq!(
        rules(&plan, &silent, Some("lose-workers")),
        ["locked"],
        "a policy that does not say so opens nothing"
    );
    assert_eq!(
        rules(
            &self::plan("staging", HALF),
            &policy("environments: { staging: { locked: true } }"),
            Some("lose-workers")
        ),
        ["locked"]
    );
}

// S5
#[test]
fn every_ceiling_refuses_what_is_above_it() {
    let rules = |ceilings: &str, faults: &str| {
        rules(
            &plan("staging", faults),
            &policy(&format!("environments: {{ staging: {{ {ceilings} }} }}")),
            None,
        )
    };
    assert_eq!(rules("max-percent: 49 %", HALF), ["max-percent"]);
    assert!(rules("max-percent: 50 %", HALF).is_empty());
    assert_eq!(rules("max-duration: 59s", HALF), ["max-duration"]);
    assert!(rules("max-duration: 60s", HALF).is_empty());
    assert_eq!(rules("services: [db]", HALF), ["services"]);
    assert!(rules("services: [db, worker]", HALF).is_empty());
    let host = "  busy: { inject: { cpu-stress: { percent: 50 % } } }\n";
    assert_eq!(rules("host-faults: false", host), ["host-faults"]);
    assert!(rules("host-faults: true", host).is_empty());
    let overlapping = format!("{HALF}  busy: {{ inject: {{ cpu-stress: {{ percent: 50 % }} }}, at: 59s }}\n");
    assert_eq!(rules("max-faults: 1", &overlapping), ["max-faults"]);
    let apart = "  a: { inject: { cpu-stress: { percent: 50 % } }, for: 30s }\n  b: { inject: { cpu-stress: { percent: 50 % } }, at: 30s }\n";
    assert!(rules("max-faults: 1", apart).is_empty(), "one ends where the other begins");
    assert_eq!(
        rules("max-percent: 10 %, max-duration: 1s, services: []", HALF),
        ["max-duration", "services", "max-percent"]
    );
}
