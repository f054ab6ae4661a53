//! What may be done where (S5, S7).

use squall_model::plan::Plan;
use squall_model::target::Inventory;
use squall_spec::policy::{self, Policy, judge};

fn plan(environment: &str, faults: &str) -> Plan {
    let text = format!(
        "name: lose-workers\nenvironment: {environment}\ntarget: {{ services: {{ worker: {{ start: {{ run: [serve], count: 4 }} }}, db: {{ start: {{ run: [db] }} }} }} }}\nsteady: {{ measures: {{ up: {{ tcp: \"127.0.0.1:80\", expect: \"< 5 ms\" }} }} }}\nduration: 60s\nfaults:\n{faults}"
    );
    planned(&text)
}

fn planned(text: &str) -> Plan {
    let read = squall_spec::read("a.yaml", text, &|_| Err("none".to_owned()));
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

// S5, C7: what the load of an experiment may do.
#[test]
fn a_load_beyond_its_ceilings_is_refused() {
    let rules = |ceilings: &str, load: &str| {
        let text = format!(
            "name: a\nenvironment: staging\ntarget: {{ services: {{ w: {{ start: {{ run: [serve] }} }} }} }}\n\
             load: {{ http: {{ url: 'http://127.0.0.1:80/' }}, {load} }}\n\
             steady: {{ measures: {{ up: {{ tcp: \"127.0.0.1:80\", expect: \"< 5 ms\" }} }} }}\nduration: 60s\n"
        );
        let policy = policy(&format!("environments: {{ staging: {{ {ceilings} }} }}"));
        judge(&planned(&text), &policy, None)
    };
    let names = |ceilings: &str, load: &str| -> Vec<&str> {
        rules(ceilings, load).into_iter().map(|refusal| refusal.rule).collect()
    };
    let sine = "pattern: { sine: { mean: 40/s, swing: 20/s, period: 10s } }";
    assert_eq!(names("max-load-rate: 59/s", sine), ["max-load-rate"]);
    assert!(names("max-load-rate: 60/s", sine).is_empty());
    let endless = "pattern: { linear: { from: 1/s, by: 1/s, every: 1s } }";
    assert_eq!(names("max-load-rate: 1000/s", endless), ["max-load-rate"]);
    assert!(names("max-load-rate: 1000/s", &format!("{endless}, max-rate: 10/s")).is_empty());
    let steady = "pattern: { constant: 10/s }";
    assert_eq!(
        names("max-load-in-flight: 10", &format!("{steady}, max-in-flight: 11")),
        ["max-load-in-flight"]
    );
    assert!(names("max-load-in-flight: 11", &format!("{steady}, max-in-flight: 11")).is_empty());
    assert_eq!(names("max-load-total: 100", steady), ["max-load-total"], "what has no limit is beyond any");
    assert_eq!(names("max-load-total: 100", &format!("{steady}, max-total: 101")), ["max-load-total"]);
    assert!(names("max-load-total: 100", &format!("{steady}, max-total: 100")).is_empty());
    let refusal = &rules("max-load-rate: 5/s", steady)[0];
    assert_eq!(refusal.message, "the load rises to 10/s, and `staging` allows 5/s");
    assert_eq!(refusal.help, "write a `pattern` that stays at or below 5/s");
    for zero in ["max-load-rate: 0/s", "max-load-in-flight: 0", "max-load-total: 0"] {
        let text = format!("environments: {{ staging: {{ {zero} }} }}");
        let mistakes = policy::read("policy.yaml", &text).unwrap_err().to_string();
        assert!(mistakes.contains("a ceiling of zero allows nothing"), "{mistakes}");
    }
}
