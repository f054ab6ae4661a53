//! Handshakes and certificates of TLS: what a fault does to them, and how a proxy opens them for a whole run.

use serde_json::{Map, Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::Percent;

use super::{Gathered, nothing};
use crate::code::Code;
use crate::document::tls::{OnwardDocument, OpeningDocument, PairDocument, TlsDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::text;
use crate::word::Certificate;

/// Attributes of a rule of the proxy's API.
type Attributes = Map<String, Value>;

/// The fault, or `None` with a mistake noted. `standing` is how the proxy of the service opens connections by itself.
pub(crate) fn tls(
    tls: &TlsDocument,
    place: Place,
    percent: Percent,
    standing: Option<&Attributes>,
    notes: &mut Notes<'_>,
) -> Option<Fault> {
    let mut rule = Gathered::default();
    rule.delay(tls.delay.as_ref(), &tls.spread, notes)?;
    let identity = tls.opening.identity.as_ref();
    if let (Some(certificate), Some(identity)) = (&tls.certificate, identity) {
        let message = "`certificate` makes one, and `identity` is one";
        let places = (certificate.place, identity.place);
        return two(message, places, "keep one of `certificate` and `identity`", notes);
    }
    let shown = tls.certificate.as_ref().map(|at| at.place).or(identity.map(|at| at.place));
    if let (Some(refuse), Some(shown)) = (&tls.refuse, shown) {
        let message = "a connection that is refused shows no certificate";
        let help = "keep `refuse`, or the certificate that is shown";
        return two(message, (refuse.place, shown), help, notes);
    }
    if let Some(refuse) = &tls.refuse {
        rule.put("refuse", refuse.value.name());
        rule.say(format!("refused ({})", refuse.value.name()));
    }
    if shown.is_some() {
        rule.attributes.extend(opened(tls, standing, notes)?);
    } else if let Some((key, place)) = onward_keys(&tls.opening).next() {
        let message = format!("`{key}` means nothing without `certificate`");
        let mistake = Mistake::new(Code::MissingKey, message, place, "the connection is not opened");
        notes.mistake(mistake.help("add `certificate: none`, or a flaw such as `certificate: expired`"));
        return None;
    }
    if let Some(certificate) = &tls.certificate {
        rule.put("certificate", certificate.value.name());
        rule.say(match certificate.value {
            Certificate::None => "opened".to_owned(),
            flaw => format!("certificate {}", flaw.name()),
        });
    }
    if let Some(identity) = identity {
        rule.say(format!("certificate of {}", identity.value.certificate.value));
    }
    if rule.attributes.is_empty() {
        nothing(place, "tls: { certificate: expired }", notes);
        return None;
    }
    rule.texts("sni", tls.sni.as_ref(), "for");
    rule.nth(&tls.nth, notes)?;
    Some(rule.done(Protocol::Tls, percent))
}

/// How a fault opens connections: as it says itself, or as the proxy of the service does anyway.
fn opened(tls: &TlsDocument, standing: Option<&Attributes>, notes: &mut Notes<'_>) -> Option<Attributes> {
    let mut attributes = opening(&tls.opening, notes)?;
    let Some(standing) = standing else { return Some(attributes) };
    let twice = onward_keys(&tls.opening).find(|(key, _)| standing.contains_key(*key));
    if let Some((key, place)) = twice {
        let message = format!("`{key}` is said by the `proxy` of the service, for the whole run");
        let mistake = Mistake::new(Code::SeveralChoices, message, place, "the second time");
        notes.mistake(mistake.help(format!("leave `{key}` out: the fault says only what is wrong")));
        return None;
    }
    if let Some(At { value: Certificate::None, place }) = tls.certificate {
        let message = "the `proxy` of the service opens connections for the whole run";
        let mistake = Mistake::new(Code::SeveralChoices, message, place, "changes nothing");
        notes.mistake(mistake.help("leave this fault out, or name a flaw such as `certificate: expired`"));
        return None;
    }
    let keys = if tls.opening.identity.is_some() { &["upstream"][..] } else { &["upstream", "authority"] };
    for key in keys {
        attributes.extend(standing.get(*key).map(|value| ((*key).to_owned(), value.clone())));
    }
    Some(attributes)
}

/// What is written beside the certificate itself.
fn onward_keys(opening: &OpeningDocument) -> impl Iterator<Item = (&'static str, Place)> {
    let OpeningDocument { authority, identity: _, upstream } = opening;
    let keys = [
        ("authority", authority.as_ref().map(|at| at.place)),
        ("upstream", upstream.as_ref().map(|at| at.place)),
    ];
    keys.into_iter().filter_map(|(key, place)| Some((key, place?)))
}

/// How a proxy opens connections while no fault says otherwise, or `None` with a mistake noted.
pub(crate) fn standing(written: &OpeningDocument, notes: &mut Notes<'_>) -> Option<Attributes> {
    let mut attributes = opening(written, notes)?;
    if written.identity.is_none() {
        attributes.insert("certificate".to_owned(), Certificate::None.name().into());
    }
    Some(attributes)
}

/// How connections are opened, but for the flaw of a certificate that is made.
fn opening(written: &OpeningDocument, notes: &mut Notes<'_>) -> Option<Attributes> {
    let OpeningDocument { authority, identity, upstream } = written;
    if let (Some(authority), Some(identity)) = (authority, identity) {
        let message = "an `authority` signs certificates that are made, and `identity` is one already";
        let places = (authority.place, identity.place);
        return two(message, places, "keep one of `authority` and `identity`", notes);
    }
    let mut attributes = Map::new();
    for (key, written) in [("authority", authority), ("identity", identity)] {
        if let Some(At { value: PairDocument { certificate, key: secret }, .. }) = written {
            let pem = json!({ "certificate": file(certificate, notes)?, "key": file(secret, notes)? });
            attributes.insert(key.to_owned(), pem);
        }
    }
    attributes.insert("upstream".to_owned(), onward(upstream.as_ref(), notes)?);
    Some(attributes)
}

/// The same as it is written, for the command line of `squall proxy`.
pub(crate) fn as_written(opening: &OpeningDocument) -> Value {
    let pair = |at: &Option<At<PairDocument>>| {
        let PairDocument { certificate, key } = &at.as_ref()?.value;
        Some(json!({ "certificate": certificate.value, "key": key.value }))
    };
    let OpeningDocument { authority, identity, upstream } = opening;
    let onward = upstream.as_ref().map(|at| match &at.value {
        OnwardDocument::Plain(_) => json!({ "plain": {} }),
        OnwardDocument::Tls(tls) => {
            let texts = [("name", &tls.name), ("roots", &tls.roots)];
            let texts = texts.into_iter().filter_map(|(key, at)| Some((key, at.as_ref()?.value.clone())));
            json!({ "tls": texts.collect::<std::collections::BTreeMap<_, _>>() })
        }
    });
    let parts = [("authority", pair(authority)), ("identity", pair(identity)), ("upstream", onward)];
    parts.into_iter().filter_map(|(key, part)| Some((key.to_owned(), part?))).collect::<Attributes>().into()
}

/// Two keys of which one can be there.
fn two<T>(message: &str, (first, second): (Place, Place), help: &str, notes: &mut Notes<'_>) -> Option<T> {
    let mistake = Mistake::new(Code::SeveralChoices, message, second, "the second way");
    notes.mistake(mistake.related(first, "the first").help(help));
    None
}

/// How a connection that was opened goes on to the service.
fn onward(written: Option<&At<OnwardDocument>>, notes: &mut Notes<'_>) -> Option<Value> {
    let Some(written) = written else { return Some(json!({ "tls": { "insecure": true } })) };
    let tls = match &written.value {
        OnwardDocument::Plain(_) => return Some("plain".into()),
        OnwardDocument::Tls(tls) => tls,
    };
    let mut onward = match &tls.roots {
        Some(roots) => json!({ "roots": file(roots, notes)? }),
        None => json!({ "insecure": true }),
    };
    if let Some(name) = &tls.name {
        onward["name"] = name.value.as_str().into();
    }
    Some(json!({ "tls": onward }))
}

/// A reference to a file: it is read when it is needed, and stands in no plan and no record.
fn file(path: &At<String>, notes: &mut Notes<'_>) -> Option<Value> {
    let absolute = text::absolute(path, notes)?;
    if absolute.contains(['{', '}']) {
        let message = format!("`{absolute}` has braces in it");
        let mistake = Mistake::new(Code::BadPath, message, path.place, "no reference is filled in here");
        notes.mistake(mistake.help("write the path of the file itself"));
        return None;
    }
    Some(format!("{{file:{absolute}}}").into())
}
