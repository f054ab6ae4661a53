//! Sessions at a terminal: what a person types and what they see. `TRYCMD=overwrite` writes them anew.

#[test]
fn sessions_are_as_written() {
    let home = tempfile::tempdir().unwrap();
    trycmd::TestCases::new()
        .env("SQUALL_HOME", home.path().to_str().unwrap())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .case("tests/cmd/*.md")
        .run();
}
