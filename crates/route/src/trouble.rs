//! The errors that routing itself finds.

use std::time::Duration;

use yabby_core::{EndReason, ErrorDetails, ErrorKind, ModelError, ModelRef, Numbers, Phase, Text, ZoneRule, text};

use crate::upstream::{Room, Upstream};

/// A rule lets no data go there.
pub(crate) fn out_of_zone(up: &dyn Upstream, rule: &ZoneRule) -> ModelError {
    let zones: Vec<String> = rule.zones.iter().map(ToString::to_string).collect();
    ModelError::new(
        ErrorKind::OutOfZone,
        Phase::Connect,
        up.address(),
        text!(
            "it is not asked: its zone is {zone}, and {rule} allows {zones}",
            zone = up.zone(),
            rule = rule.from,
            zones = zones.join(", ")
        ),
    )
    .with_hint(text!(
        "if its data stays within a zone that is allowed, say so in models.providers.{provider}.zone",
        provider = up.model().provider()
    ))
}

/// Its slots stayed taken.
pub(crate) fn busy(up: &dyn Upstream, waited: Duration) -> ModelError {
    ModelError::new(
        ErrorKind::Busy,
        Phase::Connect,
        up.address(),
        text!(
            "all slots of {url} stayed taken for {seconds} s",
            url = up.address(),
            seconds = waited.as_secs()
        ),
    )
    .with_hint(text!(
        "start the server with more slots, or add another address to baseUrls"
    ))
}

/// The request is too long for its window, and that is known without asking.
pub(crate) fn overflow(up: &dyn Upstream, tokens: u32, room: Room) -> ModelError {
    ModelError::new(
        ErrorKind::ContextOverflow,
        Phase::Connect,
        up.address(),
        text!(
            "the input has about {tokens} tokens, and the window has {window}",
            tokens = tokens,
            window = room.window
        ),
    )
    .with_details(ErrorDetails {
        numbers: Numbers {
            window: Some(room.window),
            prompt_tokens: Some(tokens),
            ..Numbers::default()
        },
        ..ErrorDetails::default()
    })
    .with_hint(text!(
        "shorten the input, or start the server with a larger context window"
    ))
}

/// It says beside a silent answer that it loads its model, and somebody else is preferred to waiting.
pub(crate) fn loading(up: &dyn Upstream, phase: Phase) -> ModelError {
    ModelError::new(
        ErrorKind::Loading,
        phase,
        up.address(),
        text!("the server is loading the model"),
    )
    .with_hint(text!(
        "ask again in a moment, or name fallbacks in agents.defaults.model"
    ))
}

/// There is nothing in the answer.
pub(crate) fn empty(up: &dyn Upstream, phase: Phase, end: Option<EndReason>) -> ModelError {
    let message = match end {
        Some(EndReason::Length) => text!("the model used up its tokens before it said anything"),
        _ => text!("the model gave an empty answer"),
    };
    ModelError::new(ErrorKind::Empty, phase, up.address(), message)
        .with_hint(text!("ask again, or raise maxTokens for this model"))
}

/// That one candidate failed and which is tried now: another model, or the same at another address.
pub(crate) fn passed_over(model: &ModelRef, error: &ModelError, next: &dyn Upstream, visible: bool) -> Text {
    if visible {
        return text!(
            "{model} broke off ({error}); {next} goes on from here",
            model = model,
            error = error.message,
            next = next.model()
        );
    }
    if next.model() == model {
        return text!(
            "{model} failed ({error}); trying it at {url}",
            model = model,
            error = error.message,
            url = next.address()
        );
    }
    text!(
        "{model} failed ({error}); trying {next}",
        model = model,
        error = error.message,
        next = next.model()
    )
}
