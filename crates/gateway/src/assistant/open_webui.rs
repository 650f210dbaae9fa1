//! What `Open WebUI` says beside a request.
//!
//! It forwards the id of the chat when `ENABLE_FORWARD_USER_INFO_HEADERS` is set, or where a connection has headers of its own
//! with `{{CHAT_ID}}` and `{{TASK}}` in them, under the names that its makers' own gateway reads
//! (docs.openwebui.com, "Environment variable configuration"; github.com/open-webui/computer, "Gateway").

use hyper::{HeaderMap, header::HeaderName};
use memchr::memmem;
use yabby_agent::State;
use yabby_core::{Message, SessionKey};
use yabby_wire::clients::Failure;

use super::{Programs, away, conversation};
use crate::api::Api;

/// The chat that a request belongs to.
pub(crate) const CHAT: HeaderName = HeaderName::from_static("x-openwebui-chat-id");
/// What it is for, where no person has said it.
const TASK: &str = "x-openwebui-task";
/// How the prompts of its tasks begin, and what they have in them (`backend/open_webui/config.py`,
/// `DEFAULT_TITLE_GENERATION_PROMPT_TEMPLATE` and those behind it).
const BEGINS: &str = "### Task:\n";
const HISTORY: &str = "<chat_history>\n";

/// The name of the conversation that the chat is, where the chat is said.
pub(super) fn chat(headers: &HeaderMap) -> Option<String> {
    let chat = said(headers, CHAT.as_str())?;
    Some(format!("openwebui:{}", conversation::plain(chat)))
}

/// Whether a request is one that `Open WebUI` makes on its own: a title, tags or further questions for a chat, which it sends to the
/// model of the chat.
pub(crate) fn is_task(api: Api, headers: &HeaderMap, body: &[u8]) -> bool {
    if said(headers, TASK).is_some() {
        return true;
    }
    // Most requests are none, and are not read twice.
    if memmem::find(body, b"### Task:\\n").is_none() || memmem::find(body, HISTORY.trim_end().as_bytes()).is_none() {
        return false;
    }
    let Ok(request) = api.parse(body) else { return false };
    match request.request.messages.as_slice() {
        [Message::User { text, images }] => images.is_empty() && text.starts_with(BEGINS) && text.contains(HISTORY),
        _ => false,
    }
}

impl Programs {
    /// What is set for the conversation that a task is about: it goes no further than that. Of one in which somebody has said
    /// that it is private, all stays so, because the task repeats what was said then.
    pub(crate) async fn set_for(&self, agent: &str, headers: &HeaderMap, body: &[u8]) -> Result<State, Failure> {
        let mut state = self.set_by(agent, headers).await?;
        state.private |= memmem::find(body, b"/private").is_some();
        Ok(state)
    }

    async fn set_by(&self, agent: &str, headers: &HeaderMap) -> Result<State, Failure> {
        let name = conversation::session(headers).map(str::to_owned);
        let Some(name) = name.or_else(|| chat(headers)) else {
            return Ok(State::default());
        };
        let key = SessionKey::within(agent, &name)
            .map_err(|error| Failure::new(400, "invalid_session_key", error.to_string()))?;
        let known = self.0.office.store.conversation(&key).await;
        let known = known.map_err(|error| away(&error))?;
        Ok(known.map_or_else(State::default, |known| State::of(&known.state)))
    }
}

/// The value of a header. One whose template has nothing to say is empty.
fn said<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then_some(value)
}
