//! How many tokens a message would cost, without saying it.

use yabby_core::{Exactness, Message, ModelRequest, SessionKey, Thinking, TokenCount, ToolChoice};
use yabby_route::PlanError;
use yabby_store::{Store, StoreError};

use super::{Assistant, moment};
use crate::{Body, State, Wish, render};

/// A message that is not said.
#[derive(Clone, Debug)]
pub struct Unsaid {
    /// The conversation that it would belong to; it need not be there.
    pub conversation: SessionKey,
    /// The model that would be asked instead of what is set for the conversation.
    pub model: Option<String>,
    /// What would be written before it.
    pub history: Vec<Message>,
    /// What the agent would be told beside it.
    pub aside: Option<String>,
    /// The message.
    pub body: Body,
}

/// It cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum NotCounted {
    /// No model would be asked.
    #[error("{0}")]
    Plan(#[source] PlanError),
    /// The store does not answer.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl Assistant {
    /// The tokens of the first request of the turn that this message would begin: prompt, tools, what was said before, and the
    /// message. Nothing is written, and no model is asked for an answer. A turn that would have to make the conversation
    /// smaller first sends less.
    pub async fn count(&self, store: &Store, unsaid: &Unsaid) -> Result<TokenCount, NotCounted> {
        let this = self.now();
        let conversation = &unsaid.conversation;
        let known = store.conversation(conversation).await?;
        let state = known
            .as_ref()
            .map_or_else(State::default, |known| State::of(&known.state));
        let items = match known.and_then(|known| known.session) {
            Some(session) => store.context(&session).await?,
            None => Vec::new(),
        };
        let wish = Wish {
            agent: conversation.agent().to_owned(),
            session: conversation.as_str().to_owned(),
            model: unsaid.model.clone().or(state.model),
            private: state.private,
            images: !unsaid.body.images.is_empty(),
            thinking: state.think.as_deref().and_then(Thinking::of),
            ..Wish::default()
        };
        let served = this.model.served(&wish).await.map_err(NotCounted::Plan)?;
        let registry = this.home.tools(&wish.agent, Some(&served)).await;
        let wish = Wish {
            tools: registry.iter().next().is_some(),
            ..wish
        };
        let (frozen, mut messages) = render(&items);
        let frozen = match frozen {
            Some(frozen) => frozen,
            None => this.home.frozen(conversation, &wish, &served, &registry).await,
        };
        messages.extend(unsaid.history.iter().cloned());
        let beside = [unsaid.aside.clone(), this.home.aside(Some(&served), moment())];
        let texts = beside.into_iter().flatten().chain([unsaid.body.text.clone()]);
        messages.push(Message::User {
            text: texts.collect::<Vec<_>>().join("\n\n"),
            images: unsaid.body.images.clone(),
        });
        let request = ModelRequest {
            system: Some(frozen.system).filter(|system| !system.is_empty()),
            messages,
            tool_choice: ToolChoice::Auto,
            tools: frozen.tools,
            thinking: wish.thinking,
            ..ModelRequest::default()
        };
        let counted = this.model.count(&wish, &request).await;
        if counted.tokens > 0 {
            return Ok(counted);
        }
        Ok(TokenCount {
            tokens: this.model.estimate(&wish, &request),
            exactness: Exactness::Estimated,
        })
    }
}
