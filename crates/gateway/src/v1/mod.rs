//! The paths of the model APIs beside those that a model answers: embeddings, counts of tokens, responses that are kept, and
//! models.

mod counting;
mod embeddings;
mod models;
mod query;
mod responses;
mod told;

use hyper::{Method, Response, body::Incoming, http::request::Parts};

use crate::{
    api::{self, Api},
    auth::Caller,
    passing::Out,
    respond::{Shared, only},
};

use query::{decoded, is_anthropic};
use told::Told;

/// One of these paths.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// The models.
    Models,
    /// One of them.
    Model(&'a str),
    /// What texts mean.
    Embeddings,
    /// How many tokens a request has.
    Count(Api),
    /// A response.
    Response(&'a str),
    /// The same, to be cancelled.
    Cancel(&'a str),
    /// What it was asked with.
    InputItems(&'a str),
}

type Answer = Result<Response<Out>, Told>;

impl<'a> Place<'a> {
    /// The one at a path, as it stands in a request.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/v1/")?;
        Some(match path.split_once('/') {
            None => match path {
                "models" => Self::Models,
                "embeddings" => Self::Embeddings,
                _ => return None,
            },
            // Ids of models have slashes in them.
            Some(("models", id)) if !id.is_empty() => Self::Model(id),
            Some(("messages", "count_tokens")) => Self::Count(Api::Messages),
            Some(("responses", "input_tokens")) => Self::Count(Api::Responses),
            Some(("responses", rest)) if !rest.is_empty() => match rest.split_once('/') {
                None => Self::Response(rest),
                Some((id, "cancel")) => Self::Cancel(id),
                Some((id, "input_items")) => Self::InputItems(id),
                Some(_) => return None,
            },
            Some(_) => return None,
        })
    }

    /// The API in whose shape it is answered.
    fn api(&self, head: &Parts) -> Api {
        match self {
            Self::Models | Self::Model(_) if is_anthropic(head) => Api::Messages,
            Self::Models | Self::Model(_) | Self::Embeddings => Api::Chat,
            Self::Count(api) => *api,
            Self::Response(_) | Self::Cancel(_) | Self::InputItems(_) => Api::Responses,
        }
    }

    /// What can be done there.
    fn methods(&self) -> (&'static [Method], &'static str) {
        match self {
            Self::Models | Self::Model(_) | Self::InputItems(_) => (&[Method::GET], "GET"),
            Self::Embeddings | Self::Count(_) | Self::Cancel(_) => (&[Method::POST], "POST"),
            Self::Response(_) => (&[Method::GET, Method::DELETE], "GET, DELETE"),
        }
    }
}

/// The API in whose shape a client is told what is wrong, before it is looked at what it wants.
pub(crate) fn of_errors(head: &Parts) -> Api {
    let path = head.uri.path();
    Place::of(path).map_or_else(|| api::of_errors(path), |place| place.api(head))
}

/// The answer to a request for one of these paths.
pub(crate) async fn respond(
    place: &Place<'_>,
    shared: &Shared,
    caller: &Caller,
    head: &Parts,
    body: Incoming,
) -> Response<Out> {
    let api = place.api(head);
    let (methods, names) = place.methods();
    if !methods.contains(&head.method) {
        return only(api, names);
    }
    // On the heap: requests that pass are the most, and do not come here.
    match Box::pin(answer(place, shared, caller, head, body)).await {
        Ok(response) => response,
        Err(told) => told.response(api),
    }
}

async fn answer(place: &Place<'_>, shared: &Shared, caller: &Caller, head: &Parts, body: Incoming) -> Answer {
    let relay = shared.now.relay();
    match place {
        Place::Models => models::list(&relay, caller.scopes(), head),
        Place::Model(id) => models::one(&relay, caller.scopes(), &decoded(id), head),
        Place::Embeddings => {
            let body = shared.budget.read(body).await?;
            embeddings::answer(&relay, &head.headers, &body.bytes(), caller).await
        }
        Place::Count(api) => {
            let body = shared.budget.read(body).await?;
            counting::answer(&relay, *api, &head.headers, &body.bytes(), caller).await
        }
        Place::Response(id) if head.method == Method::DELETE => {
            responses::delete(relay.programs.as_ref(), &decoded(id), caller).await
        }
        Place::Response(id) => responses::retrieve(relay.programs.as_ref(), &decoded(id), head, caller).await,
        Place::Cancel(id) => responses::cancel(relay.programs.as_ref(), &decoded(id), caller).await,
        Place::InputItems(id) => responses::input_items(relay.programs.as_ref(), &decoded(id), head, caller).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        for (path, expected) in [
            ("/v1/models", Some(Place::Models)),
            ("/v1/models/", None),
            ("/v1/models/box/a/b", Some(Place::Model("box/a/b"))),
            ("/v1/models/box%2Fa", Some(Place::Model("box%2Fa"))),
            ("/v1/embeddings", Some(Place::Embeddings)),
            ("/v1/embeddings/x", None),
            ("/v1/responses", None),
            ("/v1/responses/", None),
            ("/v1/responses/input_tokens", Some(Place::Count(Api::Responses))),
            ("/v1/messages/count_tokens", Some(Place::Count(Api::Messages))),
            ("/v1/messages/batches", None),
            ("/v1/responses/resp_a_b", Some(Place::Response("resp_a_b"))),
            ("/v1/responses/resp_a_b/cancel", Some(Place::Cancel("resp_a_b"))),
            (
                "/v1/responses/resp_a_b/input_items",
                Some(Place::InputItems("resp_a_b")),
            ),
            ("/v1/responses/resp_a_b/other", None),
            ("/v1/chat/completions", None),
            ("/models", None),
        ] {
            assert_eq!(Place::of(path), expected, "{path}");
        }
    }
}
