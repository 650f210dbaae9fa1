//! Short words for kinds, decisions and times.

use yabby_core::{Attempt, ErrorKind, Outcome, Text, text};
use yabby_route::{TurnEnd, Why};

/// A kind of error in a few words.
pub(crate) fn words_of(kind: ErrorKind) -> Text {
    use ErrorKind as E;
    match kind {
        E::Refused => text!("nothing listens there"),
        E::Dns => text!("no such host"),
        E::Tls => text!("no secure connection"),
        E::Unreachable => text!("not reachable"),
        E::Hung => text!("hangs"),
        E::Resting => text!("resting"),
        E::Preempted => text!("yielded to a person"),
        E::Timeout => text!("out of time"),
        E::Interrupted => text!("broke off"),
        E::Loading => text!("loading"),
        E::NotLoaded => text!("not loaded"),
        E::ModelNotFound => text!("no such model there"),
        E::Auth => text!("key refused"),
        E::Billing => text!("no credit"),
        E::RateLimit => text!("too many requests"),
        E::Overloaded => text!("overloaded"),
        E::ContextOverflow => text!("too long for its window"),
        E::Template => text!("refused by the chat template"),
        E::Grammar => text!("schema refused"),
        E::UnsupportedField => text!("field refused"),
        E::UnsupportedFeature => text!("cannot do this"),
        E::ToolParser => text!("tool call not understood"),
        E::BadRequest => text!("request refused"),
        E::NotAnApi => text!("no model server"),
        E::Server => text!("failed inside"),
        E::Malformed => text!("answer not readable"),
        E::Empty => text!("empty answer"),
        E::Provision => text!("cannot be started"),
        E::OutOfZone => text!("data may not go there"),
        E::OverBudget => text!("over budget"),
        E::Busy => text!("no free slot"),
        _ => text!("failed"),
    }
}

/// What was done after an attempt, from [`yabby_route::Decision::word`].
pub(super) fn decision(word: &str) -> Text {
    match word {
        "retry" => text!("asked again"),
        "wait" => text!("asked again after a pause"),
        "degrade" => text!("asked again with less"),
        "use_chat" => text!("asked through chat completions"),
        "reasoning_off" => text!("asked without thinking"),
        "refit" => text!("made to fit"),
        "other_key" => text!("asked with another key"),
        "requeue" => text!("back into the queue"),
        "next" => text!("next model"),
        "stop" => text!("nobody is left"),
        other => text!("{word}", word = other),
    }
}

/// What a server said when an attempt failed, where the kind alone does not tell it.
pub(super) fn said(attempt: &Attempt) -> Option<&str> {
    use ErrorKind as E;
    match &attempt.outcome {
        // Its words would be the same again, with the address.
        Outcome::Failed {
            error: E::Refused | E::Hung | E::Preempted | E::Empty,
            ..
        }
        | Outcome::Answered
        | Outcome::Outrun => None,
        Outcome::PassedOver { message, .. } | Outcome::Failed { message, .. } => Some(message),
    }
}

/// Why a model is a candidate.
pub(crate) fn why(why: Why) -> Text {
    match why {
        Why::Named => text!("named"),
        Why::Primary => text!("primary"),
        Why::Fallback(place) => text!("fallback {place}", place = place),
        Why::Found => text!("found"),
    }
}

/// How a turn ended.
pub(super) fn end(end: &TurnEnd) -> Text {
    match end {
        TurnEnd::Answered { .. } => text!("answered"),
        TurnEnd::Failed => text!("nobody answered"),
        TurnEnd::Stopped { .. } => text!("stopped"),
        TurnEnd::Unplanned { .. } => text!("nobody was asked"),
    }
}

/// A time that is over.
pub(crate) fn ago(seconds: u64) -> Text {
    match seconds {
        0..60 => text!("{seconds} s ago", seconds = seconds),
        60..3_600 => text!("{minutes} min ago", minutes = seconds / 60),
        3_600..172_800 => text!("{hours} h ago", hours = seconds / 3_600),
        _ => text!("{days} days ago", days = seconds / 86_400),
    }
}
