//! The effective config as JSON, without secrets.

use std::time::Duration;

use serde_json::{Map, Value, json};
use yabby_core::{Reset, ResetMode, ResetRules, ResetType, Secret};

use crate::{
    AssistantSettings, Bind, Config, GatewaySettings, GatewayTls, KeySource, Loaded, Modality, OtelSettings,
    SessionSettings, SkillSettings, StoreSettings, ToolChoice,
    assistant::without_nothing,
    config::{
        Agent, Cost, KeepWarm, Limit, LocalService, Mode, ModelEntry, ModelPolicy, ModelSettings, Privacy, Provider,
    },
    secret,
};

impl Loaded {
    /// The effective config: defaults, built-in providers and derived values put in, every secret `***`, or where
    /// it is kept.
    pub fn show(&self) -> Value {
        let mut value = config(&self.config);
        secret::mask_json(&mut value);
        self.redactor.redact_json(&mut value);
        self.show_references(&mut value);
        value
    }
}

fn config(config: &Config) -> Value {
    let settings = config.agents.defaults.models.iter();
    let mut defaults = Map::new();
    put(&mut defaults, "model", Some(policy(&config.policy())));
    put(&mut defaults, "privacy", privacy(&config.agents.defaults.privacy));
    put(
        &mut defaults,
        "timeoutSeconds",
        config.agents.defaults.timeout.map(|time| time.as_secs()),
    );
    put_map(&mut defaults, "params", &config.agents.defaults.params);
    put(
        &mut defaults,
        "models",
        Some(settings.map(model_settings).collect::<Map<_, _>>()),
    );
    let shared = written(&config.assistants.shared);
    defaults.extend(shared.clone());
    put(&mut defaults, "maxConcurrent", config.assistants.max_concurrent);
    let choices = config.assistants.shared.tools.choices.len();
    let tools = tools(&config.assistants.shared, 0);
    let agents = config.agents.entries.iter().map(|entry| {
        let (id, mut shown) = agent(entry);
        let own = config.assistant(&entry.id);
        // What all have is shown once.
        let differs = |(key, value): &(String, Value)| shared.get(key) != Some(value);
        shown.extend(written(&own).into_iter().filter(differs));
        let own_tools = self::tools(&own, choices).into_iter();
        let own_tools: Map<_, _> = own_tools
            .filter(|(key, value)| key != "web" && tools.get(key) != Some(value))
            .collect();
        put_map(&mut shown, "tools", &own_tools);
        (id, Value::from(shown))
    });
    let agents: Map<String, Value> = agents.collect();
    let mode = match config.models.mode {
        Mode::Merge => "merge",
        Mode::Replace => "replace",
    };
    let mut route = Map::new();
    put(
        &mut route,
        "hedgeAfter",
        config.route.hedge_after.map(|time| time.as_secs()),
    );
    put(&mut route, "preferFast", Some(config.route.prefer_fast));
    let budget = &config.route.budget;
    let budget = json!({ "perDay": limit(&budget.per_day), "perSession": limit(&budget.per_session) });
    put(&mut route, "budget", Some(budget));
    json!({
        "agents": {
            "defaults": defaults,
            "entries": agents,
        },
        "models": {
            "mode": mode,
            "providers": config.providers().map(provider).collect::<Map<_, _>>(),
        },
        "route": route,
        "session": session(&config.session),
        "store": store(&config.store),
        "gateway": gateway(&config.gateway),
        "diagnostics": OtelSettings::shown(config.otel.as_ref()),
        "tools": tools,
        "messages": config.messages.shown(),
        "commands": config.messages.shown_commands(),
        "skills": skills(&config.skills),
        "mcp": { "servers": config.mcp.iter().map(|server| (server.name.clone(), server.shown())).collect::<Map<_, _>>() },
    })
}

/// The settings of an agent as they are written.
fn written(settings: &AssistantSettings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The tools as they are written, without the first lists, which are those of all.
fn tools(settings: &AssistantSettings, of_all: usize) -> Map<String, Value> {
    let tools = &settings.tools;
    let mut shown = match serde_json::to_value(tools) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let own = tools.choices.get(of_all..).unwrap_or_default();
    let words = |list: fn(&ToolChoice) -> &Vec<String>| {
        let words: Vec<&str> = own.iter().flat_map(list).map(String::as_str).collect();
        Some(words).filter(|words| !words.is_empty())
    };
    put(&mut shown, "allow", words(|choice| &choice.allow));
    put(&mut shown, "deny", words(|choice| &choice.deny));
    let (search, fetch) = (&tools.search, &tools.fetch);
    let mut web = json!({ "search": search, "fetch": fetch });
    web["search"]["searxng"] = json!({
        "baseUrl": search.searxng,
        "categories": search.categories,
        "language": search.language,
    });
    web["fetch"]["ssrfPolicy"] = json!(fetch.reach);
    put(&mut shown, "web", Some(without_nothing(web)));
    shown
}

fn skills(skills: &SkillSettings) -> Value {
    let folders: Vec<String> = (skills.folders.iter())
        .map(|folder| folder.display().to_string())
        .collect();
    json!({ "entries": skills.entries, "load": { "extraDirs": folders } })
}

fn session(session: &SessionSettings) -> Value {
    let links = session.keys.links.iter();
    let links: Map<String, Value> = links.map(|(name, ids)| (name.to_owned(), ids.into())).collect();
    let by_type = session.resets.by_type.iter();
    let by_type = by_type.map(|(kind, rule)| {
        let kind = match kind {
            ResetType::Direct => "direct",
            ResetType::Group => "group",
            ResetType::Thread => "thread",
        };
        (kind.to_owned(), reset(rule))
    });
    let by_channel = session.resets.by_channel.iter();
    let by_channel = by_channel.map(|(channel, rule)| (channel.clone(), reset(rule)));
    let mut out = Map::new();
    put(&mut out, "scope", serde_json::to_value(session.keys.scope).ok());
    put(&mut out, "dmScope", serde_json::to_value(session.keys.dm).ok());
    put(&mut out, "groupScope", serde_json::to_value(session.keys.group).ok());
    put_map(&mut out, "identityLinks", &links);
    put(&mut out, "reset", Some(reset_of_all(session.resets.all)));
    put_map(&mut out, "resetByType", &by_type.collect());
    put_map(&mut out, "resetByChannel", &by_channel.collect());
    put(&mut out, "resetTriggers", Some(session.triggers.words()));
    let mut maintenance = Map::new();
    put(
        &mut maintenance,
        "pruneAfter",
        session.maintenance.prune_after.map(seconds),
    );
    put(&mut maintenance, "maxEntries", session.maintenance.max_entries);
    put(
        &mut maintenance,
        "preserveRecent",
        session.maintenance.preserve_recent.map(seconds),
    );
    put_map(&mut out, "maintenance", &maintenance);
    out.into()
}

/// The rule for all, with what it leaves out.
fn reset_of_all(all: Option<Reset>) -> Value {
    let Some(all_written) = all else {
        return json!({ "mode": "none" });
    };
    let alone = ResetRules {
        all,
        ..ResetRules::default()
    };
    reset(&Reset {
        mode: all_written.mode.or(Some(ResetMode::Daily)),
        at_hour: alone.policy(ResetType::Direct, None).daily_at.or(all_written.at_hour),
        ..all_written
    })
}

fn reset(reset: &Reset) -> Value {
    let mode = reset.mode.map(|mode| match mode {
        ResetMode::None => "none",
        ResetMode::Daily => "daily",
        ResetMode::Idle => "idle",
    });
    let mut out = Map::new();
    put(&mut out, "mode", mode);
    put(&mut out, "atHour", reset.at_hour);
    put(&mut out, "idleMinutes", reset.idle_minutes);
    out.into()
}

fn store(store: &StoreSettings) -> Value {
    let days = |time: Duration| time.as_secs() / (24 * 3600);
    let mut retention = Map::new();
    put(&mut retention, "days", store.retention.sessions.map(days));
    put(&mut retention, "inboxDays", Some(days(store.retention.inbox)));
    put(&mut retention, "maxSessions", store.retention.max_sessions);
    let megabytes = |bytes: u64| bytes / (1024 * 1024);
    let mut out = Map::new();
    put(
        &mut out,
        "url",
        store.database.as_ref().map(|database| database.shown.as_str()),
    );
    put(&mut out, "path", store.path.as_ref().and_then(|path| path.to_str()));
    put(&mut out, "retention", Some(retention));
    let limits = json!({
        "attachmentMb": megabytes(store.limits.attachment),
        "itemMb": megabytes(store.limits.item),
    });
    put(&mut out, "limits", Some(limits));
    put(
        &mut out,
        "secretsKey",
        store.secrets_key.as_ref().map(ToString::to_string),
    );
    out.into()
}

fn gateway(gateway: &GatewaySettings) -> Value {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut out = Map::new();
    put(&mut out, "port", gateway.port);
    let bind = match gateway.bind {
        Bind::Loopback => "loopback",
        Bind::Lan => "lan",
        Bind::Tailnet => "tailnet",
        Bind::Address(address) => {
            put(&mut out, "customBindHost", Some(address.to_string()));
            "custom"
        }
    };
    put(&mut out, "bind", Some(bind));
    let lockout = gateway.auth.lockout;
    let rate_limit = json!({
        "maxAttempts": lockout.attempts,
        "windowMs": milliseconds(lockout.window),
        "lockoutMs": milliseconds(lockout.time),
        "exemptLoopback": lockout.spares_loopback,
    });
    let mut auth = Map::new();
    put(
        &mut auth,
        "mode",
        Some(if gateway.auth.open { "none" } else { "token" }),
    );
    put(&mut auth, "token", gateway.auth.owner.as_ref().map(ToString::to_string));
    put(&mut auth, "rateLimit", Some(rate_limit));
    put(&mut out, "auth", Some(auth));
    let tls = match &gateway.tls {
        GatewayTls::Off => json!({"enabled": false}),
        GatewayTls::Files { certificate, key } => json!({"enabled": true, "certPath": certificate, "keyPath": key}),
        GatewayTls::Own => json!({"enabled": true, "autoGenerate": true}),
        GatewayTls::InDoubt => json!({"enabled": true}),
    };
    put(&mut out, "tls", Some(tls));
    let proxies: Vec<String> = gateway.trusted_proxies.iter().map(ToString::to_string).collect();
    put(&mut out, "trustedProxies", Some(proxies));
    put(
        &mut out,
        "controlUi",
        Some(json!({"allowedOrigins": gateway.allowed_origins})),
    );
    out.into()
}

fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs_f64())
}

fn policy(policy: &ModelPolicy) -> Value {
    json!({ "primary": policy.primary, "fallbacks": policy.fallbacks })
}

fn privacy(privacy: &Privacy) -> Option<Value> {
    let zones = privacy.zones.as_ref()?;
    let words: Vec<String> = zones.iter().map(ToString::to_string).collect();
    let violation = if privacy.ask { "ask" } else { "fail" };
    Some(json!({ "zones": words, "onViolation": violation }))
}

fn model_settings(settings: &ModelSettings) -> (String, Value) {
    let mut out = Map::new();
    put(&mut out, "alias", settings.alias.as_deref());
    put_map(&mut out, "params", &settings.params);
    (settings.name.clone(), out.into())
}

fn agent(agent: &Agent) -> (String, Map<String, Value>) {
    let mut out = Map::new();
    put(&mut out, "name", agent.name.as_deref());
    put(&mut out, "model", agent.model.as_ref().map(policy));
    put(&mut out, "privacy", privacy(&agent.privacy));
    (agent.id.clone(), out)
}

fn provider(provider: &Provider) -> (String, Value) {
    let mut out = Map::new();
    put(&mut out, "builtIn", provider.built_in.then_some(true));
    put(&mut out, "baseUrl", Some(provider.base_url.as_str()));
    let replicas: Vec<&str> = provider.replicas.iter().map(crate::BaseUrl::as_str).collect();
    put(&mut out, "baseUrls", (!replicas.is_empty()).then_some(replicas));
    put(&mut out, "api", Some(provider.api.name()));
    let (single, listed) = provider.split_keys();
    put(&mut out, "apiKey", single.map(|key| key.secret.to_string()));
    // Of those in files and programs the place is shown.
    let listed = listed
        .iter()
        .filter(|key| !matches!(key.source, KeySource::Kept { .. }));
    let listed: Vec<String> = listed.map(|key| key.secret.to_string()).collect();
    put(&mut out, "apiKeys", (!listed.is_empty()).then_some(listed));
    put_headers(&mut out, &provider.headers);
    put(&mut out, "authHeader", provider.auth_header);
    put(&mut out, "zone", provider.zone.as_ref().map(ToString::to_string));
    put(
        &mut out,
        "timeoutSeconds",
        provider.timeout.map(|timeout| timeout.as_secs()),
    );
    put(&mut out, "localService", provider.service.as_ref().map(service));
    put(&mut out, "keepWarm", keep_warm(provider.keep_warm));
    put_map(&mut out, "params", &provider.params);
    out.insert("models".to_owned(), provider.models.iter().map(model).collect());
    (provider.id.clone(), out.into())
}

fn service(service: &LocalService) -> Value {
    let env = service.env.iter();
    let env: Map<String, Value> = env
        .map(|(name, value)| (name.clone(), value.to_string().into()))
        .collect();
    let mut out = Map::new();
    put(&mut out, "command", service.command.to_str());
    put(
        &mut out,
        "args",
        (!service.args.is_empty()).then(|| service.args.clone()),
    );
    put(&mut out, "cwd", service.cwd.as_ref().and_then(|folder| folder.to_str()));
    put_map(&mut out, "env", &env);
    put(&mut out, "healthUrl", service.health_url.as_deref());
    put(&mut out, "readyTimeoutMs", Some(milliseconds(service.ready_timeout)));
    put(&mut out, "idleStopMs", Some(service.idle_stop.map_or(0, milliseconds)));
    out.into()
}

fn keep_warm(keep_warm: KeepWarm) -> Option<Value> {
    match keep_warm {
        KeepWarm::No => None,
        KeepWarm::Always => Some(true.into()),
        KeepWarm::For(time) => Some(format!("{}s", time.as_secs()).into()),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn model(model: &ModelEntry) -> Value {
    let mut out = Map::new();
    put(&mut out, "id", Some(model.id.as_str()));
    put(&mut out, "name", model.name.as_deref());
    put(&mut out, "api", model.api.as_ref().map(crate::Api::name));
    put(&mut out, "reasoning", Some(model.reasoning));
    let input: Vec<&str> = model.input.iter().copied().map(modality).collect();
    put(&mut out, "input", Some(input));
    put(&mut out, "cost", model.cost.as_ref().map(cost));
    put(&mut out, "contextWindow", model.context_window);
    put(&mut out, "contextTokens", model.context_tokens);
    put(&mut out, "maxTokens", model.max_tokens);
    put_headers(&mut out, &model.headers);
    put_map(&mut out, "compat", &model.compat);
    put_map(&mut out, "params", &model.params);
    out.into()
}

fn cost(cost: &Cost) -> Value {
    let mut out = Map::new();
    put(&mut out, "input", Some(cost.input));
    put(&mut out, "output", Some(cost.output));
    put(&mut out, "cacheRead", Some(cost.cache_read));
    put(&mut out, "cacheWrite", Some(cost.cache_write));
    let tiers = cost.tiers.iter().map(|tier| {
        let range = std::iter::once(tier.start).chain(tier.end);
        json!({
            "input": tier.input,
            "output": tier.output,
            "cacheRead": tier.cache_read,
            "cacheWrite": tier.cache_write,
            "range": range.collect::<Vec<u32>>(),
        })
    });
    let tiers: Vec<Value> = tiers.collect();
    put(&mut out, "tieredPricing", Some(tiers).filter(|tiers| !tiers.is_empty()));
    out.into()
}

fn limit(limit: &Limit) -> Value {
    let mut out = Map::new();
    put(&mut out, "usd", limit.usd);
    put(&mut out, "tokens", limit.tokens);
    out.into()
}

fn modality(modality: Modality) -> &'static str {
    match modality {
        Modality::Text => "text",
        Modality::Image => "image",
        Modality::Audio => "audio",
        Modality::Video => "video",
    }
}

fn put(out: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        out.insert(key.to_owned(), value.into());
    }
}

fn put_map(out: &mut Map<String, Value>, key: &str, map: &Map<String, Value>) {
    put(out, key, (!map.is_empty()).then(|| map.clone()));
}

fn put_headers(out: &mut Map<String, Value>, headers: &[(String, Secret)]) {
    let shown: Map<String, Value> = headers
        .iter()
        .map(|(name, secret)| (name.clone(), secret.to_string().into()))
        .collect();
    put_map(out, "headers", &shown);
}
