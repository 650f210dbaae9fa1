//! Which tools a server's grammar compiler refuses, when its error names none.

use futures_util::{FutureExt, future::BoxFuture};
use yabby_core::{ErrorKind, Message, ModelError, ModelEvent, ModelRequest, Tool};
use yabby_wire::Dialect;

use crate::{Endpoint, Http};

/// The most requests that one search may take: three bad tools among fifty.
const MOST_PROBES: usize = 40;

/// Who pays for the questions of a search.
pub trait Pays: Send {
    /// A question is about to be sent. An error ends the search.
    fn begins<'a>(&'a mut self, question: &'a ModelRequest) -> BoxFuture<'a, Result<(), ModelError>>;

    /// The beginning of an answer has come, and is enough; or an error. What is given up before that is not told.
    fn ended(&mut self, came: Result<(), &ModelError>);
}

/// Nobody pays.
impl Pays for () {
    fn begins<'a>(&'a mut self, _question: &'a ModelRequest) -> BoxFuture<'a, Result<(), ModelError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn ended(&mut self, _came: Result<(), &ModelError>) {}
}

impl Endpoint {
    /// The tools of `request` that are offered to the model, without those in quarantine.
    pub fn offered_tools(&self, model: &str, request: &ModelRequest) -> Vec<Tool> {
        let quirks = self.quirks_of(model, request);
        let offered = request.tools.iter().filter(|tool| !quirks.has_quarantined(tool));
        offered.cloned().collect()
    }

    /// The tools of `request` whose schemas the server refuses, found by asking with halves of the suspects.
    ///
    /// Each question is a word of a person, an answer of at most one token, and some of the tools as they would be sent
    /// now. None are found when the server takes each half of what it refuses, or refuses something else than the
    /// tools; so that what is returned was refused alone. Fails when the server has other troubles, and when it may not be
    /// paid.
    pub async fn find_refused_tools(
        &self,
        http: &Http,
        dialect: Dialect,
        model: &str,
        request: &ModelRequest,
        pays: &mut dyn Pays,
    ) -> Result<Vec<Tool>, ModelError> {
        let mut untold = vec![self.offered_tools(model, request)];
        let mut refused = Vec::new();
        for _ in 0..MOST_PROBES {
            let Some(group) = untold.pop() else { break };
            if group.is_empty() || !self.refuses(http, dialect, model, (request, &group), pays).await? {
                continue;
            }
            let (first, second) = group.split_at(group.len() / 2);
            if first.is_empty() {
                refused.extend(group);
            } else {
                untold.extend([second.to_vec(), first.to_vec()]);
            }
        }
        Ok(refused)
    }

    /// Whether the server cannot compile these tools.
    async fn refuses(
        &self,
        http: &Http,
        dialect: Dialect,
        model: &str,
        (request, tools): (&ModelRequest, &[Tool]),
        pays: &mut dyn Pays,
    ) -> Result<bool, ModelError> {
        let probe = ModelRequest {
            messages: vec![Message::user("Hi")],
            tools: tools.to_vec(),
            max_output_tokens: Some(1),
            tool_mode: request.tool_mode,
            extra_body: request.extra_body.clone(),
            ..ModelRequest::default()
        };
        pays.begins(&probe).await?;
        let came = match self.ask(http, dialect, model, &probe).await {
            Ok(mut stream) => loop {
                match stream.next().await {
                    // Some say it only when the stream has begun.
                    Some(Ok(ModelEvent::Progress(_))) => {}
                    Some(Err(error)) => break Err(error),
                    Some(Ok(_)) | None => break Ok(()),
                }
            },
            Err(error) => Err(error),
        };
        pays.ended(came.as_ref().copied());
        match came {
            Ok(()) => Ok(false),
            Err(error) if error.kind == ErrorKind::Grammar => Ok(true),
            // A single token is no whole call, which is no fault of a schema.
            Err(error) if matches!(error.kind, ErrorKind::ToolParser | ErrorKind::Empty) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
