//! What an error says about the server.

use yabby_core::ErrorKind;

/// What an error says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It cannot be reached: nobody's request would get an answer.
    Unreachable,
    /// It is there, and probably broken; one failure may have been the request's.
    Broken,
    /// It answered, with something about the request, the model, the key or load.
    Alive,
    /// Nothing.
    Nothing,
}

/// The table. The README of the room has it in words.
pub(super) fn says(kind: ErrorKind) -> Says {
    use ErrorKind as E;
    match kind {
        E::Refused | E::Dns | E::Tls | E::Unreachable | E::Hung => Says::Unreachable,
        E::Interrupted | E::Server | E::NotAnApi => Says::Broken,
        E::Loading
        | E::NotLoaded
        | E::ModelNotFound
        | E::Auth
        | E::Billing
        | E::RateLimit
        | E::Overloaded
        | E::ContextOverflow
        | E::Template
        | E::Grammar
        | E::UnsupportedField
        | E::UnsupportedFeature
        | E::ToolParser
        | E::BadRequest
        | E::Empty => Says::Alive,
        // A long answer runs out of time at a good server. What cannot be decoded may be Yabby's fault, and came from
        // something that answers. What could not be made available was never asked. What is not known yet is not judged.
        _ => Says::Nothing,
    }
}
