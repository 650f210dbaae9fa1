//! Whether a request fits the window of a candidate, and what is left of it where it does not.

use yabby_core::{ModelError, ModelRequest, Text, text};

use crate::{trouble::overflow, turn::Turn, upstream::Upstream};

/// Whether a request fits.
pub(crate) enum Fit {
    /// It does, as far as is known.
    Fits,
    /// This one does, which is what the person is told.
    Smaller(Box<ModelRequest>, Text),
    /// It does not, and nothing of it may be left out.
    TooLarge(ModelError),
}

/// Whether the request fits the window that is known, or can be made to.
pub(crate) fn fit(up: &dyn Upstream, turn: &Turn, request: &ModelRequest) -> Fit {
    let Some(room) = up.room(request) else { return Fit::Fits };
    let tokens = up.tokens(request);
    if tokens <= room.input {
        return Fit::Fits;
    }
    match refit(up, turn, request) {
        Some((smaller, notice)) => Fit::Smaller(Box::new(smaller), notice),
        // An estimate that is a little too high is no reason to refuse what the server may take.
        None if f64::from(tokens) <= f64::from(room.window) * 1.2 => Fit::Fits,
        None => Fit::TooLarge(overflow(up, tokens, room)),
    }
}

/// The request made to fit the window, if that can be done and its owner lets it.
pub(crate) fn refit(up: &dyn Upstream, turn: &Turn, request: &ModelRequest) -> Option<(ModelRequest, Text)> {
    let tokens = up.tokens(request);
    let room = up.room(request);
    let most = match room {
        Some(room) if tokens > room.input => room.input,
        // After a refusal the estimate was too low, or nothing is known of the window: then it is a part of it that must go.
        _ => tokens / 4 * 3,
    };
    let smaller = turn.refit.refit(request, &|request| up.tokens(request) <= most)?;
    let notice = match room {
        Some(room) => text!(
            "the conversation does not fit the window of {model} ({room} tokens of input); its beginning is left out for this answer",
            model = up.model(),
            room = room.input
        ),
        None => text!(
            "the conversation does not fit the window of {model}; its beginning is left out for this answer",
            model = up.model()
        ),
    };
    Some((smaller, notice))
}
