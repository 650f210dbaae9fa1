//! How far data may travel, as the config says.
//!
//! It fails closed. Where a mistake may hide what the owner wants, data stays on this machine until it is corrected: a
//! wrong word, a misspelt key, a variable that is not set, a key that stands twice, a file that cannot be included.

use std::collections::BTreeSet;

use yabby_core::{Text, Zone, text};

use crate::{
    check::did_you_mean,
    closed,
    config::Privacy,
    diagnostic::{Diagnostic, DiagnosticKind, Severity},
    known,
    path::{Seg, below, dotted},
    raw,
    resolve::Resolver,
    tree::{Duplicate, Node, Value},
};

const KEY: &str = "privacy";
const BUDGET: &str = "route.budget";
/// The words for zones that are proposed for a misspelt one.
const WORDS: [&str; 5] = ["machine", "lan", "hosted", "region:eu", "region:us"];

/// Where it is not known how far data may travel: dotted keys, each for itself and all that is below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts {
    keys: Vec<String>,
    /// Sections that stand twice, of which the hidden one may take something from an agent.
    hidden: Vec<String>,
}

// === impl Doubts ===

impl Doubts {
    /// Reads them out of what was found so far. What stands in a `privacy` becomes an error, because it takes effect.
    pub(crate) fn of(diagnostics: &mut [Diagnostic], duplicates: &[Duplicate]) -> Self {
        let mut doubts = Vec::new();
        for found in diagnostics.iter_mut() {
            if let Some(privacy) = around(&found.key) {
                found.severity = Severity::Error;
                doubts.push(privacy.to_owned());
                continue;
            }
            if is_of_budget(found) {
                found.severity = Severity::Error;
                doubts.push(BUDGET.to_owned());
                continue;
            }
            if let Some(key) = closed::hidden_by(found) {
                found.severity = Severity::Error;
                doubts.push(key);
                continue;
            }
            match found.kind {
                // What is not read may have held anything.
                DiagnosticKind::Syntax | DiagnosticKind::Unreadable | DiagnosticKind::Include => {
                    doubts.push(found.key.clone());
                }
                DiagnosticKind::WrongType if is_above(&found.key) => doubts.push(found.key.clone()),
                DiagnosticKind::UnknownKey if is_misspelt(last(&found.key)) && is_of_agents(parent(&found.key)) => {
                    found.severity = Severity::Error;
                    if last(&found.key) == KEY {
                        found.help = Some(text!(
                            "it belongs below agents.defaults or an agent; until this is corrected, only models on this machine may be asked"
                        ));
                    }
                    doubts.push(parent(&found.key).to_owned());
                }
                _ => {}
            }
        }
        let hidden = duplicates
            .iter()
            .filter(|duplicate| holds_privacy(&duplicate.member.value));
        doubts.extend(hidden.map(|duplicate| dotted(&duplicate.path)));
        let mut told = |duplicate: &Duplicate| {
            let key = dotted(&duplicate.path);
            let told = |found: &&mut Diagnostic| found.kind == DiagnosticKind::DuplicateKey && found.key == key;
            for found in diagnostics.iter_mut().filter(told) {
                found.severity = Severity::Error;
            }
            key
        };
        for duplicate in duplicates.iter().filter(|duplicate| hides_budget(duplicate)) {
            told(duplicate);
            doubts.push(BUDGET.to_owned());
        }
        let hidden = duplicates.iter().filter(|duplicate| closed::hides(duplicate));
        Self {
            keys: doubts,
            hidden: hidden.map(told).collect(),
        }
    }

    /// Whether it is not known what hosted models may cost.
    pub(crate) fn about_budget(&self) -> bool {
        self.about(BUDGET)
    }

    /// Whether there is one about what stands at `key`.
    pub(crate) fn about(&self, key: &str) -> bool {
        self.keys.iter().any(|doubt| is_within(key, doubt))
    }

    /// Whether what `key` may take from an agent is not known, so that the agent does not have it.
    pub(crate) fn closes(&self, key: &str) -> bool {
        self.about(key) || self.hidden.iter().any(|section| is_within(key, section))
    }

    /// Whether there may be agents that could not be read.
    pub(crate) fn may_hide_agents(&self) -> bool {
        self.about("agents.entries") || self.about("agents.list")
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    /// The privacy that is written at `path`.
    pub(crate) fn privacy(&mut self, raw: Option<&raw::Privacy>, path: &[Seg]) -> Privacy {
        let said = raw.map_or_else(Privacy::default, |raw| self.said(raw, path));
        if self.doubts.about(&dotted(path)) {
            return Privacy::in_doubt();
        }
        said
    }

    fn said(&mut self, raw: &raw::Privacy, path: &[Seg]) -> Privacy {
        let ask = raw.on_violation == Some(raw::OnViolation::Ask);
        let at = below(path, "zones");
        let Some(words) = &raw.zones else {
            if raw.on_violation.is_some() {
                return Privacy {
                    ask,
                    ..Privacy::default()
                };
            }
            let message = text!("no zones are stated, so nothing is limited here");
            let help = text!("write it as {example}", example = "zones: [\"machine\", \"lan\"]");
            self.push(
                Diagnostic::warning(DiagnosticKind::MissingKey, message).with_help(help),
                path,
            );
            return Privacy::default();
        };
        if words.is_empty() {
            let message = text!("the list of zones is empty, so no model may be asked");
            let help = text!("write it as {example}", example = "zones: [\"machine\", \"lan\"]");
            self.push(
                Diagnostic::warning(DiagnosticKind::MissingKey, message).with_help(help),
                &at,
            );
        }
        let mut zones = BTreeSet::new();
        let mut wrong = false;
        for (index, word) in words.iter().enumerate() {
            let mut at = at.clone();
            at.push(Seg::Index(index));
            match self.zone(word, &at, &consequence()) {
                Some(zone) => drop(zones.insert(zone)),
                None => wrong = true,
            }
        }
        if wrong {
            return Privacy::in_doubt();
        }
        Privacy {
            zones: Some(zones),
            ask,
            in_doubt: false,
        }
    }

    /// The zone that `word` names; else it is reported with a proposal, or with what follows from the mistake.
    pub(crate) fn zone(&mut self, word: &str, path: &[Seg], otherwise: &Text) -> Option<Zone> {
        if self.is_complete(path)
            && let Ok(zone) = word.parse()
        {
            return Some(zone);
        }
        let message = text!(
            "{word} is no zone: it is machine, lan, hosted, or region: with a code, such as region:eu",
            word = self.redactor.redact(&format!("{word:?}"))
        );
        let help = known::similar(word, WORDS.into_iter()).map_or_else(|| otherwise.clone(), did_you_mean);
        self.push(
            Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
            path,
        );
        None
    }
}

/// What one privacy and another allow together.
pub(crate) fn both(one: &Privacy, other: &Privacy) -> Privacy {
    let zones = match (&one.zones, &other.zones) {
        (Some(one), Some(other)) => Some(common(one, other)),
        (zones, None) | (None, zones) => zones.clone(),
    };
    Privacy {
        zones,
        ask: one.ask && other.ask,
        in_doubt: one.in_doubt || other.in_doubt,
    }
}

fn common(one: &BTreeSet<Zone>, other: &BTreeSet<Zone>) -> BTreeSet<Zone> {
    let within = |zone: &&Zone, zones: &BTreeSet<Zone>| zones.iter().any(|allowed| allowed.covers(zone));
    let of_one = one.iter().filter(|zone| within(zone, other));
    let of_other = other.iter().filter(|zone| within(zone, one));
    let mut zones: BTreeSet<Zone> = of_one.chain(of_other).cloned().collect();
    if zones.is_empty() && !one.is_empty() && !other.is_empty() {
        // This machine is part of every zone.
        zones.insert(Zone::Machine);
    }
    zones
}

/// Whether a dotted key is that of a privacy.
pub(crate) fn is_privacy(key: &str) -> bool {
    // An agent may have that name.
    last(key) == KEY && is_of_agents(key) && !matches!(key, "privacy" | "agents.privacy" | "agents.entries.privacy")
}

/// What follows from a mistake in a privacy.
pub(crate) fn consequence() -> Text {
    text!("until this is corrected, only models on this machine may be asked")
}

/// The privacy that `key` is or stands in.
fn around(key: &str) -> Option<&str> {
    let ends = key.match_indices(['.', '[']).map(|(end, _)| end).chain([key.len()]);
    ends.map(|end| &key[..end]).find(|part| is_privacy(part))
}

fn is_of_agents(key: &str) -> bool {
    key.is_empty() || is_within(key, "agents")
}

/// Whether a section with agents and their privacy lies below `key`.
fn is_above(key: &str) -> bool {
    matches!(
        key,
        "" | "agents" | "agents.defaults" | "agents.entries" | "agents.list"
    )
}

pub(crate) fn is_within(key: &str, section: &str) -> bool {
    let rest = key.strip_prefix(section);
    section.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

pub(crate) fn last(key: &str) -> &str {
    key.rsplit(['.', '[']).next().unwrap_or_default()
}

pub(crate) fn parent(key: &str) -> &str {
    key.rfind(['.', '[']).map_or("", |end| &key[..end])
}

/// Whether a key that nobody knows was likely meant to be this one.
fn is_misspelt(key: &str) -> bool {
    let plain = key.trim_matches(['"', ']']).to_lowercase();
    plain != "primary" && strsim::damerau_levenshtein(&plain, KEY) <= 2
}

/// Whether what was found may hide a limit of what may be spent.
fn is_of_budget(found: &Diagnostic) -> bool {
    let name = last(&found.key);
    let misspelt = |words: &[&'static str]| known::similar(name, words.iter().copied()).is_some();
    match found.kind {
        DiagnosticKind::WrongType if found.key == "route" => true,
        // It may be misspelt, or stand in the wrong place, with all that it is in.
        DiagnosticKind::UnknownKey if misspelt(&["budget", "perDay", "perSession"]) => true,
        DiagnosticKind::UnknownKey if parent(&found.key).is_empty() && misspelt(&["route"]) => true,
        _ => is_within(&found.key, BUDGET),
    }
}

/// Whether a key that stands twice hides a limit of what may be spent.
fn hides_budget(duplicate: &Duplicate) -> bool {
    let key = dotted(&duplicate.path);
    let holds =
        |value: &Value| matches!(value, Value::Object(members) if members.iter().any(|member| member.key == "budget"));
    is_within(&key, BUDGET) || key == "route" && holds(&duplicate.member.value.value)
}

/// Whether a privacy stands anywhere in a value.
fn holds_privacy(node: &Node) -> bool {
    match &node.value {
        Value::Object(members) => {
            let mut members = members.iter();
            members.any(|member| is_misspelt(&member.key) || holds_privacy(&member.value))
        }
        Value::Array(items) => items.iter().any(holds_privacy),
        _ => false,
    }
}
