//! E5: the account of work, from a program.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use squall_model::conservation::{Counts, Figure};
use squall_probe::Ledger;

use crate::stage::{AMPLE, Stage, argv};

async fn read(script: &str, timeout: Duration) -> Result<Counts, String> {
    let figures: BTreeMap<Figure, String> =
        [(Figure::Sent, "all.sent".to_owned()), (Figure::Done, "done".to_owned())].into();
    let stage = Rc::new(Stage::with_secret("TOKEN", "s3cret"));
    let run = argv(&["sh", "-c", script]);
    Ledger::new(&run, &figures, timeout, stage).expect("it can be made").read().await
}

#[tokio::test]
async fn all_figures_are_taken_from_one_object() {
    let counts = read(r#"echo '{"all": {"sent": 9}, "done": 7, "more": 1}'"#, AMPLE).await;
    assert_eq!(counts, Ok([(Figure::Sent, 9), (Figure::Done, 7)].into()));
}

// An account with a hole is none.
#[tokio::test]
async fn what_is_no_count_makes_it_unreadable() {
    let said = async |script| read(script, AMPLE).await.expect_err("no account");
    assert_eq!(said(r#"echo '{"all": {"sent": 9}}'"#).await, "there is nothing at `done`");
    assert_eq!(
        said(r#"echo '{"all": {"sent": -1}, "done": 1}'"#).await,
        "`all.sent` is -1, which is no count"
    );
    assert_eq!(
        said(r#"echo '{"all": {"sent": 1.5}, "done": 1}'"#).await,
        "`all.sent` is 1.5, which is no count"
    );
    assert!(said("echo nothing").await.contains("not JSON"));
    assert_eq!(said("echo 's3cret is wrong' >&2; exit 3").await, "exited with 3: *** is wrong");
    let late = read("sleep 60", Duration::from_millis(50)).await;
    assert_eq!(late, Err("timed out after 50ms".to_owned()));
}
