//! Handshakes and certificates of TLS.

use serde_json::{Value, json};
use squall_model::fault::Fault;
use squall_model::traffic::Protocol;
use squall_model::unit::Percent;

use super::{Gathered, nothing};
use crate::code::Code;
use crate::document::tls::{OnwardDocument, TlsDocument};
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::text;
use crate::word::Certificate;

/// The fault, or `None` with a mistake noted.
pub(crate) fn tls(tls: &TlsDocument, place: Place, percent: Percent, notes: &mut Notes<'_>) -> Option<Fault> {
    let mut rule = Gathered::default();
    rule.delay(tls.delay.as_ref(), &tls.spread, notes)?;
    if let (Some(refuse), Some(certificate)) = (&tls.refuse, &tls.certificate) {
        let message = "a connection that is refused shows no certificate";
        let mistake = Mistake::new(Code::SeveralChoices, message, certificate.place, "the second way");
        notes.mistake(
            mistake.related(refuse.place, "the first").help("keep one of `refuse` and `certificate`"),
        );
        return None;
    }
    if let Some(refuse) = &tls.refuse {
        rule.put("refuse", refuse.value.name());
        rule.say(format!("refused ({})", refuse.value.name()));
    }
    if let Some(certificate) = &tls.certificate {
        rule.put("certificate", certificate.value.name());
        rule.say(match certificate.value {
            Certificate::None => "opened".to_owned(),
            flaw => format!("certificate {}", flaw.name()),
        });
        rule.put("upstream", onward(tls.upstream.as_ref(), notes)?);
        if let Some(authority) = &tls.authority {
            let (certificate, key) = (&authority.value.certificate, &authority.value.key);
            let pem = json!({ "certificate": file(certificate, notes)?, "key": file(key, notes)? });
            rule.put("authority", pem);
        }
    } else {
        let strays = [
            ("authority", tls.authority.as_ref().map(|at| at.place)),
            ("upstream", tls.upstream.as_ref().map(|at| at.place)),
        ];
        for (key, place) in strays {
            let Some(place) = place else { continue };
            let message = format!("`{key}` means nothing without `certificate`");
            let mistake = Mistake::new(Code::MissingKey, message, place, "the connection is not opened");
            notes.mistake(mistake.help("add `certificate: none`, or a flaw such as `certificate: expired`"));
            return None;
        }
    }
    if rule.attributes.is_empty() {
        nothing(place, "tls: { certificate: expired }", notes);
        return None;
    }
    rule.texts("sni", tls.sni.as_ref(), "for");
    rule.nth(&tls.nth, notes)?;
    Some(rule.done(Protocol::Tls, percent))
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

/// A reference to a file: it is read when the fault is injected, and stands in no plan and no record.
fn file(path: &At<String>, notes: &mut Notes<'_>) -> Option<Value> {
    let path = text::absolute(path, notes)?;
    Some(format!("{{file:{path}}}").into())
}
