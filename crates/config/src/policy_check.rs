//! Checks of model names across sections: policies, aliases, fallbacks.

use yabby_core::{ModelRef, text};

use crate::{
    Config,
    check::did_you_mean,
    config::{ModelPolicy, ModelSettings},
    diagnostic::{Diagnostic, DiagnosticKind, Severity},
    known,
    path::{Seg, at, dotted},
    secret::Redactor,
    source::Sources,
    tree::{Member, Node, Value},
};

/// Providers that discovery or Yabby itself supplies without any config.
const FOUND_AT_RUN_TIME: [&str; 7] = [
    "lmstudio", "ollama", "vllm", "llamacpp", "sglang", "litellm", "embedded",
];

/// Reports model names that do not work. `written` is the tree before anything was removed from it.
pub(crate) fn check(config: &Config, written: &Node, sources: &Sources, redactor: &Redactor) -> Vec<Diagnostic> {
    let mut checker = Checker {
        config,
        written,
        sources,
        redactor,
        diagnostics: Vec::new(),
    };
    checker.aliases();
    if let Some(policy) = &config.agents.defaults.model {
        checker.policy(policy, &at!["agents", "defaults", "model"]);
    }
    for agent in &config.agents.entries {
        if let (Some(policy), Some(path)) = (&agent.model, checker.agent_path(&agent.id)) {
            checker.policy(policy, &path);
        }
    }
    checker.diagnostics
}

struct Checker<'a> {
    config: &'a Config,
    written: &'a Node,
    sources: &'a Sources,
    redactor: &'a Redactor,
    diagnostics: Vec<Diagnostic>,
}

// === impl Checker ===

impl Checker<'_> {
    fn aliases(&mut self) {
        let mut seen: Vec<(String, &str)> = Vec::new();
        for settings in &self.config.agents.defaults.models {
            let Some(alias) = &settings.alias else {
                continue;
            };
            let lower = alias.trim().to_lowercase();
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == lower) {
                let message = text!(
                    "the alias {alias} is taken by {model}",
                    alias = self.redactor.redact(alias),
                    model = first
                );
                let path = at!["agents", "defaults", "models", settings.name.as_str(), "alias"];
                let diagnostic = Diagnostic::warning(DiagnosticKind::DuplicateName, message);
                let help = text!("choose another alias for one of the two");
                self.push(diagnostic.with_help(help), &path);
            } else {
                seen.push((lower, &settings.name));
            }
        }
    }

    fn policy(&mut self, policy: &ModelPolicy, path: &[Seg]) {
        let short = self.written.find(path).is_some_and(|node| node.as_str().is_some());
        let path_of_primary = if short {
            path.to_vec()
        } else {
            join(path, &at!["primary"])
        };
        let mut earlier: Vec<ModelRef> = Vec::new();
        if let Some(primary) = &policy.primary {
            earlier.extend(self.name(primary, &path_of_primary, Severity::Error));
        }
        for (index, name) in policy.fallbacks.iter().enumerate() {
            let path = join(path, &at!["fallbacks", index]);
            let Some(model) = self.name(name, &path, Severity::Warning) else {
                continue;
            };
            if earlier.contains(&model) {
                let message = text!(
                    "{model} stands earlier in this chain, so this fallback is never used",
                    model = self.redactor.redact(&model.to_string())
                );
                let diagnostic = Diagnostic::warning(DiagnosticKind::UselessFallback, message);
                self.push(diagnostic.with_help(text!("remove it, or name another model")), &path);
            } else {
                earlier.push(model);
            }
        }
    }

    fn name(&mut self, name: &str, path: &[Seg], severity: Severity) -> Option<ModelRef> {
        let node = self.written.find(path);
        if node.is_some_and(|node| !node.missing.is_empty()) {
            return None;
        }
        match self.config.resolve(name) {
            Ok(model) => {
                self.listed(&model, path);
                Some(model)
            }
            Err(_) if self.at_run_time(name).is_some() => self.at_run_time(name),
            Err(unknown) => {
                let shown = self.redactor.redact(name);
                let mut diagnostic = if let Some(provider) = self.off_provider(name) {
                    let message = text!(
                        "{name} cannot be used, because the provider {provider} is off",
                        name = shown,
                        provider = provider
                    );
                    let help = text!("correct models.providers.{provider} first", provider = provider);
                    Diagnostic::error(DiagnosticKind::UnknownModel, message).with_help(help)
                } else {
                    let help = self.help_for(&unknown.suggestions, name);
                    let message = text!("no model is called {name}", name = shown);
                    Diagnostic::error(DiagnosticKind::UnknownModel, message).with_help(help)
                };
                diagnostic.severity = severity;
                self.push(diagnostic, path);
                None
            }
        }
    }

    fn help_for(&self, suggestions: &[String], name: &str) -> yabby_core::Text {
        if !suggestions.is_empty() {
            return did_you_mean(&self.redactor.redact(&suggestions.join(", ")));
        }
        match name.split_once('/') {
            Some((provider, _)) => text!(
                "add the server as models.providers.{provider}, or name a model of: {known}",
                provider = self.redactor.redact(provider),
                known = self.provider_ids()
            ),
            None => text!(
                "write provider/model; the providers are: {known}",
                known = self.provider_ids()
            ),
        }
    }

    fn provider_ids(&self) -> String {
        let ids: Vec<&str> = self.config.providers().map(|provider| provider.id.as_str()).collect();
        ids.join(", ")
    }

    /// A model that its provider does not list is fine, unless a listed one is so similar that it was meant.
    fn listed(&mut self, model: &ModelRef, path: &[Seg]) {
        let Some(provider) = self.config.provider(model.provider()) else {
            return;
        };
        if provider.model(model.model()).is_some() {
            return;
        }
        let listed = provider.models.iter().map(|entry| entry.id.as_str());
        if let Some(similar) = known::closest(model.model(), listed, 1).first() {
            let message = text!(
                "models.providers.{provider} lists no model {model}",
                provider = provider.id,
                model = self.redactor.redact(model.model())
            );
            let help = did_you_mean(&self.redactor.redact(&format!("{}/{similar}", provider.id)));
            let diagnostic = Diagnostic::warning(DiagnosticKind::UnlistedModel, message);
            self.push(diagnostic.with_help(help), path);
        }
    }

    /// The model of a server that may be found when Yabby runs, though the config does not have it.
    fn at_run_time(&self, name: &str) -> Option<ModelRef> {
        let alike = |settings: &&ModelSettings| {
            let alias = settings.alias.as_deref();
            alias.is_some_and(|alias| alias.trim().to_lowercase() == name.trim().to_lowercase())
        };
        let alias = self.config.agents.defaults.models.iter().find(alike);
        let name = alias.map_or(name, |settings| settings.name.as_str()).trim();
        let (provider, model) = name.split_once('/')?;
        let known = FOUND_AT_RUN_TIME
            .iter()
            .find(|known| known.eq_ignore_ascii_case(provider))?;
        let configured = self.written.find(&at!["models", "providers"]);
        let is_known = |member: &Member| member.key.eq_ignore_ascii_case(known);
        if configured.is_some_and(|configured| configured.members().iter().any(is_known)) {
            return None;
        }
        ModelRef::new(known, model).ok()
    }

    /// The provider of `name`, if the config has it and it is off.
    fn off_provider(&self, name: &str) -> Option<String> {
        let (provider, _) = name.split_once('/')?;
        let configured = self.written.find(&at!["models", "providers"])?;
        let mut keys = configured.members().iter().map(|member| &member.key);
        keys.find(|key| key.eq_ignore_ascii_case(provider) && self.config.provider(key).is_none())
            .cloned()
    }

    fn agent_path(&self, id: &str) -> Option<Vec<Seg>> {
        let by_id = at!["agents", "entries", id];
        if self.written.find(&by_id).is_some() {
            return Some(join(&by_id, &at!["model"]));
        }
        let Value::Array(list) = &self.written.find(&at!["agents", "list"])?.value else {
            return None;
        };
        let has_id = |agent: &Node| agent.find(&at!["id"]).and_then(Node::as_str) == Some(id);
        let index = list.iter().position(has_id)?;
        Some(at!["agents", "list", index, "model"].to_vec())
    }

    fn push(&mut self, diagnostic: Diagnostic, path: &[Seg]) {
        let span = self.written.find(path).map_or(self.written.span, |node| node.span);
        self.diagnostics
            .push(diagnostic.for_key(dotted(path)).at(self.sources, span));
    }
}

fn join(path: &[Seg], more: &[Seg]) -> Vec<Seg> {
    path.iter().chain(more).cloned().collect()
}
