//! What happens at another Yabby, on this terminal.

use std::{io, pin::pin};

use serde_json::Value;
use yabby_agent::{Live, ToolState};
use yabby_core::{Lang, ModelEvent, Progress, ToolCall, text};

use super::gateway::{Failed, Gateway, Known};
use crate::{
    chat::follow::{Followed, Screen},
    interrupt::{Interrupt, unread},
};

/// What was told while a message was dealt with.
#[derive(Default)]
struct Told {
    /// Notices, in English.
    notices: Vec<String>,
    /// Whether the message stands in the conversation.
    said: bool,
    /// Whether something of its answer was shown.
    begun: bool,
}

impl Screen {
    /// Says something there, and shows what happens until it was dealt with.
    pub(super) async fn through(
        &mut self,
        gateway: &Gateway,
        reasoning: bool,
        interrupt: &mut Interrupt,
        line: &str,
    ) -> Result<Followed, Failed> {
        let followed = self.until_dealt_with(gateway, reasoning, interrupt, line).await;
        self.waiting.clear();
        if let Err(error) = self.end_line() {
            return Ok(Followed::Unwritten(error));
        }
        followed
    }

    async fn until_dealt_with(
        &mut self,
        gateway: &Gateway,
        reasoning: bool,
        interrupt: &mut Interrupt,
        line: &str,
    ) -> Result<Followed, Failed> {
        let mut known = Known::default();
        // What was said before is not shown.
        gateway.news(&mut known).await?;
        let mut events = gateway.events().await?;
        gateway.say(line).await?;
        let mut told = Told {
            // A command stands nowhere.
            said: line.starts_with('/'),
            ..Told::default()
        };
        let mut unread = pin!(unread());
        let mut stopped = false;
        loop {
            let shown = tokio::select! {
                event = events.next() => {
                    let event = event.ok_or(Failed::Ended)?;
                    // Whoever has missed the end is told what there is.
                    let has_missed_it = event["type"] == "snapshot" && event["turn"].is_null() && told.begun;
                    if event["type"] == "ended" || has_missed_it {
                        let (entries, is_running) = gateway.news(&mut known).await?;
                        match self.entries(&entries, line, &mut told) {
                            Ok(()) if told.said && !is_running => return Ok(self.end(stopped)),
                            shown => shown,
                        }
                    } else if let Some(live) = live(&event, reasoning, self.terminal.lang, &mut told) {
                        told.begun = true;
                        self.live(live)
                    } else {
                        self.asked.extend(asked(&event));
                        Ok(())
                    }
                }
                () = interrupt.pressed() => {
                    if stopped {
                        // It was told to stop, and its end is not waited for.
                        return Ok(self.end(stopped));
                    }
                    stopped = true;
                    gateway.say("/stop").await?;
                    Ok(())
                }
                () = self.waiting.is_long() => {
                    self.waiting.tell();
                    Ok(())
                }
                () = &mut unread => {
                    gateway.say("/stop").await?;
                    return Ok(Followed::Unread);
                }
            };
            if let Err(error) = shown {
                return Ok(Followed::Unwritten(error));
            }
        }
    }

    /// What was said at the end of a turn: the answer as a whole, and what was told beside it.
    fn entries(&mut self, entries: &[Value], line: &str, told: &mut Told) -> io::Result<()> {
        let is = |entry: &&Value, kind: &str| entry["kind"] == kind;
        told.said |= entries
            .iter()
            .any(|entry| is(&entry, "user") && entry["text"] == line.trim());
        for entry in entries.iter().filter(|entry| is(entry, "notice")) {
            if !told.notices.iter().any(|known| entry["words"]["en"] == known.as_str()) {
                self.notice(&text!("{words}", words = words(&entry["words"], self.terminal.lang)))?;
            }
        }
        let mut answers = entries.iter().filter(|entry| is(entry, "assistant"));
        match answers.next_back().and_then(|entry| entry["text"].as_str()) {
            Some(answer) if !answer.trim().is_empty() => self.answer(answer),
            _ => Ok(()),
        }
    }
}

/// An event as what happens in a turn of this process is told; nothing when nothing is to be shown.
fn live(event: &Value, reasoning: bool, lang: Lang, told: &mut Told) -> Option<Live> {
    let text = |field: &Value| field.as_str().map(str::to_owned);
    Some(match event["type"].as_str()? {
        "trying" => Live::Trying(event["model"].as_str()?.parse().ok()?),
        "text" => Live::Model(ModelEvent::Text(text(&event["delta"])?)),
        "reasoning" if reasoning => Live::Model(ModelEvent::Reasoning(text(&event["delta"])?)),
        "progress" => Live::Model(ModelEvent::Progress(progress(event)?)),
        "attempt" => Live::Attempt(serde_json::from_value(event["attempt"].clone()).ok()?),
        "notice" => {
            told.notices.extend(text(&event["words"]["en"]));
            Live::Notice(text!("{words}", words = words(&event["words"], lang)))
        }
        "tool" => {
            let call = ToolCall {
                id: text(&event["id"])?,
                name: text(&event["name"])?,
                arguments: event["arguments"].as_object().cloned().unwrap_or_default(),
            };
            let summary = Some(&event["summary"]).filter(|summary| !summary.is_null());
            let summary = summary.map(|summary| words(summary, lang));
            let output = text(&event["output"]).unwrap_or_default();
            let state = match event["state"].as_str()? {
                "running" if output.is_empty() => ToolState::Began,
                "running" => ToolState::Piece(output),
                "done" => ToolState::Ended(summary.map(|summary| text!("{words}", words = summary))),
                _ => ToolState::Failed(summary.unwrap_or_default()),
            };
            Live::Tool(call, state)
        }
        _ => return None,
    })
}

fn progress(event: &Value) -> Option<Progress> {
    let number = |field: &str| event[field].as_u64().and_then(|number| u32::try_from(number).ok());
    Some(match event["stage"].as_str()? {
        "queued" => Progress::Queued {
            ahead: usize::try_from(event["ahead"].as_u64()?).ok()?,
            expected: None,
        },
        "loading" => Progress::Loading { usual: None },
        "prefill" => Progress::Prefill {
            done: number("done")?,
            total: number("total")?,
        },
        _ => Progress::Working { expected: None },
    })
}

/// The id of a question that an event asks.
fn asked(event: &Value) -> Option<String> {
    let id = event["approval"]["id"].as_str().filter(|_| event["type"] == "asked");
    id.map(str::to_owned)
}

/// In the language of the terminal.
fn words(words: &Value, lang: Lang) -> String {
    let field = match lang {
        Lang::En => "en",
        Lang::ZhTw => "zh-TW",
    };
    words[field].as_str().unwrap_or_default().to_owned()
}
