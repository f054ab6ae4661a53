//! F16-F20: faults on what passes through the proxy in front of a service.

use std::time::Duration;

use serde_json::Value;
use squall_host::clock;
use squall_model::traffic::{Protocol, Toxic};
use squall_model::undo::Undo;
use squall_model::unit::Percent;

use super::{Measuring, Prepared, Refusal, Site};
use crate::change::{Change, Step};
use crate::filling::Filling;
use crate::plural;
use crate::proxy_api::{ProxyApi, Sight};
use crate::reason::reason;

/// Traffic that does not come within it does not come.
const TRAFFIC_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at what was hit.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn prepare(site: &Site, toxics: &[Toxic], percent: Percent) -> Result<Prepared, Refusal> {
    let service = site.service()?;
    let via = service.proxy.as_ref().ok_or_else(|| {
        format!("nothing is known of a proxy in front of {}: give it `proxy: {{ ... }}`", service.name)
    })?;
    let filled = site.filling.fill_plain(&vec![via.api.clone()]).map_err(|error| reason(&error))?;
    let plain = filled.into_iter().next().unwrap_or_default();
    let api = site.filling.fill(&plain).map_err(|error| reason(&error))?;
    let api = ProxyApi { api, proxy: via.name.clone() };
    api.look()?;
    let mut steps = Vec::new();
    let mut names = Vec::new();
    for (number, toxic) in toxics.iter().enumerate() {
        let name = site.toxic_name(number);
        let (toxic, shown) = with_files(toxic, &site.filling)?;
        let change = Change::AddToxic {
            api: api.clone(),
            name: name.clone(),
            toxic,
            shown,
            toxicity: percent.0 / 100.0,
            ttl: site.remaining,
        };
        let undo = Undo::RemoveToxic { api: plain.clone(), proxy: api.proxy.clone(), toxic: name.clone() };
        steps.push(Step { undo, change });
        names.push(name);
    }
    // The answer must be there before the window is over.
    let within = TRAFFIC_WITHIN.min(site.remaining * 4 / 5);
    Ok(Prepared { steps, effect: hit(api, names, within), expects: None })
}

/// The toxic with its files read (certificates and keys, which are named in the plan and stand in no record), and its
/// attributes as they may be shown.
pub(crate) fn with_files(toxic: &Toxic, filling: &Filling) -> Result<(Toxic, String), Refusal> {
    let shown = Value::Object(toxic.attributes.clone()).to_string();
    let mut toxic = toxic.clone();
    if toxic.kind == Protocol::Tls.name() {
        for value in toxic.attributes.values_mut() {
            filling.fill_json(value).map_err(|error| reason(&error))?;
        }
    }
    Ok((toxic, shown))
}

/// A fault on traffic has an effect once it has hit something: the proxy counts.
fn hit(api: ProxyApi, names: Vec<String>, within: Duration) -> Measuring {
    Box::new(move || {
        let began = clock::since_boot();
        loop {
            let mut hits = Some(0);
            for name in &names {
                match api.see(name)? {
                    Sight::Gone | Sight::Nobody => {
                        return Err(format!("the proxy has lost the toxic {name}"));
                    }
                    Sight::InForce(count) => hits = hits.zip(count).map(|(sum, count)| sum + count),
                }
            }
            let waited = clock::since_boot().saturating_sub(began);
            match hits {
                // Toxiproxy does not count; that it is in force is all that can be known.
                None => return Ok("in force, as the proxy says, which counts no hits".to_owned()),
                Some(0) if waited < within => std::thread::sleep(PAUSE),
                Some(0) => {
                    let seconds = within.as_secs_f64();
                    return Err(format!(
                        "nothing passed through the proxy that it could hit, in {seconds:.1} s"
                    ));
                }
                Some(hits) => {
                    let seconds = waited.as_secs_f64();
                    return Ok(format!("{} within {seconds:.1} s", plural::hits(hits)));
                }
            }
        }
    })
}
