//! A figure of the requests that pass through a proxy, of those that were hit or of those that were spared.

use serde::Deserialize;
use squall_model::measure::{Outcome, TrafficFigure};
use squall_model::plan::Group;
use squall_model::unit::Unit;

use crate::error::ProbeError;
use crate::http::{Request, address};
use crate::json;
use crate::prober::fill;
use crate::surroundings::{Passing, Surroundings};
use crate::unread::Unread;

pub(crate) struct Traffic {
    request: Request,
    figure: TrafficFigure,
    group: Group,
    before: Option<Page>,
}

/// What the proxy has counted so far.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Page {
    /// Rules in force that may hit a request.
    rules: u64,
    hit: Counts,
    spared: Counts,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Counts {
    finished: u64,
    failed: u64,
    /// The most microseconds of a row, and how many answers are in it.
    latency: Vec<(u64, u64)>,
}

impl Traffic {
    pub(crate) fn new(
        service: &str,
        figure: TrafficFigure,
        known: &dyn Surroundings,
    ) -> Result<Self, ProbeError> {
        let Passing { via, group } =
            known.passing(service).ok_or_else(|| ProbeError::NoProxy(service.to_owned()))?;
        let api = fill(known, "address of the proxy's API", &via.api)?;
        let url = address(&format!("{}/proxies/{}/traffic", api.trim_end_matches('/'), via.name))?;
        Ok(Self { request: Request::get(url), figure, group, before: None })
    }

    /// Sets the mark: the first reading speaks of the time from here on.
    pub(crate) async fn begin(&mut self) {
        self.before = self.page().await.ok();
    }

    pub(crate) async fn read(&mut self) -> Result<Outcome, Unread> {
        let page = self.page().await?;
        let Some(before) = self.before.replace(page.clone()) else {
            return Err("nothing was read before it to count from".into());
        };
        figure(self.figure, &page.since(&before, self.group))
    }

    async fn page(&mut self) -> Result<Page, Unread> {
        let answer = self.request.send(None).await?;
        if answer.status == 404 {
            return Err("the proxy has no page of its traffic: it is gone, or not one of squall".into());
        }
        serde_json::from_value(answer.json()?)
            .map_err(|error| Unread(format!("the answer is not the page of a proxy's traffic: {error}")))
    }
}

impl Page {
    /// Of one group since an earlier page. While no rule could hit anything there is one group, which is both.
    fn since(&self, before: &Self, group: Group) -> Counts {
        let hit = self.hit.since(&before.hit);
        let is_one = hit.finished == 0 && (self.rules == 0 || before.rules == 0);
        if group == Group::Hit && !is_one { hit } else { self.spared.since(&before.spared) }
    }
}

impl Counts {
    fn since(&self, before: &Self) -> Self {
        let Some(finished) = self.finished.checked_sub(before.finished) else {
            // The proxy was started anew.
            return self.clone();
        };
        let earlier = |most: u64| {
            let row = before.latency.iter().find(|(row, _)| *row == most);
            row.map_or(0, |(_, count)| *count)
        };
        let rows = self.latency.iter().map(|(most, count)| (*most, count.saturating_sub(earlier(*most))));
        Self {
            finished,
            failed: self.failed.saturating_sub(before.failed),
            latency: rows.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// The value that so many percent of the answers do not exceed, in seconds (nearest rank).
    fn percentile(&self, percent: u64) -> Option<f64> {
        let all: u64 = self.latency.iter().map(|(_, count)| count).sum();
        let rank = (all * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let row = self.latency.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        row.map(|(most, _)| *most as f64 / 1e6)
    }
}

/// Without a finished request there is neither an error rate nor a latency: absent, not zero.
fn figure(figure: TrafficFigure, counts: &Counts) -> Result<Outcome, Unread> {
    let percent = match figure {
        TrafficFigure::ErrorRate => {
            return match counts.finished {
                0 => Ok(Outcome::Absent),
                all => json::number(counts.failed.min(all) as f64 / all as f64 * 100.0, Unit::Percent),
            };
        }
        TrafficFigure::P50 => 50,
        TrafficFigure::P95 => 95,
        TrafficFigure::P99 => 99,
    };
    counts.percentile(percent).map_or(Ok(Outcome::Absent), |seconds| json::number(seconds, Unit::Seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(finished: u64, failed: u64, latency: &[(u64, u64)]) -> Counts {
        Counts { finished, failed, latency: latency.to_vec() }
    }

    fn read(which: TrafficFigure, counts: &Counts) -> Option<f64> {
        figure(which, counts).unwrap().as_number()
    }

    #[test]
    fn figures_are_of_the_requests_since_the_reading_before() {
        let before = counts(10, 1, &[(500, 4), (1_000, 5)]);
        let now = counts(30, 6, &[(500, 4), (1_000, 15), (20_000, 9)]);
        let since = now.since(&before);
        assert_eq!(since, counts(20, 5, &[(1_000, 10), (20_000, 9)]));
        assert_eq!(read(TrafficFigure::ErrorRate, &since), Some(25.0));
        assert_eq!(read(TrafficFigure::P50, &since), Some(0.001));
        assert_eq!(read(TrafficFigure::P95, &since), Some(0.02));
        assert_eq!(counts(3, 0, &[(7, 3)]).since(&now), counts(3, 0, &[(7, 3)]), "a new proxy");
    }

    #[test]
    fn nothing_finished_is_absent_and_never_no_errors() {
        for which in [TrafficFigure::ErrorRate, TrafficFigure::P50, TrafficFigure::P99] {
            assert_eq!(figure(which, &Counts::default()), Ok(Outcome::Absent));
        }
        // Those that were cut have no latency.
        assert_eq!(figure(TrafficFigure::P95, &counts(4, 4, &[])), Ok(Outcome::Absent));
    }

    // E4: before a fault is on, and after it, the groups are one.
    #[test]
    fn the_groups_are_one_while_nothing_can_be_hit() {
        let page =
            |rules, hit, spared| Page { rules, hit: counts(hit, hit, &[]), spared: counts(spared, 0, &[]) };
        let of = |from: &Page, to: &Page, group| to.since(from, group).finished;
        let (calm, more) = (page(0, 5, 10), page(0, 5, 30));
        assert_eq!((of(&calm, &more, Group::Hit), of(&calm, &more, Group::Control)), (20, 20));
        let (on, later) = (page(1, 5, 10), page(1, 5, 30));
        assert_eq!(of(&on, &later, Group::Hit), 0, "all that were hit still wait: that is not well");
        let hits = page(1, 8, 30);
        assert_eq!((of(&calm, &hits, Group::Hit), of(&calm, &hits, Group::Control)), (3, 20));
        assert_eq!(of(&calm, &on, Group::Hit), 0);
        assert_eq!(of(&calm, &page(1, 5, 12), Group::Hit), 2, "nothing was hit yet");
    }
}
