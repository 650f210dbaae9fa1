//! The API of the page: `docs/api.md`.

mod approvals;
mod conversations;
mod deliver;
mod elsewhere;
mod entries;
mod error;
mod events;
mod logs;
mod messages;
mod paths;
mod rewind;
mod servers;
mod settings;
mod usage;

use std::sync::Arc;

use axum::{Json, Router, extract::DefaultBodyLimit};
use schemars::JsonSchema;
use serde::Serialize;
use yabby_core::SessionKey;

use crate::{
    auth::Gate,
    feed::{Feed, Numbered, Question},
    office::Office,
    relay::Relay,
    reload::Now,
    room::Room,
};

use error::Problem;
use messages::Taken;
use paths::{Does, Paths, Verb, of};
pub(crate) use servers::{History, Server};
pub use settings::Settings;

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
    now: Arc<Now>,
    history: History,
    gate: Arc<Gate>,
    room: Room,
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

impl Agent {
    fn new(id: &str, name: Option<String>) -> Self {
        Self {
            id: id.to_owned(),
            name,
            main: SessionKey::main(id).as_str().to_owned(),
        }
    }
}

impl Desk {
    pub(crate) fn new(office: Office, now: Arc<Now>, history: History, gate: Arc<Gate>, room: Room) -> Self {
        Self(Arc::new(Inner {
            office,
            feed: now.feed.clone(),
            now,
            history,
            gate,
            room,
        }))
    }

    /// What answers requests that pass.
    fn relay(&self) -> Arc<Relay> {
        self.0.now.relay()
    }

    /// The agents of the config.
    fn agents(&self) -> Vec<Agent> {
        let agents = self.relay().routes.agents().into_iter();
        agents.map(|(id, name)| Agent::new(&id, name)).collect()
    }

    /// The conversation of a path.
    fn key(text: &str) -> Result<SessionKey, Problem> {
        text.parse().map_err(|error: yabby_core::InvalidSessionKey| {
            Problem::bad_request(error.to_string()).with_hint("GET /api/conversations lists them")
        })
    }
}

/// The router of all paths.
pub(crate) fn router(desk: Desk) -> Router {
    let (router, _) = paths().finish();
    router
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(desk)
}

/// All paths.
fn paths() -> Paths {
    use Verb::{Delete, Get, Post};
    let gives = Does::gives;
    elsewhere::tell(Paths::new())
        .add(Get, "/api/agents", agents, &gives("The agents.", of::<Vec<Agent>>))
        .add(
            Get,
            "/api/approvals",
            approvals::list,
            &gives("The open questions to the owner.", of::<Vec<Question>>),
        )
        .add(
            Post,
            "/api/approvals/{id}",
            approvals::answer,
            &gives("A question is answered.", of::<Taken>)
                .takes(of::<approvals::Verdict>)
                .with_status("202"),
        )
        .add(
            Get,
            "/api/conversations",
            conversations::list,
            &gives("Conversations, the latest first.", of::<conversations::Conversations>)
                .asks(of::<conversations::Wanted>),
        )
        .add(
            Post,
            "/api/conversations",
            conversations::begin,
            &gives("A new conversation.", of::<conversations::Begun>).takes(of::<conversations::Begin>),
        )
        .add(
            Get,
            "/api/conversations/{key}",
            conversations::one,
            &gives("A conversation.", of::<conversations::Conversation>),
        )
        .add(
            Delete,
            "/api/conversations/{key}",
            conversations::delete,
            &Does::nothing("It is deleted, with all its sessions."),
        )
        .add(
            Get,
            "/api/conversations/{key}/entries",
            entries::list,
            &gives("What was said and done, the oldest first.", of::<entries::Entries>).asks(of::<entries::Wanted>),
        )
        .add(
            Post,
            "/api/conversations/{key}/messages",
            messages::say,
            &gives("The message is taken in.", of::<Taken>)
                .takes(of::<messages::Said>)
                .with_status("202"),
        )
        .add(
            Post,
            "/api/conversations/{key}/edit",
            rewind::edit,
            &gives("Something else is said instead.", of::<Taken>)
                .takes(of::<rewind::Edit>)
                .with_status("202"),
        )
        .add(
            Get,
            "/api/events",
            events::stream,
            &gives("What happens, as it happens.", of::<Numbered>)
                .asks(of::<events::Wanted>)
                .as_events(),
        )
        .add(
            Get,
            "/api/socket",
            events::socket,
            &Does::nothing("The same events on a WebSocket.").with_status("101"),
        )
        .add(
            Get,
            "/api/logs",
            logs::list,
            &gives("What was told lately, the oldest first.", of::<logs::Logs>).asks(of::<logs::Wanted>),
        )
        .add(
            Get,
            "/api/models",
            servers::models,
            &gives("The models that can be asked for.", of::<Vec<servers::Model>>),
        )
        .add(
            Get,
            "/api/servers",
            servers::list,
            &gives("The servers as they are now.", of::<Vec<Server>>),
        )
        .add(
            Get,
            "/api/settings",
            settings::show,
            &gives("The config as it counts.", of::<Settings>),
        )
        .add(
            Get,
            "/api/usage",
            usage::show,
            &gives("How much the models were used.", of::<usage::Usage>).asks(of::<usage::Wanted>),
        )
}

async fn agents(axum::extract::State(desk): axum::extract::State<Desk>) -> Json<Vec<Agent>> {
    Json(desk.agents())
}

async fn nothing(uri: hyper::Uri) -> Problem {
    Problem::not_found(&format!("{} here", uri.path()))
}
