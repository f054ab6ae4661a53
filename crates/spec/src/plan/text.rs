//! Texts with rules: names, templates, programs, addresses, patterns.

use squall_model::measure::{Header, HttpRequest};
use squall_model::template::{Argv, Reference, Template};

use crate::code::Code;
use crate::mistake::{At, Mistake};
use crate::notes::Notes;
use crate::shape::Map;
use crate::word::{Method, Words};

const LONGEST_NAME: usize = 64;

/// Whether it can be a name; notes a mistake when not.
pub(crate) fn name(name: &At<String>, what: &str, notes: &mut Notes<'_>) -> bool {
    let text = &name.value;
    let fits = text.chars().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= LONGEST_NAME
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fits {
        let shown: String = text.chars().take(LONGEST_NAME).collect();
        let mistake = Mistake::new(
            Code::BadName,
            format!("`{shown}` cannot be the name of {what}"),
            name.place,
            "not a name",
        );
        notes.mistake(
            mistake.help("use up to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"),
        );
    }
    fits
}

/// What stands behind `{PREFIX` up to the brace that ends it, for each that there is: `1-6` for `{random:1-6}`.
pub(crate) fn words_of<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let opening = format!("{{{prefix}");
    text.split(opening.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(word, _)| word)
        .collect()
}

/// A template whose references are known. `also` names references that only make sense in this place; one that ends
/// with a colon takes any parameter.
pub(crate) fn template(text: &At<String>, also: &[&str], notes: &mut Notes<'_>) -> Option<Template> {
    let mut plain = text.value.clone();
    for word in also {
        if word.ends_with(':') {
            for inner in words_of(&text.value, word) {
                plain = plain.replace(&format!("{{{word}{inner}}}"), "");
            }
        } else {
            plain = plain.replace(&format!("{{{word}}}"), "");
        }
    }
    let references = match Template(plain).references() {
        Ok(references) => references,
        Err(unknown) => {
            let written = format!("{{{}}}", unknown.name);
            let known: Vec<String> = Reference::FORMS
                .iter()
                .filter(|form| !["{name}", "{own-port}", "{pid}", "{count}"].contains(form))
                .map(|form| (*form).to_owned())
                .chain(also.iter().map(|word| match word.strip_suffix(':') {
                    Some("random") => "{random:1-100}".to_owned(),
                    Some(word) => format!("{{{word}:COLUMN}}"),
                    None => format!("{{{word}}}"),
                }))
                .collect();
            let mistake = Mistake::new(
                Code::UnknownReference,
                unknown.to_string(),
                notes.within(text.place, &written),
                "unknown reference",
            );
            notes.mistake(mistake.help(crate::notes::listed(&known)));
            return None;
        }
    };
    for reference in references {
        let (written, help) = match reference {
            Reference::Instance => (
                "{name}",
                "`{name}` is the name of an instance: in `start:`, and in a measure with `each: SERVICE`",
            ),
            Reference::OwnPort => (
                "{own-port}",
                "`{own-port}` is a port of an instance: in `start:`, and in a measure with `each: SERVICE`",
            ),
            Reference::Pid => {
                ("{pid}", "`{pid}` is the process id of an instance, in a measure with `each: SERVICE`")
            }
            Reference::Port(port) => {
                let place = notes.within(text.place, &format!("{{port:{port}}}"));
                notes.ports.push(At { value: port, place });
                continue;
            }
            Reference::Count => ("{count}", "`{count}` is the number of instances in a `scale` command"),
            _ => continue,
        };
        let message = format!("`{written}` means nothing here");
        let mistake = Mistake::new(
            Code::UnknownReference,
            message,
            notes.within(text.place, written),
            "not in this place",
        );
        notes.mistake(mistake.help(help));
        return None;
    }
    Some(Template(text.value.clone()))
}

pub(crate) fn argv(words: &Words, also: &[&str], notes: &mut Notes<'_>) -> Option<Argv> {
    let read: Vec<_> = words.0.iter().map(|word| template(word, also, notes)).collect();
    read.into_iter().collect::<Option<Argv>>().filter(|argv| !argv.is_empty())
}

pub(crate) fn regex(pattern: &At<String>, notes: &mut Notes<'_>) -> Option<String> {
    let error = match regex::Regex::new(&pattern.value) {
        Ok(_) => return Some(pattern.value.clone()),
        Err(error) => error.to_string(),
    };
    // The crate draws its own picture above a last line that says what is wrong.
    let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    notes.mistake(Mistake::new(
        Code::BadRegex,
        "the regular expression does not compile",
        pattern.place,
        reason,
    ));
    None
}

/// An absolute path, for example of a cgroup below its root.
pub(crate) fn absolute(path: &At<String>, notes: &mut Notes<'_>) -> Option<String> {
    if path.value.starts_with('/') {
        return Some(path.value.clone());
    }
    notes.mistake(relative(path));
    None
}

/// A path that ought to be absolute.
pub(crate) fn relative(path: &At<String>) -> Mistake {
    let message = format!("`{}` is not an absolute path", path.value);
    Mistake::new(Code::BadPath, message, path.place, "must begin with `/`")
}

/// `http://...` or `https://...`, unless it begins with a reference.
pub(crate) fn url(url: &At<String>, also: &[&str], notes: &mut Notes<'_>) -> Option<Template> {
    let text = &url.value;
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let fits = text.starts_with('{') || rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !fits || text.contains(char::is_whitespace) {
        let mistake = Mistake::new(
            Code::BadAddress,
            format!("`{text}` is not an address of HTTP"),
            url.place,
            "expected http://... or https://...",
        );
        let help = if text.contains("://") || text.contains(char::is_whitespace) {
            "write for example `http://127.0.0.1:8080/health`".to_owned()
        } else {
            format!("did you mean `http://{text}`?")
        };
        notes.mistake(mistake.help(help));
        return None;
    }
    template(url, also, notes)
}

/// `HOST:PORT`, where either may hold references.
pub(crate) fn address(address: &At<String>, also: &[&str], notes: &mut Notes<'_>) -> Option<Template> {
    let text = &address.value;
    let fits = match text.rsplit_once(':') {
        _ if text.contains("://") || text.contains(char::is_whitespace) => false,
        _ if text.ends_with('}') => true,
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => false,
    };
    if !fits {
        let mistake = Mistake::new(
            Code::BadAddress,
            format!("`{text}` is not HOST:PORT"),
            address.place,
            "expected HOST:PORT",
        );
        notes.mistake(mistake.help("write for example `127.0.0.1:6379`"));
        return None;
    }
    template(address, also, notes)
}

pub(crate) fn headers(
    headers: Option<&Map<At<String>>>,
    also: &[&str],
    notes: &mut Notes<'_>,
) -> Vec<Header> {
    let mut read = Vec::new();
    for (name, value) in headers.map(|map| map.0.as_slice()).unwrap_or_default() {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.value.is_empty() || !name.value.chars().all(token) {
            let message = format!("`{}` cannot be the name of a header", name.value);
            notes.mistake(Mistake::new(Code::BadName, message, name.place, "not a header"));
            continue;
        }
        if let Some(value) = value.as_ref().and_then(|value| template(value, also, notes)) {
            read.push(Header { name: name.value.clone(), value });
        }
    }
    read
}

/// The parts of an HTTP request, as they are written.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a At<String>,
    pub(crate) method: Option<&'a Method>,
    pub(crate) headers: Option<&'a Map<At<String>>>,
    pub(crate) body: Option<&'a At<String>>,
    pub(crate) ca: Option<&'a At<String>>,
}

/// A token is for headers and bodies only.
fn own<'a>(also: &[&'a str]) -> Vec<&'a str> {
    also.iter().copied().filter(|word| *word != "token").collect()
}

pub(crate) fn request(
    written: &Request<'_>,
    method: &str,
    also: &[&str],
    notes: &mut Notes<'_>,
) -> Option<HttpRequest> {
    let url = url(written.url, &own(also), notes);
    let headers = headers(written.headers, also, notes);
    let body = written.body.map(|body| template(body, also, notes));
    let ca = written.ca.map(|ca| template(ca, &own(also), notes));
    Some(HttpRequest {
        url: url?,
        method: written.method.map_or(method, |method| &method.0).to_owned(),
        headers,
        body: body.map_or(Some(None), |body| body.map(Some))?,
        ca: ca.map_or(Some(None), |ca| ca.map(Some))?,
    })
}
