//! What the agents of the config have.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use yabby_agent::{Circles, Frozen, Helpers, Home, Limits, Model, Rules, Scene, Served, Wish, compact, fitted};
use yabby_config::{AssistantSettings, Config, Environment, LoopDetection, Paths, ReasoningShown, TimeFormat};
use yabby_core::{ModelRef, ResetPolicy, ResetType, SessionKey, Thinking, Time};
use yabby_route::resolve;
use yabby_servers::{EndpointOrigin, Fleet, capability::Tried};
use yabby_tools::{Choice, Hours, Profile, Registry, Repeat, Zone};

use super::furnished::{Furnished, chosen};
use crate::toolbox::Toolbox;

/// What the agents of the config have.
pub(crate) struct Household {
    pub(crate) config: Arc<Config>,
    pub(crate) env: Environment,
    pub(crate) paths: Paths,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) toolbox: Toolbox,
    /// That of this machine, by which sessions start afresh.
    pub(crate) machine: Zone,
    /// That of the person.
    pub(crate) zone: Zone,
    /// Whether reasoning is shown, because the command line says so.
    pub(crate) reasoning: bool,
    /// What models were tried out for.
    pub(crate) tried: Tried,
}

impl Household {
    /// Whether a model can do something with tools.
    fn uses_tools(&self, model: &ModelRef) -> bool {
        let mode = self.config.params_for(model).get("toolMode").cloned();
        if let Some(mode) = mode {
            return mode != "none";
        }
        let endpoint = self.fleet.endpoint(model.provider());
        !self.is_embedded(model) && endpoint.is_none_or(|endpoint| endpoint.uses_tools(model.model(), &self.tried))
    }

    /// Whether a model is the small one that comes along: it proves that everything works, and neither follows instructions
    /// nor calls tools.
    fn is_embedded(&self, model: &ModelRef) -> bool {
        let endpoint = self.fleet.endpoint(model.provider());
        endpoint.is_some_and(|endpoint| match &endpoint.origin {
            EndpointOrigin::Managed(lease) => lease.embedded().is_some(),
            _ => false,
        })
    }
}

impl Home for Household {
    fn rules(&self, agent: &str, channel: &str) -> Rules {
        let settings = self.config.assistant(agent);
        let usual = Limits::default();
        Rules {
            limits: Limits {
                steps: settings.limits.steps.map_or(usual.steps, |steps| steps as usize),
                time: self.config.agents.defaults.timeout.unwrap_or(usual.time),
                tokens: settings.limits.tokens,
                usd: settings.limits.usd,
            },
            queue: self.config.messages.queue_on(channel),
            compaction: compaction(&settings),
            // The page folds it away.
            reasoning: self.reasoning || channel == "web" || settings.reasoning != ReasoningShown::Off,
            circles: circles(&settings.tools.loops),
            helpers: helpers(&settings),
        }
    }

    fn reset(&self, conversation: &SessionKey) -> ResetPolicy {
        let resets = &self.config.session.resets;
        resets.policy(ResetType::from(conversation), conversation.channel())
    }

    fn offset(&self, at: Time) -> i32 {
        self.machine.offset(at)
    }

    fn tools<'a>(&'a self, agent: &'a str, served: Option<&'a Served>) -> BoxFuture<'a, Registry> {
        async move {
            if served.is_some_and(|served| !self.uses_tools(&served.model)) {
                return Registry::default();
            }
            chosen(&self.toolbox.tools(agent).await, &self.config.assistant(agent))
        }
        .boxed()
    }

    fn frozen<'a>(
        &'a self,
        conversation: &'a SessionKey,
        wish: &'a Wish,
        served: &'a Served,
        tools: &'a Registry,
    ) -> BoxFuture<'a, Frozen> {
        async move {
            let nothing = Frozen {
                system: String::new(),
                tools: Vec::new(),
            };
            if self.is_embedded(&served.model) {
                return nothing;
            }
            let (config, env, paths) = (Arc::clone(&self.config), self.env.clone(), self.paths.clone());
            let agent = wish.agent.clone();
            let read = tokio::task::spawn_blocking(move || Furnished::of(&config, &env, &paths, &agent)).await;
            let Ok(furnished) = read else { return nothing };
            // They are chosen already.
            let all = Choice::default();
            let from = furnished.ingredients(Scene::of(conversation), tools, &all);
            match fitted(&*self.model, wish, &from).await {
                Ok((prompt, _)) => self.worded(wish, prompt.frozen()),
                Err(_) => nothing,
            }
        }
        .boxed()
    }

    fn aside(&self, served: Option<&Served>, at: Time) -> Option<String> {
        // The embedded model answers to the time instead of the message.
        if served.is_some_and(|served| self.is_embedded(&served.model)) {
            return None;
        }
        let hours = match self.config.time_format() {
            TimeFormat::Auto | TimeFormat::TwentyFour => Hours::TwentyFour,
            TimeFormat::Twelve => Hours::Twelve,
        };
        Some(format!("[{}]", self.zone.moment_with_offset(at, hours)))
    }

    fn next(&self, cron: &str, after: Time) -> Option<Time> {
        Repeat::read(cron).ok()?.next(&self.zone, after)
    }

    fn models(&self) -> Vec<String> {
        let configured = self.config.models.providers.iter();
        let mut names: Vec<String> = configured
            .flat_map(|provider| {
                let models = provider.models.iter();
                models.map(|model| format!("{}/{}", provider.id, model.id))
            })
            .collect();
        for (endpoint, facts) in self.fleet.members() {
            let found = facts.iter().flat_map(|facts| &facts.models).filter(|model| model.chat);
            for model in found {
                let name = format!("{}/{}", endpoint.provider, model.id);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    fn model(&self, name: &str) -> Option<String> {
        let model = resolve(&self.config, &self.fleet, name).ok()?;
        Some(model.to_string())
    }
}

/// When a model goes round in a circle. OpenClaw warns first; Yabby refuses the call, which says the same.
fn circles(said: &LoopDetection) -> Circles {
    let usual = Circles::default();
    let times = |times: Option<u32>, usual: usize| times.map_or(usual, |times| times as usize);
    let refused = times(said.warn, usual.refused);
    Circles {
        enabled: said.enabled,
        refused,
        ended: times(said.end, refused),
    }
}

/// What sub-tasks have.
fn helpers(settings: &AssistantSettings) -> Helpers {
    let (said, tools) = (&settings.subagents, &settings.tools.subagents);
    Helpers {
        model: said.model.as_ref().and_then(|model| model.primary.clone()),
        thinking: said.thinking.map(Thinking::from),
        time: said.timeout,
        tools: Choice {
            profile: Profile::Full,
            allow: tools.allow.clone(),
            also_allow: tools.also_allow.clone(),
            deny: tools.deny.clone(),
        },
    }
}

/// How conversations are made smaller, by OpenClaw's words.
fn compaction(settings: &AssistantSettings) -> compact::Settings {
    let (said, usual) = (&settings.compaction, compact::Settings::default());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the config holds it between 0 and 1, and the cast saturates"
    )]
    let share = said.share.map_or(usual.share, |share| (share * 100.0) as u32);
    compact::Settings {
        reserve: said.reserve_tokens.unwrap_or(usual.reserve),
        keep: said.keep_tokens.unwrap_or(usual.keep),
        share,
        time: said.timeout.unwrap_or(usual.time),
        summaries: said.enabled,
        instructions: said.instructions.clone(),
        ..usual
    }
}

impl Household {
    /// The prompt with the words of the config.
    fn worded(&self, wish: &Wish, frozen: Frozen) -> Frozen {
        let words = self.config.assistant(&wish.agent).prompt;
        let system = words.instead.unwrap_or(frozen.system);
        Frozen {
            system: match words.behind {
                Some(behind) => format!("{system}\n\n{behind}"),
                None => system,
            },
            ..frozen
        }
    }
}
