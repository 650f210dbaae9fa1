//! An answer on its way, in the words of the client.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use futures_util::stream;
use hyper::{
    Response,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use tokio::time::Instant;
use yabby_core::{ModelEvent, Progress};
use yabby_route::Decision;
use yabby_servers::AnswerStream;
use yabby_wire::clients::{Failure as Told, StreamEncoder};

use super::{
    ask::{Answer, Begun, next},
    left_out,
};
use crate::{
    passing::{Out, Slot},
    trial::{Failure, Trial},
};

/// A client is shown so often that a silent answer lives.
const QUIET: Duration = Duration::from_secs(2);

/// An answer that is written while it comes. Dropped, the upstream is closed.
struct Telling {
    /// Gone when the answer has ended. Before the slot, so that the server is free when the slot is.
    rest: Option<Box<AnswerStream>>,
    encoder: StreamEncoder,
    first: Vec<ModelEvent>,
    trial: Box<Trial>,
    slot: Option<Slot>,
    written: Instant,
}

/// The response with an answer that has begun.
pub(crate) fn respond(begun: Begun, trial: Box<Trial>, slot: Slot) -> Response<Out> {
    let (body, content_type) = match begun.answer {
        Answer::Whole(body) => (Out::Whole(Some(body.into())), "application/json"),
        Answer::Stream { rest, encoder, first } => {
            let telling = Telling {
                rest: Some(rest),
                encoder,
                first,
                trial,
                slot: Some(slot),
                written: Instant::now(),
            };
            let pieces = stream::unfold(Box::new(telling), |mut telling| async {
                let piece = telling.piece().await?;
                Some((Ok::<_, Infallible>(piece), telling))
            });
            (Out::App(Body::from_stream(pieces)), "text/event-stream")
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if content_type == "text/event-stream" {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    if let Some(names) = left_out::header(&begun.left_out) {
        headers.insert(left_out::LEFT_OUT, names);
    }
    response
}

// === impl Telling ===

impl Telling {
    /// The next bytes; nothing after the end.
    async fn piece(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        for event in std::mem::take(&mut self.first) {
            self.tell(&event, &mut out);
        }
        self.encoder.start(&mut out);
        while out.is_empty() {
            match next(&mut self.trial, self.rest.as_mut()?).await {
                Ok(event) => self.tell(&event, &mut out),
                Err(failure) => self.break_off(&failure, &mut out),
            }
        }
        self.written = Instant::now();
        Some(out.into())
    }

    fn tell(&mut self, event: &ModelEvent, out: &mut Vec<u8>) {
        if !matches!(event, ModelEvent::Progress(_)) {
            self.encoder.event(event, out);
        }
        if matches!(event, ModelEvent::End(_)) {
            self.trial.answered();
            self.over();
        } else if out.is_empty() && self.encoder.is_open() && self.written.elapsed() >= QUIET {
            // Thoughts that are not shown, or a call that is being written.
            self.encoder.event(&ModelEvent::Progress(Progress::Alive), out);
        }
    }

    /// The answer will not be completed: it ends with an error in the shape of its API.
    fn break_off(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        let error = &failure.error;
        self.trial.failed(error, Decision::Stop.word());
        let message = format!("{}: {}", self.trial.target.model, error.message.english());
        self.encoder.fail(&Told::of_kind(error.kind, message), out);
        self.over();
    }

    fn over(&mut self) {
        self.rest = None;
        self.slot = None;
    }
}
