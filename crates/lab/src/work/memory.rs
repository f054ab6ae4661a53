//! Work that needs memory.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::WorkFailed;

/// So much memory: 1 to 1024 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Mebibytes(u32);

impl TryFrom<u32> for Mebibytes {
    type Error = String;

    fn try_from(value: u32) -> Result<Self, String> {
        if (1..=1024).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not 1 to 1024 MiB"))
        }
    }
}

impl From<Mebibytes> for u32 {
    fn from(mebibytes: Mebibytes) -> u32 {
        mebibytes.0
    }
}

/// The smallest page of the machines that Linux runs on.
const PAGE: usize = 4096;

/// Takes the memory, writes to each page of it, holds it for `takes`, and sees whether all of it is still there.
pub(super) async fn hold(mebibytes: Mebibytes, takes: Duration) -> Result<String, WorkFailed> {
    let length = mebibytes.0 as usize * 1024 * 1024;
    let ended = |_| WorkFailed("the thread that took the memory has ended".into());
    let held = spawn_blocking(move || take(length)).await.map_err(ended)??;
    sleep(takes).await;
    let whole =
        spawn_blocking(move || held.iter().step_by(PAGE).enumerate().all(|(page, byte)| *byte == mark(page)));
    if whole.await.map_err(ended)? {
        Ok(format!("held {} MiB for {} ms", mebibytes.0, takes.as_millis()))
    } else {
        Err(WorkFailed("the memory changed while it was held".into()))
    }
}

fn take(length: usize) -> Result<Vec<u8>, WorkFailed> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(length)
        .map_err(|error| WorkFailed(format!("no {} MiB to be had: {error}", length / 1024 / 1024)))?;
    memory.resize(length, 0);
    memory.iter_mut().step_by(PAGE).enumerate().for_each(|(page, byte)| *byte = mark(page));
    Ok(memory)
}

/// Never 0, which an untouched page would read as.
fn mark(page: usize) -> u8 {
    (page % 255) as u8 + 1
}
