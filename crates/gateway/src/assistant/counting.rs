//! How many tokens a request to an agent would cost.

use hyper::HeaderMap;
use yabby_agent::{NotCounted, Unsaid};
use yabby_core::TokenCount;
use yabby_wire::clients::{ClientRequest, Failure};

use super::{Programs, away, conversation::Talk, open_webui};
use crate::{auth::Caller, relay::no_plan};

impl Programs {
    /// What the assistant would send first if this was asked: its prompt, its tools, what was said before, and the message.
    pub(crate) async fn count(
        &self,
        agent: &str,
        headers: &HeaderMap,
        request: &ClientRequest,
        by: &Caller,
    ) -> Result<TokenCount, Failure> {
        // Tools of a client count for nothing: an agent would refuse them.
        if !self.has(agent) {
            let message = format!("there is no agent {agent}; GET /v1/models lists them");
            return Err(Failure::new(404, "model_not_found", message));
        }
        let previous = match &request.previous_response_id {
            Some(previous) => self.gone_on_from(previous, by).await?,
            None => None,
        };
        // Where all of the conversation is sent, all of it is counted.
        let mut headers = headers.clone();
        headers.remove(open_webui::CHAT);
        let unsaid = Talk::of(agent, &headers, request, previous.as_ref())?.unsaid();
        let office = &self.0.office;
        let unsaid = Unsaid {
            model: unsaid.model.and_then(|name| office.assistant.home().model(&name)),
            ..unsaid
        };
        let counted = office.assistant.count(&office.store, &unsaid).await;
        counted.map_err(|error| match error {
            NotCounted::Plan(error) => {
                let refusal = no_plan(&error);
                Failure::new(refusal.status.as_u16(), refusal.code, refusal.message)
            }
            NotCounted::Store(error) => away(&error),
        })
    }
}
