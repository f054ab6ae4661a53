//! Accounts: who is let in, and what for.

use crate::client::{get, post, request};
use crate::process::{Site, path};

fn log_in(port: u16, name: &str, password: &str) -> String {
    let answer = post(port, "/login", &format!(r#"{{"name":"{name}","password":"{password}"}}"#)).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["token"].as_str().unwrap().to_owned()
}

#[test]
fn who_registers_and_logs_in_may_submit_until_the_logout_and_nobody_else_may() {
    let site = Site::new();
    let auth = site.file("auth");
    let (_api, port) = site.serve("api", 0, &["--auth", path(&auth)]);
    for (method, path, body) in [
        ("POST", "/tasks", r#"{"tag":"a"}"#),
        ("POST", "/batches", r#"{"tasks":[{"tag":"a"}]}"#),
        ("GET", "/tasks", ""),
        ("GET", "/tasks/1", ""),
        ("GET", "/dead", ""),
        ("GET", "/stats", ""),
        ("GET", "/breakers", ""),
        ("GET", "/events", ""),
        ("GET", "/me", ""),
        ("GET", "/users", ""),
        ("POST", "/logout", ""),
        ("POST", "/dead/replay", r#"{"all":true}"#),
        ("POST", "/dead/purge", r#"{"all":true}"#),
    ] {
        for token in [None, Some("lab_guess")] {
            let answer = request(port, method, path, token, body).unwrap();
            assert_eq!(answer.status, 401, "{method} {path} {token:?}: {answer:?}");
            assert_eq!(answer.header("www-authenticate"), Some("bearer"));
            assert!(answer.error().starts_with("could not "), "{answer:?}");
        }
    }
    assert_eq!(get(port, "/health").unwrap().status, 200);
    assert_eq!(get(port, "/metrics").unwrap().status, 200);
    assert_eq!(site.stat("total"), 0);

    let credentials = r#"{"name":"ada","password":"correct horse"}"#;
    let registered = post(port, "/register", credentials).unwrap();
    assert_eq!((registered.status, &registered.body["role"]), (201, &"user".into()));
    assert_eq!(post(port, "/register", credentials).unwrap().status, 409);
    let wrong = post(port, "/login", r#"{"name":"ada","password":"incorrect horse"}"#).unwrap();
    let unknown = post(port, "/login", r#"{"name":"bob","password":"correct horse"}"#).unwrap();
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body, unknown.body, "the answer says which names there are");

    let token = log_in(port, "ada", "correct horse");
    let ask = |method, path, body| request(port, method, path, Some(&token), body).unwrap();
    assert_eq!(ask("GET", "/me", "").body["name"], "ada");
    assert_eq!(ask("POST", "/tasks", r#"{"tag":"a"}"#).status, 201);
    for (method, path, body) in [("GET", "/users", ""), ("POST", "/dead/purge", r#"{"all":true}"#)] {
        let answer = ask(method, path, body);
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.error().contains("admin"), "{answer:?}");
    }
    assert_eq!(ask("POST", "/logout", "").status, 204);
    assert_eq!(ask("GET", "/me", "").status, 401);
    assert_eq!(site.stat("total"), 1);
}

#[test]
fn an_admin_is_made_on_the_command_line_and_logins_outlive_the_api() {
    let site = Site::new();
    let auth = site.file("auth");
    let (succeeded, said) = site.account("root", "battery staple", "admin");
    assert!(succeeded && said == "added `root`, role admin\n", "{said}");
    let (again, said) = site.account("root", "battery staple", "admin");
    assert!(!again && said.contains("the name is taken"), "{said}");
    let (short, said) = site.account("short", "1234567", "user");
    assert!(!short && said.contains("write 8 to 200"), "{said}");

    let (api, port) = site.serve("api", 0, &["--auth", path(&auth)]);
    let token = log_in(port, "root", "battery staple");
    api.kill();
    let (_api, port) = site.serve("api", 0, &["--auth", path(&auth)]);
    let users = request(port, "GET", "/users?limit=1", Some(&token), "").unwrap();
    assert_eq!(users.body, serde_json::json!({"users": [{"name": "root", "role": "admin"}], "next": "root"}));
    assert_eq!(request(port, "POST", "/dead/purge", Some(&token), r#"{"all":true}"#).unwrap().status, 200);
}

#[test]
fn bad_registrations_are_refused_with_the_place() {
    let site = Site::new();
    let auth = site.file("auth");
    let (_api, port) = site.serve("api", 0, &["--auth", path(&auth)]);
    for (body, reason) in [
        ("", "read the registration"),
        (r#"{"name":"ada"}"#, "password"),
        (r#"{"name":"Ada","password":"correct horse"}"#, "is not a name"),
        (r#"{"name":"ada","password":"short"}"#, "write 8 to 200"),
        (r#"{"name":"ada","password":"correct horse","role":"admin"}"#, "role"),
    ] {
        let answer = post(port, "/register", body).unwrap();
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains(reason), "{body}: {answer:?}");
        assert!(!answer.text.contains("correct horse"), "the answer tells the password");
    }
    assert_eq!(post(port, "/login", r#"{"name":"ada","password":"correct horse"}"#).unwrap().status, 401);
}

#[test]
fn without_auth_everybody_may_do_everything_and_accounts_are_not_there() {
    let site = Site::new();
    let (_api, port) = site.api();
    assert_eq!(post(port, "/dead/replay", r#"{"all":true}"#).unwrap().status, 200);
    for (method, path) in [("POST", "/register"), ("POST", "/login"), ("POST", "/logout"), ("GET", "/me")] {
        let answer = request(port, method, path, None, "{}").unwrap();
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.error().contains("--auth"), "{answer:?}");
    }
}
