//! An instant query to a Prometheus server, HTTP API v1.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use squall_model::measure::Outcome;
use squall_model::template::Template;
use squall_model::unit::{Span, Unit};

use crate::error::ProbeError;
use crate::http::{Answer, Request};
use crate::json;
use crate::prober::fill;
use crate::surroundings::Surroundings;
use crate::unread::{Unread, quote};

pub(crate) struct Prometheus {
    query: Request,
    targets: Request,
    unit: Unit,
}

/// The labels that tell which target a series was scraped from.
const ORIGIN: [&str; 2] = ["job", "instance"];

impl Prometheus {
    pub(crate) fn new(
        url: &Template,
        query: &Template,
        unit: Unit,
        known: &dyn Surroundings,
    ) -> Result<Self, ProbeError> {
        let base = crate::http::address(&fill(known, "address of Prometheus", url)?)?;
        let mut asking = below(&base, "api/v1/query");
        asking.query_pairs_mut().append_pair("query", &fill(known, "query", query)?);
        let mut targets = below(&base, "api/v1/targets");
        targets.query_pairs_mut().append_pair("state", "active");
        Ok(Self { query: Request::get(asking), targets: Request::get(targets), unit })
    }

    pub(crate) async fn read(&mut self) -> Result<Outcome, Unread> {
        let data = data(&self.query.send(None).await?)?;
        let sample = match (data["resultType"].as_str(), &data["result"]) {
            (Some("scalar"), sample) => sample,
            (Some("vector"), Value::Array(series)) => match series.as_slice() {
                [] => return Ok(Outcome::Absent),
                [one] => &one["value"],
                several => {
                    let count = several.len();
                    return Err(Unread(format!("{count} series; aggregate them, e.g. sum(...)")));
                }
            },
            (Some(other), _) => {
                return Err(Unread(format!("the query gives a {other}, not one number")));
            }
            (None, _) => return Err("the answer is not one of Prometheus".into()),
        };
        let written = sample[1].as_str().unwrap_or_default();
        let value = written.parse().map_err(|_| Unread(format!("`{}` is not a number", quote(written))))?;
        json::number(value, self.unit)
    }

    /// The scrape interval of the target that the series comes from; where that cannot be told
    /// (an aggregation), the longest of all targets.
    pub(crate) async fn lag(&mut self) -> Option<Duration> {
        let targets = data(&self.targets.send(None).await.ok()?).ok()?;
        let found = data(&self.query.send(None).await.ok()?).ok()?;
        longest_interval(&targets, &found)
    }
}

fn longest_interval(targets: &Value, found: &Value) -> Option<Duration> {
    let origins: Vec<&Value> = found["result"].as_array()?.iter().map(|series| &series["metric"]).collect();
    let scraped_by = |target: &Value, origin: &Value| {
        ORIGIN.iter().all(|label| origin[label].is_string() && origin[label] == target["labels"][label])
    };
    let intervals = |wanted: &dyn Fn(&Value) -> bool| {
        let targets = targets["activeTargets"].as_array()?;
        let named = targets.iter().filter(|target| wanted(target));
        named.filter_map(|target| target["scrapeInterval"].as_str()?.parse::<Span>().ok()).max()
    };
    let of_origin = intervals(&|target| origins.iter().any(|origin| scraped_by(target, origin)));
    of_origin.or_else(|| intervals(&|_| true)).map(|span| span.0)
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// What a successful answer holds. A refused query is answered with 4xx and the reason in JSON.
fn data(answer: &Answer) -> Result<Value, Unread> {
    let document: Option<Value> = serde_json::from_slice(&answer.bytes).ok();
    if let Some(document) = &document
        && document["status"] == "error"
    {
        let reason = document["error"].as_str().unwrap_or("no reason given");
        return Err(Unread(format!("Prometheus: {}", quote(reason))));
    }
    answer.body()?;
    let document = document.ok_or_else(|| Unread::from("the answer is not JSON"))?;
    Ok(document["data"].clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, latency: Duration::ZERO, bytes: body.into() }
    }

    #[test]
    fn the_reason_of_the_server_is_kept() {
        let refused = answer(400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#);
        assert_eq!(data(&refused), Err("Prometheus: parse error".into()));
        assert_eq!(data(&answer(502, "<html>")), Err("answered 502".into()));
        assert_eq!(data(&answer(200, "<html>")), Err("the answer is not JSON".into()));
    }

    // S6: the lag is that of the series' own target.
    #[test]
    fn the_interval_is_that_of_the_target_or_the_longest() {
        let targets = json!({"activeTargets": [
            {"labels": {"job": "a", "instance": "x:1"}, "scrapeInterval": "1s"},
            {"labels": {"job": "b", "instance": "y:1"}, "scrapeInterval": "1m0s"},
        ]});
        let series = |metric: Value| json!({"result": [{"metric": metric}]});
        let of_one = longest_interval(&targets, &series(json!({"job": "a", "instance": "x:1"})));
        assert_eq!(of_one, Some(Duration::from_secs(1)));
        assert_eq!(longest_interval(&targets, &series(json!({}))), Some(Duration::from_mins(1)));
        assert_eq!(longest_interval(&json!({"activeTargets": []}), &series(json!({}))), None);
    }
}
