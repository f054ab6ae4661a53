//! What a rule sees of a request, in any version of HTTP.

/// Headers by name.
pub(crate) trait Fields {
    /// Whether a header of this name (in any case) has a value that passes the test.
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

impl Fields for [httparse::Header<'_>] {
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|field| field.name.eq_ignore_ascii_case(name) && test(field.value))
    }
}

impl Fields for [(Vec<u8>, Vec<u8>)] {
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|(key, value)| key.eq_ignore_ascii_case(name.as_bytes()) && test(value))
    }
}

/// One request.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a, F: ?Sized> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    /// `:authority` of HTTP/2.
    pub(crate) authority: Option<&'a [u8]>,
    pub(crate) fields: &'a F,
}

impl<'a, F: Fields + ?Sized> Request<'a, F> {
    /// The target without scheme, host and query.
    pub(crate) fn path(&self) -> &'a [u8] {
        let mut path = self.target;
        if !path.starts_with(b"/")
            && let Some(scheme) = path.windows(3).position(|window| window == b"://")
        {
            let after = &path[scheme + 3..];
            path = after.iter().position(|byte| *byte == b'/').map_or(&b"/"[..], |slash| &after[slash..]);
        }
        path.iter().position(|byte| *byte == b'?').map_or(path, |query| &path[..query])
    }

    /// The host, perhaps with its port.
    pub(crate) fn host(&self) -> Option<Vec<u8>> {
        if let Some(authority) = self.authority {
            return Some(authority.to_vec());
        }
        let mut host = None;
        self.fields.any("host", &mut |value| {
            host = Some(value.to_vec());
            true
        });
        host
    }

    /// Whether it is a call of gRPC.
    pub(crate) fn is_grpc(&self) -> bool {
        self.fields.any("content-type", &mut |value| value.starts_with(b"application/grpc"))
    }

    /// Method and path in few words, without the query, which may hold secrets.
    pub(crate) fn words(&self) -> String {
        let path = String::from_utf8_lossy(self.path());
        let short: String = path.chars().filter(|letter| !letter.is_control()).take(200).collect();
        format!("{} {short}", String::from_utf8_lossy(self.method))
    }
}
