//! The API of the page: `docs/api.md`.

mod approvals;
mod conversations;
mod deliver;
mod entries;
mod error;
mod events;
mod messages;
mod rewind;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::Serialize;
use yabby_core::SessionKey;

use crate::{auth::Gate, feed::Feed, office::Office};

use error::Problem;

pub(crate) use deliver::Page;

/// The channel of people at the page.
pub(crate) const CHANNEL: &str = "web";
/// Pictures make a message large.
const LONGEST_BODY: usize = 32 << 20;

/// What the handlers have.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Inner>);

struct Inner {
    office: Office,
    feed: Feed,
    /// The agents of the config: ids and names.
    agents: Vec<(String, Option<String>)>,
    gate: Arc<Gate>,
}

type Answer<T> = Result<Json<T>, Problem>;

/// An agent.
#[derive(Debug, Serialize, JsonSchema)]
struct Agent {
    id: String,
    name: Option<String>,
    /// The key of its main conversation.
    main: String,
}

impl Desk {
    pub(crate) fn new(office: Office, feed: Feed, agents: Vec<(String, Option<String>)>, gate: Arc<Gate>) -> Self {
        Self(Arc::new(Inner {
            office,
            feed,
            agents,
            gate,
        }))
    }

    /// The conversation of a path.
    fn key(text: &str) -> Result<SessionKey, Problem> {
        text.parse().map_err(|error: yabby_core::InvalidSessionKey| {
            Problem::bad_request(error.to_string()).with_hint("GET /api/conversations lists them")
        })
    }
}

/// All paths.
pub(crate) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/api/agents", get(agents))
        .route("/api/approvals", get(approvals::list))
        .route("/api/approvals/{id}", post(approvals::answer))
        .route(
            "/api/conversations",
            get(conversations::list).post(conversations::begin),
        )
        .route(
            "/api/conversations/{key}",
            get(conversations::one).delete(conversations::delete),
        )
        .route("/api/conversations/{key}/entries", get(entries::list))
        .route("/api/conversations/{key}/messages", post(messages::say))
        .route("/api/conversations/{key}/edit", post(rewind::edit))
        .route("/api/events", get(events::stream))
        .route("/api/socket", get(events::socket))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(desk)
}

async fn agents(axum::extract::State(desk): axum::extract::State<Desk>) -> Json<Vec<Agent>> {
    let agents = desk.0.agents.iter().map(|(id, name)| Agent {
        id: id.clone(),
        name: name.clone(),
        main: SessionKey::main(id).as_str().to_owned(),
    });
    Json(agents.collect())
}

async fn nothing(uri: hyper::Uri) -> Problem {
    Problem::not_found(&format!("{} here", uri.path()))
}
