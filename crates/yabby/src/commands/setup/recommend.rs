//! Which model to use first, and which one when it fails.
//!
//! A pure function of what is known. What works in the config now stays: measured speeds differ from run to run, and a
//! second run must not change what the first one chose.

use yabby_core::{Text, text};
use yabby_servers::ModelState;

use super::{
    proof::Tools,
    row::{Role, Row},
};

/// What to choose, with the reasons.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Advice {
    pub(super) primary: Option<Pick>,
    pub(super) fallback: Option<Pick>,
}

/// A row and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pick {
    /// The place in the rows.
    pub(super) row: usize,
    pub(super) reasons: Vec<Text>,
}

/// The best choice; nothing where nothing can be used.
pub(super) fn recommend(rows: &[Row]) -> Advice {
    let Some(primary) = primary(rows) else {
        return Advice::default();
    };
    Advice {
        fallback: fallback_for(rows, primary),
        primary: Some(Pick {
            row: primary,
            reasons: primary_reasons(&rows[primary]),
        }),
    }
}

/// The best model to use when that primary fails.
pub(super) fn fallback_for(rows: &[Row], primary: usize) -> Option<Pick> {
    fallback(rows, primary).map(|row| Pick {
        row,
        reasons: fallback_reasons(rows, primary, row),
    })
}

fn primary(rows: &[Row]) -> Option<usize> {
    let stays = |row: &Row| row.role == Some(Role::Primary) && works(row);
    if let Some(known) = rows.iter().position(stays) {
        return Some(known);
    }
    best(rows, |row| row.near)
}

/// What the config has stays. Else the primary of before, which may come back, then another server's model, then a
/// hosted one that the config names, then another model of the same server.
fn fallback(rows: &[Row], primary: usize) -> Option<usize> {
    if rows.iter().any(|row| row.role == Some(Role::Fallback)) {
        return None;
    }
    let before = |(place, row): &(usize, &Row)| *place != primary && row.role == Some(Role::Primary);
    if let Some((place, _)) = rows.iter().enumerate().find(before) {
        return Some(place);
    }
    let other = |row: &Row| !row.is(&rows[primary].model);
    let elsewhere = |row: &Row| row.server != rows[primary].server;
    best(rows, |row| row.near && other(row) && elsewhere(row))
        .or_else(|| best(rows, |row| !row.near && other(row) && row.state == ModelState::Unknown))
        .or_else(|| best(rows, |row| row.near && other(row)))
}

/// The best of those that can be used; the first of equal ones.
fn best(rows: &[Row], fits: impl Fn(&Row) -> bool) -> Option<usize> {
    let usable = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.can_be_used() && !failed(row) && fits(row));
    usable
        .rev()
        .max_by(|(_, a), (_, b)| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal))
        .map(|(place, _)| place)
}

/// Loaded, then how it calls tools, then the window, then the speed.
fn rank(row: &Row) -> (bool, Tools, u32, f64) {
    let proof = row.proof.as_ref();
    (
        row.state == ModelState::Ready,
        proof.map_or(Tools::Unknown, |proof| proof.tools),
        row.window.unwrap_or_default(),
        proof.and_then(|proof| proof.speed).unwrap_or_default(),
    )
}

fn failed(row: &Row) -> bool {
    row.proof.as_ref().is_some_and(|proof| !proof.answers())
}

/// Whether it is no worse than what was promised: a hosted one is not tried, and one that is not loaded is loaded.
fn works(row: &Row) -> bool {
    row.can_be_used() && !failed(row)
}

fn primary_reasons(row: &Row) -> Vec<Text> {
    let mut reasons = Vec::new();
    if row.role == Some(Role::Primary) {
        reasons.push(text!("it is the primary model already"));
    }
    reasons.extend(qualities(row));
    reasons
}

fn fallback_reasons(rows: &[Row], primary: usize, row: usize) -> Vec<Text> {
    let (first, row) = (&rows[primary], &rows[row]);
    let mut reasons = Vec::new();
    if row.role == Some(Role::Primary) {
        reasons.push(text!("it was the primary model before"));
    } else if !row.near {
        reasons.push(text!(
            "it is hosted, and has a key: what {primary} cannot answer goes there",
            primary = first.model
        ));
    } else if row.server == first.server {
        reasons.push(text!("it is another model of the same server"));
    } else {
        reasons.push(text!(
            "it is on another server, which answers when {provider} does not",
            provider = first.model.provider()
        ));
    }
    reasons.extend(qualities(row));
    reasons
}

fn qualities(row: &Row) -> Vec<Text> {
    let mut found = Vec::new();
    match row.state {
        ModelState::Ready if row.near => found.push(text!("it is loaded")),
        ModelState::Unloaded => found.push(text!("its server loads it when it is needed")),
        _ => {}
    }
    let proof = row.proof.as_ref();
    match proof.map(|proof| proof.tools) {
        Some(Tools::Native) => found.push(text!("it calls tools")),
        Some(Tools::Constrained) => found.push(text!("it calls tools when its answer is held to a schema")),
        Some(Tools::Partly) => found.push(text!("its tool calls work in part")),
        Some(Tools::None) => found.push(text!("it called no tool")),
        Some(Tools::Unknown) | None => {}
    }
    if let Some(window) = row.window {
        found.push(text!("window of {window} tokens", window = window));
    }
    if let Some(speed) = proof.and_then(|proof| proof.speed) {
        found.push(text!("{speed} tokens/s", speed = rounded(speed)));
    }
    found
}

/// A speed with as many digits as it deserves.
pub(super) fn rounded(speed: f64) -> String {
    if speed < 10.0 {
        format!("{speed:.1}")
    } else {
        format!("{speed:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::setup::proof::{Proof, Remark};

    /// `provider/model state window tools speed role`; `-` is unknown, a `!` behind the state says that it was tried and
    /// gave no answer.
    fn row(line: &str) -> Row {
        let [model, state, window, tools, speed, role] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let model: yabby_core::ModelRef = model.parse().unwrap();
        let servers = ["a", "b", "c", "host"];
        let server = servers.iter().position(|id| *id == model.provider());
        let near = model.provider() != "host";
        Row {
            server: server.filter(|_| near),
            near,
            state: match state.trim_end_matches('!') {
                "ready" => ModelState::Ready,
                "unloaded" => ModelState::Unloaded,
                "off" => ModelState::Unreachable,
                "absent" => ModelState::Absent,
                _ => ModelState::Unknown,
            },
            window: window.parse().ok(),
            role: match role {
                "primary" => Some(Role::Primary),
                "fallback" => Some(Role::Fallback),
                _ => None,
            },
            proof: (tools != "-").then(|| Proof {
                trouble: state.ends_with('!').then(|| Remark {
                    words: text!("no model could be asked"),
                    fix: None,
                }),
                tools: match tools {
                    "native" => Tools::Native,
                    "constrained" => Tools::Constrained,
                    "partly" => Tools::Partly,
                    _ => Tools::None,
                },
                remark: None,
                speed: speed.parse().ok(),
            }),
            model,
        }
    }

    #[test]
    fn what_is_chosen() {
        let cases: [(&str, &[&str], &str, &str); 15] = [
            ("nothing", &[], "", ""),
            ("one", &["a/m ready 8192 native 5 -"], "a/m", ""),
            (
                "tools before window, window before speed",
                &[
                    "a/window ready 99999 constrained 90 -",
                    "a/best ready 8192 native 5 -",
                    "b/small ready 4096 native 50 -",
                ],
                "a/best",
                "b/small",
            ),
            (
                "schema before text before none",
                &[
                    "a/x ready - none 9 -",
                    "a/y ready - partly 9 -",
                    "a/z ready - constrained 9 -",
                ],
                "a/z",
                "a/y",
            ),
            (
                "the faster of equal ones",
                &["a/x ready 4096 native 9 -", "a/y ready 4096 native 10 -"],
                "a/y",
                "a/x",
            ),
            (
                "the first of the same",
                &["a/x ready - native 9 -", "a/y ready - native 9 -"],
                "a/x",
                "a/y",
            ),
            (
                "loaded before unloaded",
                &["a/x unloaded 99999 - - -", "b/y ready 2048 none 1 -"],
                "b/y",
                "a/x",
            ),
            ("unloaded before nothing", &["a/x unloaded - - - -"], "a/x", ""),
            (
                "no answer, no choice",
                &[
                    "a/x ready! 99999 none 1 -",
                    "b/off off - - - -",
                    "b/gone absent - - - -",
                ],
                "",
                "",
            ),
            (
                "what works stays",
                &["a/x ready 99999 native 9 -", "b/y ready 4096 none 1 primary"],
                "b/y",
                "a/x",
            ),
            (
                "fallbacks stay",
                &["a/x ready 9 native 9 -", "b/y ready 9 native 9 fallback"],
                "a/x",
                "",
            ),
            (
                "what was first becomes the fallback",
                &[
                    "a/x ready 9 native 9 -",
                    "b/y off - - - primary",
                    "c/z ready 9 native 9 -",
                ],
                "a/x",
                "b/y",
            ),
            (
                "a hosted primary stays",
                &["a/x ready 9 native 9 -", "host/y unknown - - - primary"],
                "host/y",
                "a/x",
            ),
            (
                "another server before a hosted one before the same server",
                &[
                    "a/x ready 9 native 9 -",
                    "a/y ready 8 native 9 -",
                    "host/z unknown - - - -",
                ],
                "a/x",
                "host/z",
            ),
            ("hosted alone is nobody's choice", &["host/z unknown - - - -"], "", ""),
        ];
        for (name, lines, primary, fallback) in cases {
            let rows: Vec<Row> = lines.iter().map(|line| row(line)).collect();
            let advice = recommend(&rows);
            let chosen = |pick: &Option<Pick>| {
                pick.as_ref()
                    .map_or_else(String::new, |pick| rows[pick.row].model.to_string())
            };
            assert_eq!(
                (chosen(&advice.primary).as_str(), chosen(&advice.fallback).as_str()),
                (primary, fallback),
                "{name}"
            );
        }
    }

    #[test]
    fn the_reasons_are_told() {
        let rows = [row("a/x ready 8192 native 41.6 primary"), row("b/y unloaded - - - -")];
        let advice = recommend(&rows);
        let words = |pick: Option<Pick>| {
            let pick = pick.unwrap();
            pick.reasons.iter().map(Text::english).collect::<Vec<_>>()
        };
        assert_eq!(
            words(advice.primary),
            [
                "it is the primary model already",
                "it is loaded",
                "it calls tools",
                "window of 8192 tokens",
                "42 tokens/s"
            ]
        );
        assert_eq!(
            words(advice.fallback),
            [
                "it is on another server, which answers when a does not",
                "its server loads it when it is needed"
            ]
        );
    }
}
