//! What a turn that runs has brought so far.

use serde_json::Value;
use yabby_agent::{Live, ToolState};
use yabby_core::{ModelEvent, ToolCall};

use super::event::{Course, Event, Question, Running, Stage, Tool, Words, attempt};

/// The most bytes of a tool's output that are kept for whoever comes later.
const OUTPUT: usize = 64 << 10;

impl Running {
    pub(super) fn new(turn: &str) -> Self {
        Self {
            turn: turn.to_owned(),
            model: None,
            text: String::new(),
            reasoning: String::new(),
            progress: None,
            tools: Vec::new(),
            notices: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// Takes in what happens.
    pub(super) fn see(&mut self, event: &Event) {
        match event {
            Event::Trying { model } => {
                self.model = Some(model.clone());
                self.progress = None;
            }
            Event::Step => {
                self.text.clear();
                self.reasoning.clear();
            }
            Event::Progress { progress } => self.progress = Some(progress.clone()),
            Event::Text { delta } => {
                self.progress = None;
                self.text += delta;
            }
            Event::Reasoning { delta } => {
                self.progress = None;
                self.reasoning += delta;
            }
            Event::Tool { tool } => self.tool(tool),
            Event::Attempt { attempt } => self.attempts.push(attempt.clone()),
            Event::Notice { words } => self.notices.push(words.clone()),
            _ => {}
        }
    }

    /// Whether a model has answered since the last step, so that the next one that is asked begins another.
    pub(super) fn stepped(&self) -> bool {
        let last = self.attempts.last().and_then(|attempt| attempt["outcome"].as_str());
        last == Some("answered")
    }

    /// The same, shorter by so many bytes where that is possible: without what tools were given and have said, of the first ones
    /// that have ended.
    pub(super) fn without(&self, bytes: usize) -> Self {
        let mut shorter = self.clone();
        let mut saved = 0;
        for tool in shorter.tools.iter_mut().filter(|tool| tool.state != Course::Running) {
            if saved >= bytes {
                break;
            }
            // Not less than this, as JSON.
            saved += tool.output.len()
                + tool
                    .arguments
                    .values()
                    .filter_map(Value::as_str)
                    .map(str::len)
                    .sum::<usize>();
            tool.output.clear();
            tool.arguments.clear();
        }
        shorter
    }

    fn tool(&mut self, tool: &Tool) {
        let Some(known) = self.tools.iter_mut().find(|known| known.id == tool.id) else {
            self.tools.push(tool.clone());
            return;
        };
        known.state = tool.state;
        known.summary = tool.summary.clone().or(known.summary.take());
        if known.output.len() < OUTPUT {
            known.output += &tool.output;
        }
    }
}

/// What the page is told of something that happens in a turn; nothing when it concerns no person.
pub(super) fn told(live: Live) -> Option<Event> {
    Some(match live {
        Live::Began(turn) => Event::Began { turn },
        Live::Trying(model) => Event::Trying {
            model: model.to_string(),
        },
        Live::Model(ModelEvent::Text(delta)) => Event::Text { delta },
        Live::Model(ModelEvent::Reasoning(delta)) => Event::Reasoning { delta },
        Live::Model(ModelEvent::Progress(progress)) => Event::Progress {
            progress: Stage::of(progress)?,
        },
        Live::Model(_) => return None,
        Live::Attempt(tried) => Event::Attempt {
            attempt: attempt(&tried),
        },
        Live::Notice(notice) => Event::Notice {
            words: Words::of(&notice),
        },
        Live::Tool(call, state) => Event::Tool {
            tool: tool(&call, state),
        },
        Live::Asked(approval) => Event::Asked {
            approval: Question::of(&approval),
        },
        Live::Ended => Event::Ended,
    })
}

fn tool(call: &ToolCall, state: ToolState) -> Tool {
    let new = |state| Tool::new(call, state);
    match state {
        ToolState::Began => new(Course::Running),
        ToolState::Piece(piece) => Tool {
            output: piece,
            ..new(Course::Running)
        },
        ToolState::Ended(summary) => Tool {
            summary: summary.as_ref().map(Words::of),
            ..new(Course::Done)
        },
        ToolState::Failed(problem) => Tool {
            summary: Some(Words::plain(&problem)),
            ..new(Course::Failed)
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use yabby_core::text;

    use super::*;

    #[test]
    fn whoever_comes_later_sees_what_was_before() {
        let call = ToolCall {
            id: "c1".to_owned(),
            name: "exec".to_owned(),
            arguments: Map::new(),
        };
        let mut running = Running::new("t1");
        for live in [
            Live::Trying("a/m".parse().unwrap()),
            Live::Model(ModelEvent::Text("Well. ".to_owned())),
            Live::Trying("b/m".parse().unwrap()),
            Live::Model(ModelEvent::Reasoning("hm".to_owned())),
            Live::Model(ModelEvent::Text("He".to_owned())),
            Live::Model(ModelEvent::Text("llo".to_owned())),
            Live::Tool(call.clone(), ToolState::Began),
            Live::Tool(call.clone(), ToolState::Piece("1\n".to_owned())),
            Live::Tool(call.clone(), ToolState::Piece("2\n".to_owned())),
            Live::Tool(call, ToolState::Ended(Some(text!("stopped")))),
        ] {
            running.see(&told(live).unwrap());
        }
        assert_eq!(
            serde_json::to_value(&running).unwrap(),
            json!({
                "turn": "t1", "model": "b/m", "text": "Well. Hello", "reasoning": "hm", "progress": null,
                "tools": [{"id": "c1", "name": "exec", "arguments": {}, "state": "done", "output": "1\n2\n",
                    "summary": {"en": "stopped", "zh-TW": "已停止"}}],
                "notices": [], "attempts": [],
            })
        );
    }
}
