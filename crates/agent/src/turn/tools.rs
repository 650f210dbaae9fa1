//! Running tools.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::json;
use yabby_core::{Label, Message, ToolCall};
use yabby_store::{ApprovalState, Begun, Content, Item, NewItem, StoreError};
use yabby_tools::{At, Effect, Output, Tool, ToolError, ToolErrorKind, Watcher};

use super::{
    item,
    meanwhile::meanwhile,
    moment,
    scene::{Scene, insist, shown},
    spawn, unworked,
    work::{After, Work},
};
use crate::{Exceeded, Live, Meant, Note, Pending, Repeated, ToolState, Unworked, View, repeated};

/// A tool that has not answered after so long is ended; those that may take longer have limits of their own that are shorter,
/// or go on in the background.
const LONGEST: Duration = Duration::from_mins(15);

/// What came of a call.
struct Came {
    text: String,
    output: Output,
    label: Label,
    /// How, where it has not done what it was made for.
    unworked: Option<Unworked>,
}

impl Work<'_> {
    /// Runs calls in their order; such as only read, side by side.
    pub(super) async fn run_tools(
        &mut self,
        calls: &[Pending],
        view: &View,
        items: &[Item],
        approved: &HashMap<String, ApprovalState>,
    ) -> Result<After, StoreError> {
        let (scene, label) = (&self.scene, shown(items));
        let mut rest = calls;
        let mut pictures = Vec::new();
        while let Some(first) = rest.first() {
            let reads = rest.iter().take_while(|pending| scene.only_reads(pending)).count();
            let (now, later) = rest.split_at(reads.max(1));
            rest = later;
            let circles = scene.rules.circles;
            if let Some(Repeated::Same(times)) = repeated(&view.done, &first.call, circles)
                && times >= circles.ended
            {
                if self.answers_now {
                    return Ok(After::End(scene.exceeded(Exceeded::Circle)));
                }
                // The call is refused below.
                self.answers_now = true;
            }
            let running = join_all(now.iter().map(|pending| scene.run_one(pending, view, &label, approved)));
            let came = match meanwhile(scene, &mut self.incoming, running).await? {
                Ok(came) => came,
                Err(ends) => return self.stopped("", ends).await,
            };
            let mut kept = Vec::new();
            for (pending, came) in now.iter().zip(came) {
                let mut came = came?;
                pictures.extend(scene.pictures(pending, &mut came));
                kept.extend(scene.result(pending, &came).await?);
            }
            scene.append(kept).await?;
        }
        // Not between a call and its result.
        if !pictures.is_empty() {
            scene.append(pictures).await?;
        }
        Ok(After::GoOn)
    }
}

impl Scene<'_> {
    fn only_reads(&self, pending: &Pending) -> bool {
        let meant = self.tools.meant(&pending.call);
        meant.is_ok_and(|meant| meant.tool.effect(&meant.call.arguments) == Effect::Read)
    }

    /// One call, once: also when the process died over it before.
    async fn run_one(
        &self,
        pending: &Pending,
        view: &View,
        label: &Label,
        approved: &HashMap<String, ApprovalState>,
    ) -> Result<Came, StoreError> {
        let own = |how: Unworked, text: &str| Came {
            text: text.to_owned(),
            output: Output::default(),
            label: label.clone(),
            unworked: Some(how),
        };
        let Meant { tool, call } = match self.tools.meant(&pending.call) {
            Ok(meant) => meant,
            Err(error) => return Ok(own(Unworked::NotRun, &format!("[not run: {}]", error.message))),
        };
        // A no need not be said twice.
        let denied = view.is_denied(&pending.call).then_some(&ApprovalState::Denied);
        match approved.get(&pending.key).or(denied) {
            Some(ApprovalState::Denied) if self.alone => {
                return Ok(own(
                    Unworked::NotRun,
                    "[not run: a task that was handed on may not do this; report what should be done]",
                ));
            }
            Some(ApprovalState::Denied) => {
                return Ok(own(
                    Unworked::Denied,
                    "[not run: the owner has said no. Do not try it again; say what you would have done]",
                ));
            }
            Some(ApprovalState::Expired) => {
                return Ok(own(Unworked::Expired, "[not run: the owner has not answered in time]"));
            }
            _ => {}
        }
        if let Some(circle) = repeated(&view.done, &pending.call, self.rules.circles) {
            return Ok(own(Unworked::NotRun, circle.words()));
        }
        let journal = is_journaled(&tool);
        if journal && let Some(came) = self.begin(pending, label).await? {
            return Ok(came);
        }
        self.tell(Live::Tool(call.clone(), ToolState::Began));
        if call.name == spawn::NAME {
            let (ran, label) = match self.spawn(pending, &call.arguments, label).await? {
                Ok(report) => (Ok(Output::text(report.text)), report.label),
                Err(error) => (Err(error), label.clone()),
            };
            return Ok(self.came(&call, &tool, &label, ran));
        }
        let at = self.at(pending, &call, label);
        let ran = match tokio::time::timeout(LONGEST, tool.run(&call.arguments, &at)).await {
            Ok(ran) => ran,
            Err(_) => Err(ToolError::new(
                ToolErrorKind::TimedOut,
                "it did not come to an end in 15 minutes and was stopped",
            )),
        };
        let came = self.came(&call, &tool, label, ran);
        if journal {
            let outcome = json!({ "text": came.text, "label": came.label, "unworked": came.unworked });
            insist(|| self.store.end_effect(&self.lease, &pending.key, outcome.clone())).await?;
        }
        Ok(came)
    }

    fn came(&self, call: &ToolCall, tool: &Arc<dyn Tool>, label: &Label, ran: Result<Output, ToolError>) -> Came {
        let returns = tool.manifest().returns;
        match ran {
            Ok(mut output) => {
                self.tell(Live::Tool(call.clone(), ToolState::Ended(output.summary.clone())));
                let of = returns.label(&call.name, label);
                let label = output.label.take().map_or(of.clone(), |lower| of.join(&lower));
                Came {
                    text: std::mem::take(&mut output.text),
                    output,
                    label,
                    unworked: None,
                }
            }
            Err(error) => {
                self.tell(Live::Tool(call.clone(), ToolState::Failed(error.message.clone())));
                Came {
                    text: format!("[error: {}]", error.message),
                    output: Output::default(),
                    label: returns.label(&call.name, label),
                    unworked: Some(Unworked::Failed),
                }
            }
        }
    }

    /// Notes that the call is about to be done; what came of it, or what the model is told, when it was begun before.
    async fn begin(&self, pending: &Pending, label: &Label) -> Result<Option<Came>, StoreError> {
        let call = json!([pending.call.name, pending.call.arguments]).to_string();
        let begun = self
            .store
            .begin_effect(&self.lease, &pending.key, &self.turn, &call)
            .await?;
        let words = |text: &str, label: Label| Came {
            text: text.to_owned(),
            output: Output::default(),
            label,
            unworked: None,
        };
        Ok(match begun {
            Begun::Go => None,
            Begun::Done(outcome) => {
                let kept = serde_json::from_value(outcome["label"].clone());
                let text = outcome["text"].as_str().unwrap_or_default();
                Some(Came {
                    unworked: serde_json::from_value(outcome["unworked"].clone()).unwrap_or_default(),
                    ..words(text, kept.unwrap_or_else(|_| label.clone()))
                })
            }
            Begun::MayHaveHappened | Begun::Differs => Some(words(
                "[interrupted: nobody knows whether this was done. Do not do it again by yourself: look whether it was, or \
                 tell the person]",
                label.clone(),
            )),
        })
    }

    fn at(&self, pending: &Pending, call: &ToolCall, label: &Label) -> At {
        let (hub, conversation, call) = (self.assistant.hub.clone(), self.conversation.clone(), call.clone());
        At {
            agent: self.wish.agent.clone(),
            conversation: self.conversation.clone(),
            session: self.session.id.clone(),
            turn: self.turn.clone(),
            call: pending.key.clone(),
            now: moment(),
            label: label.clone(),
            room: self.room(),
            watcher: Watcher::new(move |piece| {
                hub.tell(
                    &conversation,
                    Live::Tool(call.clone(), ToolState::Piece(piece.to_owned())),
                );
            }),
        }
    }

    /// The items of a result. Of a call that the conversation has left behind, it is told as news.
    async fn result(&self, pending: &Pending, came: &Came) -> Result<Vec<NewItem>, StoreError> {
        let id = format!("{}/result", pending.key);
        let (shown, files) = self.fit(&came.text, &id).await?;
        let message = Message::result(&pending.call, shown.clone());
        let how = came.unworked.map(|how| unworked(&id, &self.turn, &pending.call, how));
        let mut items = vec![NewItem {
            files,
            ..item(id, &self.turn, Content::Message { message }, came.label.clone())
        }];
        items.extend(how);
        if pending.late {
            let text = format!(
                "[news of the call of {} that waited for the owner]\n{shown}",
                pending.call.name
            );
            let id = format!("{}/news", pending.key);
            items.push(item(id, &self.turn, Note::Hint { text }.content(), came.label.clone()));
        }
        Ok(items)
    }

    /// Pictures of a result, which only a message of a person can have.
    fn pictures(&self, pending: &Pending, came: &mut Came) -> Option<NewItem> {
        if came.output.images.is_empty() {
            return None;
        }
        let message = Message::User {
            text: format!("[pictures of the result of {}]", pending.call.name),
            images: std::mem::take(&mut came.output.images),
        };
        let id = format!("{}/pictures", pending.key);
        Some(item(id, &self.turn, Content::Message { message }, came.label.clone()))
    }
}

/// Whether what the call does is noted before and after: it must not happen twice.
fn is_journaled(tool: &Arc<dyn Tool>) -> bool {
    let manifest = tool.manifest();
    manifest.effect != Effect::Read && !manifest.repeatable
}
