//! Conversations for tests.

use proptest::prelude::*;
use serde_json::json;
use yabby_core::{Confidentiality, Image, Integrity, Label, Message, Time, Tool, ToolCall};
use yabby_store::{Content, Item, NewItem};

use crate::{Frozen, Note};

pub(crate) const NOW: Time = Time(1_700_000_000_000);

pub(crate) fn label() -> Label {
    Label::new(Integrity::Owner, Confidentiality::Private, "test")
}

/// What is made of the items of a turn, one after the other.
#[derive(Default)]
pub(crate) struct Talk {
    pub(crate) items: Vec<NewItem>,
    turn: usize,
    calls: usize,
}

impl Talk {
    /// Begun with a prompt of so many words.
    pub(crate) fn begun(words: usize) -> Self {
        let mut talk = Self::default();
        let tool = Tool {
            name: "recall".to_owned(),
            description: "Searches.".to_owned(),
            parameters: json!({"type": "object"}),
        };
        talk.note(&Note::Prompt(Frozen {
            system: "helpful ".repeat(words),
            tools: vec![tool],
        }));
        talk
    }

    pub(crate) fn add(&mut self, content: Content) -> &mut NewItem {
        self.items.push(NewItem {
            id: format!("i{}", self.items.len()),
            turn: Some(format!("t{}", self.turn)),
            at: NOW,
            content,
            label: label(),
            attempts: Vec::new(),
            files: Vec::new(),
        });
        self.items.last_mut().unwrap()
    }

    pub(crate) fn note(&mut self, note: &Note) {
        self.add(note.content());
    }

    pub(crate) fn message(&mut self, message: Message) -> &mut NewItem {
        self.add(Content::Message { message })
    }

    /// The person begins a turn.
    pub(crate) fn asks(&mut self, text: &str) -> &mut NewItem {
        self.turn += 1;
        self.message(Message::user(text))
    }

    pub(crate) fn answers(&mut self, text: &str) {
        self.message(Message::assistant(text));
    }

    /// The model reads a file with so many words.
    pub(crate) fn reads(&mut self, path: &str, words: usize) {
        self.calls += 1;
        let call = ToolCall {
            id: format!("c{}", self.calls),
            name: "read".to_owned(),
            arguments: json!({"path": path}).as_object().unwrap().clone(),
        };
        self.message(Message::calling("", vec![call.clone()]));
        self.message(Message::result(&call, "word ".repeat(words)));
    }

    /// As they come from the store.
    pub(crate) fn shown(&self) -> Vec<Item> {
        let items = self.items.iter().cloned();
        (0..).zip(items).map(|(seq, item)| Item { seq, item }).collect()
    }
}

/// One thing that happens in a turn.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Reads(usize, usize),
    /// Two calls at once.
    ReadsTwo(usize),
    /// The person says more while it runs.
    Steers(usize),
    Hint,
    Answers(usize),
}

/// A turn: words of the question, whether there is an aside and a picture, the steps, and whether it ends in an answer.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    words: usize,
    aside: bool,
    picture: bool,
    steps: Vec<Step>,
    answer: Option<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_usize..4, 0_usize..900).prop_map(|(file, words)| Step::Reads(file, words)),
        1 => (0_usize..200).prop_map(Step::ReadsTwo),
        1 => (1_usize..60).prop_map(Step::Steers),
        1 => Just(Step::Hint),
        1 => (1_usize..100).prop_map(Step::Answers),
    ]
}

pub(crate) fn turn() -> impl Strategy<Value = Turn> {
    let steps = prop::collection::vec(step(), 0..5);
    (
        1_usize..200,
        any::<bool>(),
        prop::bool::weighted(0.1),
        steps,
        prop::option::weighted(0.9, 1_usize..200),
    )
        .prop_map(|(words, aside, picture, steps, answer)| Turn {
            words,
            aside,
            picture,
            steps,
            answer,
        })
}

/// A conversation of such turns, which ends with a question that has no answer yet.
pub(crate) fn talk(turns: &[Turn]) -> Talk {
    let mut talk = Talk::begun(200);
    for turn in turns {
        turn.happens(&mut talk);
    }
    talk.asks("and the last question, of 99 words?");
    talk
}

impl Turn {
    /// Adds it to a conversation.
    pub(crate) fn happens(&self, talk: &mut Talk) {
        if self.aside {
            talk.note(&Note::Aside {
                text: "It is Monday.".to_owned(),
            });
        }
        talk.asks(&"please ".repeat(self.words));
        if self.picture
            && let Some(Content::Message {
                message: Message::User { images, .. },
            }) = talk.items.last_mut().map(|item| &mut item.content)
        {
            images.extend(Image::new(b"\x89PNG\r\n\x1a\n"));
        }
        for step in &self.steps {
            match step {
                Step::Reads(file, words) => talk.reads(&format!("f{file}"), *words),
                Step::ReadsTwo(words) => reads_two(talk, *words),
                Step::Steers(words) => drop(talk.message(Message::user("more ".repeat(*words)))),
                Step::Hint => {
                    talk.answers("I have done it.");
                    talk.note(&Note::Hint {
                        text: "You called no tool.".to_owned(),
                    });
                }
                Step::Answers(words) => {
                    talk.answers(&"so ".repeat(*words));
                    talk.message(Message::user("go on"));
                }
            }
        }
        match self.answer {
            Some(words) => talk.answers(&"answer ".repeat(words)),
            None => talk.note(&Note::Unanswered {
                text: "[no answer came]".to_owned(),
                seen: None,
            }),
        }
    }
}

fn reads_two(talk: &mut Talk, words: usize) {
    let calls: Vec<ToolCall> = (0..2)
        .map(|_| {
            talk.calls += 1;
            ToolCall {
                id: format!("c{}", talk.calls),
                name: "list".to_owned(),
                arguments: serde_json::Map::new(),
            }
        })
        .collect();
    talk.message(Message::calling("I look.", calls.clone()));
    for call in calls.iter().rev() {
        talk.message(Message::result(call, "row ".repeat(words)));
    }
}
