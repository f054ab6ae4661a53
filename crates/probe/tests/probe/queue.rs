//! E3: the figures of a job queue.

use squall_model::measure::{Outcome, Probe};
use squall_model::unit::Unit;
use squall_probe::ProbeError;

use crate::stage::{Stage, argv, refused, unreadable, value};

fn figure(name: &str) -> Probe {
    Probe::Queue { figure: name.into() }
}

fn printing(script: &str) -> Stage {
    Stage { stats: Some(argv(&["sh", "-c", script])), ..Stage::default() }
}

#[tokio::test]
async fn a_figure_is_taken_from_what_the_program_prints() {
    let script = r#"echo '{"waiting": 12, "oldest_waiting_s": 2.5, "oldest_active_s": null}'"#;
    let read = async |name: &str| printing(script).prober(figure(name)).read().await;
    assert_eq!(read("waiting").await, value(12.0, Unit::Number));
    assert_eq!(read("oldest_waiting_s").await, value(2.5, Unit::Seconds));
    assert_eq!(read("oldest_active_s").await, Outcome::Absent);
    assert_eq!(
        read("dead").await,
        unreadable("there is no figure `dead`; there are: oldest_active_s, oldest_waiting_s, waiting")
    );
}

// S9
#[tokio::test]
async fn a_program_that_fails_gives_no_figures() {
    let read = async |script: &str| printing(script).prober(figure("waiting")).read().await;
    assert_eq!(read("echo 'locked' >&2; exit 1").await, unreadable("exited with 1: locked"));
    assert!(
        matches!(read("echo '[1]'").await, Outcome::Unreadable(why) if why.contains("not a JSON object"))
    );
    assert!(matches!(refused(figure("waiting"), Stage::default()), ProbeError::NoQueue));
}
