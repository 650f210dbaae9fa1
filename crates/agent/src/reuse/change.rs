//! Where two requests begin to differ.

use std::borrow::Cow;

use serde::Serialize;
use yabby_core::{Message, ModelRequest};

/// Where a request stops to begin with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// How hard the model thinks, which a template may say anywhere.
    Thinking,
    /// Whether tools may be called, which a template may say anywhere.
    ToolChoice,
    /// What a model is shown.
    Text {
        /// The part of it.
        part: Part,
        /// The first byte that differs, from 0. Bytes are counted over the instructions, the tools and the messages in this
        /// order, the last two as JSON, so that a number means the same for every server.
        byte: usize,
    },
}

/// A part of what a model is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The system prompt.
    Instructions,
    /// The tools.
    Tools,
    /// The message at this place, from 1.
    Message(usize),
}

/// Where `next` stops to begin with all of `before`, apart from what the last message of `before` goes on with. `None` when it
/// does begin with it.
pub fn first_change(before: &ModelRequest, next: &ModelRequest) -> Option<Change> {
    let mut begun = 0;
    for (part, one, other) in pairs(before, next) {
        let common = common(&one, &other);
        if common < one.len() || common < other.len() {
            return Some(Change::Text {
                part,
                byte: begun + common,
            });
        }
        begun += common;
    }
    if before.thinking != next.thinking {
        return Some(Change::Thinking);
    }
    (before.tool_choice != next.tool_choice).then_some(Change::ToolChoice)
}

type Pair<'a> = (Part, Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The parts of `before`, each with that of `next` in the same place.
fn pairs<'a>(before: &'a ModelRequest, next: &'a ModelRequest) -> impl Iterator<Item = Pair<'a>> {
    let system = |request: &'a ModelRequest| Cow::Borrowed(request.system.as_deref().unwrap_or_default().as_bytes());
    let instructions = (Part::Instructions, system(before), system(next));
    let tools = (Part::Tools, written(&before.tools), written(&next.tools));
    let messages = before.messages.iter().enumerate().map(|(index, message)| {
        let there = next.messages.get(index).map(written::<Message>);
        (Part::Message(index + 1), written(message), there.unwrap_or_default())
    });
    [instructions, tools].into_iter().chain(messages)
}

fn written<T: Serialize + ?Sized>(value: &T) -> Cow<'static, [u8]> {
    // Strings, numbers and lists only: this cannot fail.
    Cow::Owned(serde_json::to_vec(value).unwrap_or_default())
}

/// How many bytes two texts have in common at their beginning.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use yabby_core::{Thinking, Tool, ToolChoice};

    use super::*;

    fn request(words: &[String]) -> ModelRequest {
        let (system, rest) = words
            .split_first()
            .map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
        ModelRequest {
            system: system.cloned(),
            messages: rest.iter().map(|word| Message::user(word.as_str())).collect(),
            tools: vec![Tool {
                name: "look".to_owned(),
                description: "looks".to_owned(),
                parameters: json!({"type": "object"}),
            }],
            ..ModelRequest::default()
        }
    }

    /// All that a model is shown, in one text.
    fn whole(request: &ModelRequest) -> Vec<u8> {
        let mut all = request.system.clone().unwrap_or_default().into_bytes();
        all.extend(serde_json::to_vec(&request.tools).unwrap());
        for message in &request.messages {
            all.extend(serde_json::to_vec(message).unwrap());
        }
        all
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_first_byte_and_its_part_are_named() {
        let before = request(&words(&["You are here.", "one", "two"]));
        let text = |part, byte| Some(Change::Text { part, byte });
        assert_eq!(first_change(&before, &before), None);
        let longer = request(&words(&["You are here.", "one", "two", "three"]));
        assert_eq!(first_change(&before, &longer), None);
        let there = request(&words(&["You are there.", "one", "two"]));
        assert_eq!(first_change(&before, &there), text(Part::Instructions, 8));
        let mut tools = before.clone();
        tools.tools[0].name = "lock".to_owned();
        let begun = "You are here.".len() + r#"[{"name":"lo"#.len();
        assert_eq!(first_change(&before, &tools), text(Part::Tools, begun));
        let other = request(&words(&["You are here.", "one", "ten"]));
        let tools = serde_json::to_vec(&before.tools).unwrap().len();
        let one = serde_json::to_vec(&before.messages[0]).unwrap().len();
        let begun = "You are here.".len() + tools + one + r#"{"role":"user","text":"t"#.len();
        assert_eq!(first_change(&before, &other), text(Part::Message(2), begun));
        // One that is gone differs from its first byte on.
        let shorter = request(&words(&["You are here.", "one"]));
        assert_eq!(
            first_change(&before, &shorter),
            text(Part::Message(2), "You are here.".len() + tools + one)
        );
        let thinks = ModelRequest {
            thinking: Some(Thinking::High),
            ..longer.clone()
        };
        assert_eq!(first_change(&before, &thinks), Some(Change::Thinking));
        let no_tools = ModelRequest {
            tool_choice: ToolChoice::None,
            ..longer
        };
        assert_eq!(first_change(&before, &no_tools), Some(Change::ToolChoice));
    }

    proptest! {
        #[test]
        fn it_is_where_the_bytes_differ(
            before in prop::collection::vec("[ab\"é]{0,4}", 0..5),
            next in prop::collection::vec("[ab\"é]{0,4}", 0..5),
        ) {
            let (before, next) = (request(&before), request(&next));
            let (one, other) = (whole(&before), whole(&next));
            match first_change(&before, &next) {
                None => prop_assert!(other.starts_with(&one)),
                Some(Change::Text { byte, .. }) => {
                    prop_assert_eq!(&one[..byte], &other[..byte]);
                    prop_assert!(one.get(byte) != other.get(byte));
                }
                Some(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
