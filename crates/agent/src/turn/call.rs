//! Asking a model.

use std::sync::Arc;

use futures_util::{StreamExt, stream::BoxStream};
use tokio::task::coop::consume_budget;
use yabby_core::{
    FinalText, Label, Message, ModelEvent, ModelRef, ModelRequest, Text, ToolCall, ToolChoice, Unfinished, text,
};
use yabby_route::{Answer, RouteEvent, RouteFailure};
use yabby_store::{Content, Item, NewItem, Said, StoreError};

use super::{
    ending::{Ending, with_worked},
    item,
    meanwhile::{Ends, meanwhile},
    scene::{Scene, shown},
    unworked,
    work::{After, Work},
};
use crate::{Exceeded, Live, Note, Unworked, View, not_run, render, undone};

/// What became of a request.
enum Came {
    Answer(Box<Answer>),
    Failure(RouteFailure),
    /// Somebody has ended it; what was seen of it.
    Ended(String, Ends),
}

impl Work<'_> {
    /// Asks the model once, and keeps what it says.
    pub(super) async fn call(&mut self, items: &[Item], view: &View, tools: bool) -> Result<After, StoreError> {
        let request = ModelRequest {
            thinking: self.scene.wish.thinking,
            any_call: !wants_json(items),
            bounded: true,
            ..request(items, tools)
        };
        match self.listen(request.clone()).await? {
            Came::Answer(answer) => {
                self.scene.saw_reuse(items, &request, &answer);
                self.heard_answer(*answer, items, (view, tools)).await
            }
            Came::Failure(failure) => {
                if self.overflows(&failure) {
                    // What the server has just said of its window counts from now on.
                    return Ok(After::GoOn);
                }
                Ok(After::End(self.scene.failed(&failure, view)))
            }
            Came::Ended(partial, ends) => self.stopped(&partial, ends).await,
        }
    }

    /// Asks, and hears what comes in meanwhile.
    async fn listen(&mut self, request: ModelRequest) -> Result<Came, StoreError> {
        let (model, wish) = (Arc::clone(&self.scene.assistant.model), self.scene.wish.clone());
        let mut seen = Unfinished::default();
        let came = self.scene.follow(model.answer(&wish, request), &mut seen);
        let came = meanwhile(&self.scene, &mut self.incoming, came).await?;
        Ok(came.unwrap_or_else(|ends| Came::Ended(seen.so_far().to_owned(), ends)))
    }

    /// `tools` says whether it may have called some.
    async fn heard_answer(
        &mut self,
        answer: Answer,
        items: &[Item],
        (view, tools): (&View, bool),
    ) -> Result<After, StoreError> {
        let (scene, label) = (&self.scene, shown(items));
        // By the message that is answered: of a turn that has waited long, earlier answers may be in a summary.
        let id = format!("{}/{}", scene.reply, view.steps);
        let Answer {
            text,
            tool_calls,
            malformed_calls,
            opaque,
            considered,
            model,
            ..
        } = answer;
        // What the model was only told to find, it may call by its own name.
        let unseen: Vec<ToolCall> = malformed_calls
            .iter()
            .filter_map(|malformed| Some(scene.tools.meant_unseen(malformed)?.call))
            .collect();
        let problems: Vec<(ToolCall, String)> = malformed_calls
            .iter()
            .filter(|malformed| scene.tools.meant_unseen(malformed).is_none())
            .map(|malformed| (malformed.as_call(), malformed.problem.clone()))
            .collect();
        let only_refused = tool_calls.is_empty() && unseen.is_empty() && !problems.is_empty();
        if only_refused && problems.iter().all(|(call, _)| view.has_refused(call)) {
            // It is told what is wrong with the very same call once more, and then it answers without one.
            self.answers_now = true;
        }
        let refused = problems.iter().map(|(call, _)| call.clone());
        let calls: Vec<ToolCall> = unique(tool_calls.into_iter().chain(unseen).chain(refused));
        if !tools && !calls.is_empty() && text.is_blank() {
            // It was to answer with what it has. What it has cost counts all the same.
            let limit = Exceeded::Steps(scene.rules.limits.steps);
            let mut ending = scene.exceeded(if self.answers_now { Exceeded::Circle } else { limit });
            if let Some(note) = ending.items.first_mut() {
                note.attempts = considered;
            }
            return Ok(After::End(ending));
        }
        let calls = if tools { calls } else { Vec::new() };
        let ends = calls.is_empty();
        let message = Message::Assistant {
            text: text.as_str().to_owned(),
            tool_calls: calls,
            opaque,
        };
        let said = NewItem {
            attempts: considered,
            ..item(id.clone(), &scene.turn, Content::Message { message }, label.clone())
        };
        if ends {
            let cut = text.is_cut().then_some(model);
            return scene.ends_with(text, said, view, cut).await;
        }
        let mut kept = vec![said];
        for (n, (call, problem)) in problems.iter().enumerate() {
            let message = Message::result(call, not_run(problem));
            let id = format!("{id}/problem/{n}");
            kept.push(item(
                id.clone(),
                &scene.turn,
                Content::Message { message },
                label.clone(),
            ));
            kept.push(unworked(&id, &scene.turn, call, Unworked::NotRun));
        }
        scene.append(kept).await?;
        Ok(After::GoOn)
    }
}

impl Scene<'_> {
    /// Follows an answer until it is complete.
    async fn follow(&self, mut events: BoxStream<'_, RouteEvent>, seen: &mut Unfinished) -> Came {
        while let Some(event) = events.next().await {
            match event {
                RouteEvent::Done(answer) => return Came::Answer(Box::new(answer)),
                RouteEvent::Failed(failure) => return Came::Failure(failure),
                RouteEvent::Trying(model) => self.tell(Live::Trying(model)),
                RouteEvent::Attempt(attempt) => self.tell(Live::Attempt(attempt)),
                RouteEvent::Notice(notice) => self.tell(Live::Notice(notice)),
                RouteEvent::Model(event) => {
                    seen.push(&event);
                    if self.is_shown(&event) {
                        self.tell(Live::Model(event));
                    }
                }
            }
            // However fast it comes, others have their turn.
            consume_budget().await;
        }
        // The stream ends with an answer or a failure; without them there was nothing to try.
        Came::Failure(RouteFailure {
            errors: Vec::new(),
            attempts: Vec::new(),
            partial: String::new(),
        })
    }

    /// Tells when the server has read again what it had read before, and the person has noticed the wait.
    fn saw_reuse(&self, items: &[Item], request: &ModelRequest, answer: &Answer) {
        let reuse = &self.assistant.reuse;
        let lost = reuse.saw(&self.session.id, items, request, &answer.attempts);
        if let Some(notice) = lost.and_then(|lost| lost.notice()) {
            self.tell(Live::Notice(notice));
        }
    }

    /// Reasoning is shown to whom asks for it.
    fn is_shown(&self, event: &ModelEvent) -> bool {
        !matches!(event, ModelEvent::Reasoning(_)) || self.state.reasoning || self.rules.reasoning
    }

    /// The model calls nothing more. `cut` is the model when its answer has reached the most tokens that it may have.
    async fn ends_with(
        &self,
        text: FinalText,
        said: NewItem,
        view: &View,
        cut: Option<ModelRef>,
    ) -> Result<After, StoreError> {
        let names: Vec<&str> = self
            .registry
            .iter()
            .map(|tool| tool.manifest().tool.name.as_str())
            .collect();
        let nothing_done = view.done.is_empty() && view.pending.is_empty() && !view.hinted && !names.is_empty();
        if nothing_done && let Some(undone) = undone(text.as_str(), &names) {
            let hint = Note::Hint {
                text: undone.words().to_owned(),
            };
            let hint = item(
                format!("{}/hint", self.reply),
                &self.turn,
                hint.content(),
                Label::of_nothing(),
            );
            self.append(vec![said, hint]).await?;
            self.tell(Live::Notice(text!(
                "the model has called no tool where it seems to need one; it is asked once more"
            )));
            return Ok(After::GoOn);
        }
        if text.is_blank() {
            let notice = text!("the model has answered with nothing; ask once more, or use another model with /model");
            return Ok(After::End(self.unanswered(
                "",
                "[no answer]".to_owned(),
                with_worked(notice, view),
            )));
        }
        let mut says = vec![Said::Answer(text)];
        says.extend(cut.map(|model| {
            Said::Notice(text!(
                "the answer was cut: it reached the most tokens that it may have; say “go on” to have it continued, or raise maxTokens for {model}",
                model = model
            ))
        }));
        if self.state.usage {
            says.extend(used(&said).map(Said::Notice));
        }
        Ok(After::End(Ending {
            items: vec![said],
            says,
            ..Ending::default()
        }))
    }
}

/// What the last request of an answer has used.
fn used(said: &NewItem) -> Option<Text> {
    let attempt = said.attempts.last()?;
    let usage = &attempt.usage;
    let count = |tokens: Option<u32>| tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string());
    Some(text!(
        "{model}: {read} tokens read ({cached} from the cache), {written} written, {usd} US dollars",
        model = attempt.model,
        read = count(usage.input_tokens),
        cached = count(usage.cached_tokens),
        written = count(usage.output_tokens),
        usd = format!("{:.4}", attempt.cost.unwrap_or(0.0))
    ))
}

/// Whether the person may want to read what looks like a call.
fn wants_json(items: &[Item]) -> bool {
    let last = items.iter().rev().find_map(|item| match &item.item.content {
        Content::Message {
            message: Message::User { text, .. },
        } => Some(text.to_lowercase()),
        _ => None,
    });
    last.is_some_and(|text| {
        ["json", "{", "tool call", "tool_call", "function call"]
            .iter()
            .any(|word| text.contains(word))
    })
}

/// The request for the items of a session.
pub(super) fn request(items: &[Item], tools: bool) -> ModelRequest {
    let (frozen, messages) = render(items);
    let (system, offered) = frozen.map_or((None, Vec::new()), |frozen| (Some(frozen.system), frozen.tools));
    ModelRequest {
        system: system.filter(|system| !system.is_empty()),
        messages,
        // They stay in the request even when none may be called, so that its beginning stays the same.
        tool_choice: if tools { ToolChoice::Auto } else { ToolChoice::None },
        tools: offered,
        ..ModelRequest::default()
    }
}

/// Calls with ids that differ; a server may number them anew in each answer, or give all the same one.
fn unique(calls: impl Iterator<Item = ToolCall>) -> Vec<ToolCall> {
    let mut kept: Vec<ToolCall> = Vec::new();
    for mut call in calls {
        if kept.iter().any(|other| other.id == call.id) {
            call.id = format!("{}-{}", call.id, kept.len());
        }
        kept.push(call);
    }
    kept
}
