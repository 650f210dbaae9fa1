//! What is done before a request is sent: the server is there, the model is awake, and it is known how tools are offered.

use async_stream::stream;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Duration, timeout};
use yabby_core::{ModelRequest, Progress};

use super::{BESIDE, FRESH, LiveUpstream, fitted::pass_through};
use crate::{
    deadlines::longest_answer,
    spending::Price,
    upstream::{Preparing, Upstream},
};

/// A managed server that runs already is found within this time.
const AT_ONCE: Duration = Duration::from_millis(200);

impl LiveUpstream {
    pub(super) fn preparing<'a>(&'a mut self, request: &'a mut ModelRequest) -> BoxStream<'a, Preparing> {
        let steps = stream! {
            let model = self.model.model().to_owned();
            // A managed server may have to be started, or started again.
            if self.endpoint.is_managed() {
                let started = {
                    let mut starting = Box::pin(self.endpoint.ensure_running(&self.http, &()));
                    if let Ok(started) = timeout(AT_ONCE, &mut starting).await {
                        started
                    } else {
                        yield Preparing::Progress(self.loading(&model));
                        starting.await
                    }
                };
                match started {
                    Ok(place) => self.endpoint = place,
                    Err(error) => {
                        yield Preparing::Failed(error);
                        return;
                    }
                }
            }
            let background = self.caller.priority.is_background();
            if self.is_near() && (background || self.endpoint.loads_on_demand()) {
                // What nobody waits for wakes no cold model; who knows only that can tell.
                self.endpoint.refresh(&self.http, FRESH, BESIDE).await;
            }
            if background
                && self.is_near()
                && let Some(error) = self.endpoint.may_not_wake(&model, &self.caller)
            {
                yield Preparing::Failed(error);
                return;
            }
            if !self.endpoint.zone_of(&model).is_own()
                && self.spending.budget().limits_money()
                && self.endpoint.takes_routing()
                && Price::known(&self.endpoint, &model).is_none()
            {
                // Only OpenRouter's list of models has prices, and what has no price is not asked where money is limited.
                self.endpoint.refresh(&self.http, FRESH, BESIDE).await;
            }
            if self.endpoint.is_cold(&model) {
                yield Preparing::Progress(self.loading(&model));
                self.waking = self.endpoint.wake(&self.http, &model).await;
                if self.waking.is_none() {
                    yield Preparing::Untimed;
                }
            }
            if std::mem::take(&mut self.unasked) {
                self.endpoint.find_tool_mode(&self.http, &model, request).await;
            }
            self.dialect = self.endpoint.dialect_of(&model, request);
            pass_through(request, &self.endpoint, self.dialect, &self.params);
            if request.bounded && request.max_output_tokens.is_none() && self.is_near() {
                let room = self.room(request);
                request.max_output_tokens = room.and_then(|room| longest_answer(room.window, self.tokens(request)));
            }
            if let Some((name, value)) = self.reasoning_off.clone() {
                request.thinking = None;
                request.extra_body.insert(name, value);
            }
        };
        steps.boxed()
    }

    fn loading(&self, model: &str) -> Progress {
        Progress::Loading {
            usual: self.endpoint.usual_load(model),
        }
    }
}
