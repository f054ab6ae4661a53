//! Faults on HTTP, as they are written.

use squall_model::unit::{Bytes, Span};

use crate::document::nth::NthDocument;
use crate::document::spread::SpreadDocument;
use crate::mistake::At;
use crate::shape::{Map, choice, document};
use crate::word::{ResetPoint, Texts};

document! {
    /// Requests of HTTP/1 and HTTP/2, gRPC included: which, and what is done to them.
    struct HttpDocument {
        /// Methods: `GET`. Every method where nothing is said.
        methods: optional Texts,
        /// Paths without their query, with `*` for any text: `/cart/*`. Every path where nothing is said.
        paths: optional Texts,
        /// Hosts, with `*` for any text. Every host where nothing is said.
        hosts: optional Texts,
        /// Request headers by name, with `*` for any text in their values. All of them must be there.
        headers: optional Map<At<String>>,
        nth: flatten NthDocument,
        /// The answer comes so much later.
        delay: optional At<Span>,
        spread: flatten SpreadDocument,
        /// An answer with this status in place of the service's, which does not get the request: 200 to 599.
        status: optional At<u32>,
        /// An answer in place of the service's, with headers and a body.
        answer: optional At<AnswerDocument>,
        /// A status of gRPC in place of the service's answer: `UNAVAILABLE`, `RESOURCE_EXHAUSTED`.
        grpc: optional At<String>,
        /// The connection (in HTTP/2 the stream) is reset: instead of the `request`, before the `answer`, in the `body`, or at the `end`.
        reset: optional At<ResetPoint>,
        /// The body of the answer ends after so many bytes.
        truncate: optional At<Bytes>,
        /// Bytes a second for the body of the answer.
        throttle: optional At<Bytes>,
        /// The body of the answer comes in small pieces.
        dribble: optional DribbleDocument,
        /// Another body.
        body: optional BodyDocument,
        /// Changes of the request's headers.
        request: optional EditDocument,
        /// Changes of the answer's headers.
        response: optional EditDocument,
    }
}

document! {
    /// An answer in place of the service's.
    struct AnswerDocument {
        /// From 200 to 599.
        status: required At<u32>,
        /// Headers by name: `Retry-After: "2"`.
        headers: optional Map<At<String>>,
        /// The body.
        body: optional At<String>,
    }
}

document! {
    /// The body of the answer in small pieces.
    struct DribbleDocument {
        /// The size of a piece.
        bytes: required At<Bytes>,
        /// Between two pieces.
        every: required At<Span>,
    }
}

choice! {
    /// What happens to the body of the answer.
    enum BodyDocument("a change of a body") {
        /// This text in its place.
        Replace("replace"): At<String>,
        /// The first byte and every n-th after it are inverted.
        Corrupt("corrupt"): At<u64>,
        /// It begins as no JSON text does.
        MalformedJson("malformed-json"): NothingMore,
    }
}

document! {
    /// Nothing more is said.
    struct NothingMore {}
}

document! {
    /// Headers to set and to remove.
    struct EditDocument {
        /// Replaces every header of this name, or adds one.
        set: optional Map<At<String>>,
        /// Removes every header of this name.
        remove: optional Texts,
    }
}
