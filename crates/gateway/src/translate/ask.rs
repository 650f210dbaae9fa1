//! The asking, until an answer begins.

use yabby_core::{ModelEvent, Phase, Usage};
use yabby_servers::{AnswerStream, Http};
use yabby_wire::clients::{StreamEncoder, WholeEncoder};

use super::Prepared;
use crate::{
    passing::Slot,
    trial::{Failure, Trial},
};

/// An answer that is read here.
pub(crate) struct Begun {
    pub(super) answer: Answer,
    pub(super) left_out: Vec<String>,
}

pub(super) enum Answer {
    /// All of it.
    Whole(Vec<u8>),
    /// Its beginning, and where the rest comes from.
    Stream {
        rest: Box<AnswerStream>,
        encoder: StreamEncoder,
        first: Vec<ModelEvent>,
    },
}

/// Asks, and waits until the answer begins; for who wants it in one piece, until it ends: whatever fails before that can be
/// mended by somebody else.
pub(crate) async fn open(
    trial: &mut Trial,
    http: &Http,
    prepared: &mut Prepared<'_>,
    slot: &mut Slot,
) -> Result<Begun, Failure> {
    if prepared.endpoint.is_managed() {
        let starting = prepared.endpoint.ensure_running(http, &());
        let running = trial.watch.within(Phase::Connect, starting).await??;
        slot.running = Some(Box::new(running.clone()));
        prepared.endpoint = running;
    }
    trial.watch.within(Phase::Connect, prepared.settle(http)).await??;
    trial.asks();
    let model = prepared.target.model.model();
    let asking = prepared.endpoint.ask(http, prepared.dialect, model, &prepared.request);
    let mut rest = Box::new(trial.watch.within(Phase::Head, asking).await??);
    trial.head();
    let answer = if prepared.client.stream {
        let mut first = Vec::new();
        loop {
            let event = next(trial, &mut rest).await?;
            prepared.descent.seen(&event);
            let begins = begins(&event);
            first.push(event);
            if begins {
                break;
            }
        }
        Answer::Stream {
            rest,
            encoder: StreamEncoder::new(prepared.meta()),
            first,
        }
    } else {
        let mut encoder = WholeEncoder::new(prepared.meta());
        loop {
            let event = next(trial, &mut rest).await?;
            prepared.descent.seen(&event);
            if let ModelEvent::End(reason) = event {
                trial.answered();
                break Answer::Whole(encoder.end(reason, Usage::default()));
            }
            encoder.event(&event);
        }
    };
    Ok(Begun {
        answer,
        left_out: prepared.left_out(),
    })
}

/// The next event of an answer that has not ended.
pub(super) async fn next(trial: &mut Trial, answer: &mut AnswerStream) -> Result<ModelEvent, Failure> {
    let phase = trial.phase();
    match trial.watch.within(phase, answer.next()).await? {
        Some(Ok(event)) => {
            trial.event(&event, answer.bytes());
            Ok(event)
        }
        Some(Err(error)) => Err(error.into()),
        None => Err(trial.broke_off("the stream ended without its end").into()),
    }
}

/// Whether an event is the beginning of an answer, which no other model gives from then on.
fn begins(event: &ModelEvent) -> bool {
    match event {
        ModelEvent::Text(text) | ModelEvent::Reasoning(text) => !text.is_empty(),
        ModelEvent::ToolCall(_) | ModelEvent::MalformedCall(_) | ModelEvent::Opaque(_) | ModelEvent::End(_) => true,
        ModelEvent::Progress(_) | ModelEvent::Usage(_) | ModelEvent::ServedBy(_) => false,
    }
}
