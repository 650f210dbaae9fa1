//! From the checked tree to the typed [`Config`].

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Map, Value};
use yabby_core::{Secret, Text, text};

use crate::{
    Api, BaseUrl, Config, MessageSettings, Modality, agents,
    builtin::{self, BUILT_IN, BuiltIn},
    config::{KeepWarm, Mode, ModelEntry, Models, Params, Provider},
    diagnostic::{Diagnostic, DiagnosticKind},
    environment::vars,
    fetch::{Answers, Keepers, Written},
    known, params,
    path::{Seg, at, below, dotted},
    privacy::Doubts,
    raw,
    secret::Redactor,
    source::Sources,
    tree::Node,
    variables::Variables,
};

/// Makes the config and reports what a schema cannot see.
pub(crate) struct Resolver<'a> {
    /// The checked tree.
    pub(crate) tree: &'a Node,
    /// The tree before the check took anything out.
    pub(crate) written: &'a Node,
    pub(crate) sources: &'a Sources,
    pub(crate) variables: &'a Variables,
    pub(crate) redactor: &'a Redactor,
    /// The file to put variables into.
    pub(crate) dot_env: &'a Path,
    /// Where it is not known how far data may travel.
    pub(crate) doubts: &'a Doubts,
    /// Whether the config is OpenClaw's own file.
    pub(crate) of_openclaw: bool,
    /// What files and programs have answered so far.
    pub(crate) vault: &'a Answers,
    /// The files and programs that references may name.
    pub(crate) keepers: Keepers,
    /// The references to them.
    pub(crate) references: Vec<Written>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn config(&mut self) -> Config {
        let mut root: raw::Root = serde_json::from_value(self.tree.to_json()).unwrap_or_else(|_| {
            // The check lets nothing through that does not fit; should it, say so instead of failing.
            let message = text!("the config does not fit its schema, so all of it is off");
            let help = text!("this is a bug of Yabby; please report it");
            self.diagnostics
                .push(Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help));
            raw::Root::default()
        });
        self.params(&root);
        self.keepers = self.keepers(root.secrets);
        Config {
            assistants: self.assistants(&mut root.agents, root.tools, root.plugins),
            messages: MessageSettings::new(root.messages, &root.commands),
            skills: self.skills(root.skills),
            mcp: self.mcp(root.mcp),
            agents: agents::agents(root.agents, self),
            models: self.models(root.models),
            route: agents::route(&root.route, self.doubts.about_budget()),
            session: self.session(root.session),
            store: self.store(&root.store),
            gateway: self.gateway(&root.gateway),
            otel: self.otel(root.diagnostics),
        }
    }

    /// Reports what is wrong in parameters, wherever they stand.
    fn params(&mut self, root: &raw::Root) {
        let defaults = &root.agents.defaults;
        let path = at!["agents", "defaults"];
        self.params_at(&defaults.params, true, &path);
        for (name, settings) in &defaults.models.0 {
            self.params_at(&settings.params, true, &below(&below(&path, "models"), name));
        }
        for (id, provider) in &root.models.providers.0 {
            let path = at!["models", "providers", id.as_str()];
            let url = provider.base_url.as_deref().unwrap_or_default();
            let routed = id.eq_ignore_ascii_case("openrouter") || url.contains("openrouter.ai");
            self.params_at(&provider.params, routed, &path);
            for (index, model) in provider.models.iter().enumerate() {
                let mut path = below(&path, "models");
                path.push(Seg::Index(index));
                self.params_at(&model.params, routed, &path);
            }
        }
    }

    fn params_at(&mut self, params: &Map<String, Value>, routed: bool, path: &[Seg]) {
        for mistake in params::mistakes(params, routed) {
            let at = mistake
                .at
                .iter()
                .fold(below(path, "params"), |path, key| below(&path, key));
            let diagnostic = if mistake.is_error {
                Diagnostic::error(DiagnosticKind::WrongType, mistake.message)
            } else {
                Diagnostic::warning(DiagnosticKind::WrongType, mistake.message)
            };
            self.push(diagnostic.with_help(mistake.help), &at);
        }
    }

    fn models(&mut self, raw: raw::Models) -> Models {
        let mode = match raw.mode {
            raw::Mode::Merge => Mode::Merge,
            raw::Mode::Replace => Mode::Replace,
        };
        let mut providers: Vec<Provider> = Vec::new();
        for (id, raw) in raw.providers.0 {
            let path = at!["models", "providers", id.as_str()];
            if id.is_empty() || id.contains('/') {
                let message = text!("a provider id is not empty and holds no slash; this one is off");
                let help = text!("models are named provider/model, split at the first slash");
                self.push_at_key(
                    Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                    &path,
                );
                continue;
            }
            if providers.iter().any(|known| known.id.eq_ignore_ascii_case(&id)) {
                let message = text!("the provider {id} is there already; this one is off", id = id);
                let help = text!("upper and lower case make no difference in provider ids");
                self.push(
                    Diagnostic::error(DiagnosticKind::DuplicateName, message).with_help(help),
                    &path,
                );
            } else if let Some(provider) = self.provider(id, raw, &path, mode) {
                providers.push(provider);
            }
        }
        if mode == Mode::Merge {
            let written = self
                .written
                .find(&at!["models", "providers"])
                .map_or(&[][..], Node::members);
            for known in &BUILT_IN {
                // One that the config has and that is off is not replaced: it may have had limits.
                if !written.iter().any(|member| member.key.eq_ignore_ascii_case(known.id)) {
                    providers.extend(self.built_in(known));
                }
            }
        }
        Models { mode, providers }
    }

    fn built_in(&mut self, known: &BuiltIn) -> Option<Provider> {
        Some(Provider {
            id: known.id.to_owned(),
            base_url: BaseUrl::parse(known.base_url, &known.api).ok()?,
            replicas: Vec::new(),
            service: None,
            keep_warm: KeepWarm::No,
            api: known.api.clone(),
            keys: self.keys_from_env(known.key_env),
            key_env: known.key_env.to_vec(),
            headers: Vec::new(),
            auth_header: None,
            zone: None,
            timeout: None,
            models: Vec::new(),
            built_in: true,
            configured: false,
            params: Params::default(),
        })
    }

    fn provider(&mut self, id: String, raw: raw::Provider, path: &[Seg], mode: Mode) -> Option<Provider> {
        let known = builtin::find(&id).filter(|_| mode == Mode::Merge);
        let api = match raw.api {
            Some(name) => self.api(&name, &below(path, "api")),
            None => known.map_or(Api::Completions, |known| known.api.clone()),
        };
        let mut addresses = raw.base_urls.iter().map(String::as_str).enumerate();
        let base_url = match raw.base_url.as_deref().filter(|text| !text.trim().is_empty()) {
            None if known.is_none() && !raw.base_urls.is_empty() => {
                let (index, first) = addresses.next()?;
                self.base_url(Some(first), None, &api, path, &replica(path, index))?
            }
            written => self.base_url(written, known, &api, path, &below(path, "baseUrl"))?,
        };
        // A replica with a mistake in it is off; the others serve.
        let replicas: Vec<BaseUrl> = addresses
            .filter_map(|(index, text)| self.base_url(Some(text), None, &api, path, &replica(path, index)))
            .filter(|replica| replica.as_str() != base_url.as_str())
            .collect();
        let zone = match raw.zone.as_deref() {
            // Without its limits a prompt could go where its owner does not want it.
            Some(word) => Some(self.zone(word, &below(path, "zone"), &off_until_corrected(path))?),
            None => None,
        };
        let keep_warm = self.keep_warm(raw.keep_warm.as_ref(), &below(path, "keepWarm"));
        let service = raw
            .local_service
            .and_then(|service| self.service(service, &below(path, "localService")));
        let key_env: &[&'static str] = known.map_or(&[], |known| known.key_env);
        let keys = self.keys(raw.api_key.as_ref(), &raw.api_keys, path, key_env);
        let defaults = (raw.context_window, raw.context_tokens, raw.max_tokens);
        let mut models: Vec<ModelEntry> = Vec::new();
        for (index, model) in raw.models.into_iter().enumerate() {
            let mut path = below(path, "models");
            path.push(Seg::Index(index));
            if models.iter().any(|known| known.id == model.id) {
                let message = text!(
                    "the model {id} is there already; this entry is ignored",
                    id = self.redactor.redact(&model.id)
                );
                let help = text!("remove one of the two");
                self.push(
                    Diagnostic::warning(DiagnosticKind::DuplicateName, message).with_help(help),
                    &below(&path, "id"),
                );
                continue;
            }
            models.push(self.model(model, defaults, &path));
        }
        Some(Provider {
            base_url,
            replicas,
            service,
            keep_warm,
            api,
            keys,
            key_env: key_env.to_vec(),
            headers: self.headers(raw.headers, path),
            auth_header: raw.auth_header,
            zone,
            timeout: raw.timeout_seconds.map(|seconds| Duration::from_secs(seconds.into())),
            models,
            built_in: known.is_some(),
            configured: true,
            params: Params(raw.params),
            id,
        })
    }

    fn base_url(
        &mut self,
        raw: Option<&str>,
        known: Option<&BuiltIn>,
        api: &Api,
        path: &[Seg],
        path_of_url: &[Seg],
    ) -> Option<BaseUrl> {
        let written = raw.filter(|text| !text.trim().is_empty() && self.is_complete(path_of_url));
        let Some(written) = written else {
            if let Some(known) = known {
                return BaseUrl::parse(known.base_url, api).ok();
            }
            let id = dotted(path);
            let message = text!("{key} has no baseUrl, so it is off", key = id);
            let help = text!("add the address of the server, such as http://127.0.0.1:1234/v1");
            let diagnostic = Diagnostic::error(DiagnosticKind::MissingKey, message).with_help(help);
            self.push_at_key(diagnostic, path);
            return None;
        };
        match BaseUrl::parse(written, api) {
            Ok(mut url) => {
                url.hide(self.redactor);
                for note in url.notes() {
                    let help = text!("{url} is used", url = url);
                    let diagnostic = Diagnostic::warning(DiagnosticKind::BaseUrl, note.text()).with_help(help);
                    self.push(diagnostic, path_of_url);
                }
                Some(url)
            }
            Err(error) => {
                let help = off_until_corrected(path);
                let diagnostic = Diagnostic::error(DiagnosticKind::BaseUrl, error.text()).with_help(help);
                self.push(diagnostic, path_of_url);
                None
            }
        }
    }

    fn api(&mut self, name: &str, path: &[Seg]) -> Api {
        let api = Api::from_name(name);
        if matches!(api, Api::Unsupported(_)) {
            let names = || Api::KNOWN.iter().map(Api::name);
            let message = text!(
                "Yabby does not speak the protocol {name}",
                name = self.redactor.redact(name)
            );
            let help = match known::similar(name, names()) {
                Some(guess) => crate::check::did_you_mean(guess),
                None => text!(
                    "its models cannot be used; Yabby speaks {names}",
                    names = names().collect::<Vec<_>>().join(", ")
                ),
            };
            self.push(
                Diagnostic::warning(DiagnosticKind::UnknownApi, message).with_help(help),
                path,
            );
        }
        api
    }

    fn model(
        &mut self,
        raw: raw::Model,
        (window, tokens, answer): (Option<u32>, Option<u32>, Option<u32>),
        path: &[Seg],
    ) -> ModelEntry {
        let context_window = raw.context_window.or(window);
        let context_tokens = raw.context_tokens.or(tokens);
        let max_tokens = raw.max_tokens.or(answer);
        for (key, value) in [("contextTokens", context_tokens), ("maxTokens", max_tokens)] {
            if let (Some(value), Some(window)) = (value, context_window)
                && value > window
            {
                let message = text!(
                    "{key} is larger than contextWindow ({window})",
                    key = key,
                    window = window
                );
                let help = text!("the window is used as the limit");
                self.push(
                    Diagnostic::warning(DiagnosticKind::TokenLimits, message).with_help(help),
                    &below(path, key),
                );
            }
        }
        ModelEntry {
            api: raw.api.map(|name| self.api(&name, &below(path, "api"))),
            reasoning: raw.reasoning.unwrap_or_default(),
            input: raw.input.unwrap_or_else(|| vec![Modality::Text]),
            cost: raw.cost.as_ref().and_then(|cost| self.cost(cost, path)),
            context_window,
            context_tokens,
            max_tokens,
            headers: self.headers(raw.headers, path),
            compat: Params(raw.compat),
            params: Params(raw.params),
            name: raw.name,
            id: raw.id,
        }
    }

    pub(crate) fn headers(&mut self, raw: raw::OrderedMap<raw::SecretInput>, path: &[Seg]) -> Vec<(String, Secret)> {
        self.named(raw, &below(path, "headers"))
    }

    /// Named values that may be secrets; what has a variable that is not set is left out.
    pub(crate) fn named(&mut self, raw: raw::OrderedMap<raw::SecretInput>, path: &[Seg]) -> Vec<(String, Secret)> {
        let mut named = Vec::with_capacity(raw.0.len());
        for (name, input) in raw.0 {
            let path = below(path, &name);
            let secret = match &input {
                raw::SecretInput::Text(text) => self.is_complete(&path).then(|| Secret::new(text.as_str())),
                raw::SecretInput::Reference(reference) => self.referenced(reference, &path).map(|key| key.secret),
            };
            named.extend(secret.map(|secret| (name, secret)));
        }
        named
    }

    /// An absolute path as it is written, `~/` for the home folder.
    pub(crate) fn absolute(&self, written: &str) -> Option<PathBuf> {
        let home = || self.variables.get(vars::HOME).map(Path::new);
        let path = match written.strip_prefix("~/") {
            Some(rest) => home().map(|home| home.join(rest)),
            None => Some(PathBuf::from(written)),
        };
        path.filter(|path| path.is_absolute())
    }

    /// Whether every variable in the text at `path` is set.
    pub(crate) fn is_complete(&self, path: &[Seg]) -> bool {
        self.tree.find(path).is_none_or(|node| node.missing.is_empty())
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic, path: &[Seg]) {
        // A value that stands nowhere is blamed on the section around it.
        let node = (0..=path.len())
            .rev()
            .find_map(|length| self.tree.find(&path[..length]));
        let span = node.unwrap_or(self.tree).span;
        self.diagnostics
            .push(diagnostic.for_key(dotted(path)).at(self.sources, span));
    }

    fn push_at_key(&mut self, diagnostic: Diagnostic, path: &[Seg]) {
        let member = path
            .split_last()
            .and_then(|(last, parents)| self.tree.find(parents)?.member(last.key()?));
        let span = member.map_or(self.tree.span, |member| member.key_span);
        self.diagnostics
            .push(diagnostic.for_key(dotted(path)).at(self.sources, span));
    }
}

impl Default for Config {
    fn default() -> Self {
        let sources = Sources::default();
        let tree = crate::load::empty_tree();
        let mut resolver = Resolver {
            tree: &tree,
            written: &tree,
            sources: &sources,
            variables: &Variables::default(),
            redactor: &Redactor::default(),
            dot_env: Path::new(""),
            doubts: &Doubts::default(),
            of_openclaw: false,
            vault: &Answers::default(),
            keepers: Keepers::default(),
            references: Vec::new(),
            diagnostics: Vec::new(),
        };
        resolver.config()
    }
}

/// The consequence of a mistake that turns a section off.
pub(crate) fn off_until_corrected(path: &[Seg]) -> Text {
    text!(
        "{key} is off until this is corrected; the rest is used",
        key = dotted(path)
    )
}

fn replica(path: &[Seg], index: usize) -> Vec<Seg> {
    let mut path = below(path, "baseUrls");
    path.push(Seg::Index(index));
    path
}
