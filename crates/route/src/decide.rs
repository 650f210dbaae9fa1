//! What follows an error. Every rule about retries and fallbacks is in this one table.

use yabby_core::{ErrorKind, Phase};

/// What is known when an attempt has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Situation {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// How far the attempt had come.
    pub phase: Phase,
    /// Whether the person has seen a part of the answer.
    pub visible: bool,
    /// Whether Yabby runs the server itself.
    pub managed: bool,
    /// Whether the request was made in the Responses dialect.
    pub responses: bool,
    /// How often this candidate was asked again as it was.
    pub retries: u32,
    /// Whether the ladder has a step that changes the request so that the server may take it.
    pub step: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask the same server again, at once.
    Retry,
    /// Wait a moment, then ask the same server again.
    Wait,
    /// Ask the same server in the Chat Completions dialect.
    UseChat,
    /// Take the next step of the ladder, then ask the same server again.
    Degrade,
    /// Wait for a free slot of the same server, then ask it again.
    Requeue,
    /// Go on with the next candidate.
    Next,
    /// End with the error: nothing else would help, or a part of the answer was seen.
    Stop,
}

/// The table. Rows are read from above; the first that fits decides.
pub fn decide(at: &Situation) -> Decision {
    use ErrorKind as E;
    match at {
        // Nobody waits for it, also not for its beginning, and nothing is wrong with the server.
        Situation { kind: E::Preempted, .. } => Decision::Requeue,
        // A second answer would repeat what was seen.
        Situation { visible: true, .. } => Decision::Stop,
        // Loading is not failure.
        Situation { kind: E::Loading, .. } => Decision::Wait,
        // The supervisor starts a crashed server again; and a connection that was kept from an earlier request may
        // have been closed by the server meanwhile. The same question may also be answered with a call that the server
        // can read.
        Situation {
            kind: E::Refused | E::Interrupted,
            managed: true,
            retries: 0,
            ..
        }
        | Situation {
            kind: E::Interrupted,
            phase: Phase::Connect | Phase::Head,
            retries: 0,
            ..
        }
        | Situation {
            kind: E::ToolParser,
            retries: 0,
            ..
        } => Decision::Retry,
        // The server refused what can be left out or said in another way.
        Situation { step: true, .. } => Decision::Degrade,
        // The server has no /v1/responses.
        Situation {
            kind: E::NotAnApi,
            phase: Phase::Connect | Phase::Head | Phase::FirstToken,
            responses: true,
            ..
        } => Decision::UseChat,
        _ => Decision::Next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Situation = Situation {
        kind: ErrorKind::Server,
        phase: Phase::Head,
        visible: false,
        managed: false,
        responses: false,
        retries: 0,
        step: false,
    };

    #[test]
    fn one_case_a_row() {
        use ErrorKind as E;
        let cases = [
            (
                Situation {
                    visible: true,
                    kind: E::Interrupted,
                    managed: true,
                    ..PLAIN
                },
                Decision::Stop,
            ),
            (
                Situation {
                    visible: true,
                    kind: E::Loading,
                    ..PLAIN
                },
                Decision::Stop,
            ),
            (
                Situation {
                    kind: E::Preempted,
                    phase: Phase::Streaming,
                    ..PLAIN
                },
                Decision::Requeue,
            ),
            (
                Situation {
                    kind: E::Preempted,
                    visible: true,
                    ..PLAIN
                },
                Decision::Requeue,
            ),
            (
                Situation {
                    kind: E::Loading,
                    ..PLAIN
                },
                Decision::Wait,
            ),
            (
                Situation {
                    kind: E::Interrupted,
                    managed: true,
                    ..PLAIN
                },
                Decision::Retry,
            ),
            (
                Situation {
                    kind: E::Interrupted,
                    managed: true,
                    retries: 1,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::Interrupted,
                    phase: Phase::FirstToken,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::Interrupted,
                    ..PLAIN
                },
                Decision::Retry,
            ),
            (
                Situation {
                    kind: E::Interrupted,
                    retries: 1,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::NotAnApi,
                    responses: true,
                    ..PLAIN
                },
                Decision::UseChat,
            ),
            (
                Situation {
                    kind: E::NotAnApi,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::NotAnApi,
                    responses: true,
                    phase: Phase::Streaming,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::Refused,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::ToolParser,
                    step: true,
                    phase: Phase::Streaming,
                    ..PLAIN
                },
                Decision::Retry,
            ),
            (
                Situation {
                    kind: E::ToolParser,
                    step: true,
                    retries: 1,
                    ..PLAIN
                },
                Decision::Degrade,
            ),
            (
                Situation {
                    kind: E::ToolParser,
                    retries: 1,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::UnsupportedField,
                    step: true,
                    ..PLAIN
                },
                Decision::Degrade,
            ),
            (
                Situation {
                    kind: E::UnsupportedFeature,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (
                Situation {
                    kind: E::Template,
                    step: true,
                    visible: true,
                    ..PLAIN
                },
                Decision::Stop,
            ),
            (Situation { kind: E::Auth, ..PLAIN }, Decision::Next),
            (
                Situation {
                    kind: E::Empty,
                    ..PLAIN
                },
                Decision::Next,
            ),
            (PLAIN, Decision::Next),
        ];
        for (situation, expected) in cases {
            assert_eq!(decide(&situation), expected, "{situation:?}");
        }
    }
}
