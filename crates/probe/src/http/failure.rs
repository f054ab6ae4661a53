//! A failed request in few words.

use std::error::Error;
use std::io;

use crate::tcp::words as network_words;
use crate::unread::{Unread, quote};

/// Never the address: it may hold a secret in a form that is not known as one.
pub(crate) fn words(error: &reqwest::Error) -> Unread {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Unread(format!("TLS: {tls}"));
        }
        let inner = match cause.downcast_ref::<io::Error>() {
            Some(network) => match network.get_ref() {
                Some(inner) => inner as &(dyn Error + 'static),
                None => return Unread(network_words(network)),
            },
            None => match cause.source() {
                Some(source) => source,
                None if cause.is::<reqwest::Error>() => return "the request could not be sent".into(),
                None => return Unread(quote(&cause.to_string())),
            },
        };
        cause = inner;
    }
}
