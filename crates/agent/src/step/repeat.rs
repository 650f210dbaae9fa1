//! Whether a model goes round in a circle.

use yabby_core::ToolCall;

/// When a model goes round in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circles {
    /// Whether it is looked for at all.
    pub enabled: bool,
    /// The same call with the same result is refused when it would come for this time.
    pub refused: usize,
    /// It gets no further call after so many, and must answer with what it has.
    pub ended: usize,
}

impl Default for Circles {
    fn default() -> Self {
        Self {
            enabled: true,
            refused: 3,
            ended: 3,
        }
    }
}

/// So often two calls in turn, with the same results, make one.
const ROUNDS: usize = 3;

/// What a model does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The same call, which has had the same result so often.
    Same(usize),
    /// Two calls in turn.
    PingPong,
}

impl Repeated {
    /// What the model is told instead of a result.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Same(_) => {
                "[not run: this very call has had the same result before. Do something else, or answer with what you have]"
            }
            Self::PingPong => {
                "[not run: you go back and forth between two calls with the same results. Do something else, or answer with what you have]"
            }
        }
    }
}

/// Whether `call`, after the calls of the turn that are `done`, goes round in a circle.
pub fn repeated(done: &[(ToolCall, String)], call: &ToolCall, circles: Circles) -> Option<Repeated> {
    if !circles.enabled {
        return None;
    }
    let same = |other: &ToolCall| other.name == call.name && other.arguments == call.arguments;
    let before: Vec<&str> = done
        .iter()
        .filter(|(other, _)| same(other))
        .map(|(_, result)| result.as_str())
        .collect();
    let is_refusal = |result: &&str| result.starts_with("[not run: ");
    // A refusal of this very rule does not make the result another one.
    let last = before.iter().rfind(|result| !is_refusal(result))?;
    let times = before
        .iter()
        .filter(|result| *result == last || is_refusal(result))
        .count();
    if times + 1 >= circles.refused {
        return Some(Repeated::Same(times));
    }
    is_ping_pong(done, call).then_some(Repeated::PingPong)
}

/// A, B, A, B, …: always with the same results, and A would come again.
fn is_ping_pong(done: &[(ToolCall, String)], call: &ToolCall) -> bool {
    let alike = |one: &ToolCall, other: &ToolCall| one.name == other.name && one.arguments == other.arguments;
    let tail = &done[done.len().saturating_sub(2 * (ROUNDS - 1))..];
    let [first, second, ..] = tail else { return false };
    tail.len() == 2 * (ROUNDS - 1)
        && alike(&first.0, call)
        && !alike(&first.0, &second.0)
        && tail
            .chunks(2)
            .all(|pair| pair.first() == Some(first) && pair.get(1) == Some(second))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(name: &str, argument: u32) -> ToolCall {
        ToolCall {
            id: "c".to_owned(),
            name: name.to_owned(),
            arguments: json!({"n": argument}).as_object().cloned().unwrap_or_default(),
        }
    }

    fn done(calls: &[(&str, u32, &str)]) -> Vec<(ToolCall, String)> {
        calls
            .iter()
            .map(|(name, argument, result)| (call(name, *argument), (*result).to_owned()))
            .collect()
    }

    fn usual(done: &[(ToolCall, String)], call: &ToolCall) -> Option<Repeated> {
        repeated(done, call, Circles::default())
    }

    #[test]
    fn the_owner_says_what_a_circle_is() {
        let same = done(&[("read", 1, "x"); 9]);
        let of = |count: usize, circles| repeated(&same[..count], &call("read", 1), circles);
        let often = Circles {
            refused: 5,
            ..Circles::default()
        };
        assert_eq!([of(3, often), of(4, often)], [None, Some(Repeated::Same(4))]);
        let never = Circles {
            enabled: false,
            ..Circles::default()
        };
        assert_eq!(of(9, never), None);
    }

    #[test]
    fn the_third_time_of_one_call_with_one_result_is_a_circle() {
        let poll = done(&[("poll", 1, "5 %"), ("poll", 1, "50 %")]);
        assert_eq!(usual(&poll, &call("poll", 1)), None);
        let same = done(&[("read", 1, "x"), ("list", 1, "y"), ("read", 1, "x")]);
        assert_eq!(usual(&same, &call("read", 1)), Some(Repeated::Same(2)));
        assert_eq!(usual(&same, &call("read", 2)), None);
        let told = done(&[
            ("read", 1, "x"),
            ("read", 1, "x"),
            ("read", 1, Repeated::Same(2).words()),
        ]);
        assert_eq!(usual(&told, &call("read", 1)), Some(Repeated::Same(3)));
        assert_eq!(usual(&[], &call("read", 1)), None);
    }

    #[test]
    fn two_calls_in_turn_are_a_circle_when_their_results_stay_the_same() {
        let circle = done(&[("a", 1, "x"), ("b", 1, "y"), ("a", 1, "x"), ("b", 1, "y")]);
        assert!(is_ping_pong(&circle, &call("a", 1)));
        assert!(!is_ping_pong(&circle, &call("b", 1)));
        let progress = done(&[("a", 1, "x"), ("b", 1, "y"), ("a", 1, "x"), ("b", 1, "z")]);
        assert!(!is_ping_pong(&progress, &call("a", 1)));
    }
}
