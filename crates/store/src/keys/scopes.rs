//! What a key may do.

use serde::{Deserialize, Serialize};
use yabby_core::Zone;

/// What a key may do. Each part can only take something away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scopes {
    /// The models that it may ask, by patterns of their names: `*` stands for anything, upper and lower case are alike.
    pub models: Vec<String>,
    /// The agents that it may talk to, by patterns of their ids.
    pub agents: Vec<String>,
    /// US dollars a day of UTC; `None` for no limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<f64>,
    /// Requests a minute; `None` for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// How far its data may travel; `None` for no limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// Whether it may see and change how the gateway works.
    pub operate: bool,
}

/// A part of [`Scopes`] in which one goes beyond another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond(pub &'static str);

impl Default for Scopes {
    /// Every model and every agent, and nothing that changes the gateway.
    fn default() -> Self {
        Self {
            models: vec!["*".to_owned()],
            agents: vec!["*".to_owned()],
            budget: None,
            rate: None,
            zone: None,
            operate: false,
        }
    }
}

impl Scopes {
    /// Everything.
    pub fn all() -> Self {
        Self {
            operate: true,
            ..Self::default()
        }
    }

    /// Whether a model of one of these names may be asked.
    pub fn allow_model<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        names.into_iter().any(|name| fits_any(&self.models, name))
    }

    /// Whether an agent may be talked to.
    pub fn allow_agent(&self, id: &str) -> bool {
        fits_any(&self.agents, id)
    }

    /// Whether every model may be asked.
    pub fn allow_every_model(&self) -> bool {
        self.models.iter().any(|pattern| pattern == "*")
    }

    /// What of these goes beyond `other`. Who makes a key for somebody else cannot give more than they have.
    pub fn beyond(&self, other: &Self) -> Result<(), Beyond> {
        // A pattern is read as a name, of which `*` is a letter that only `*` fits: then the other pattern fits all that it does.
        let within = |patterns: &[String], others: &[String]| patterns.iter().all(|pattern| fits_any(others, pattern));
        // No number that is none stands for a limit.
        let budget_within = |most: f64| self.budget.is_some_and(|own| own <= most);
        let parts = [
            ("models", within(&self.models, &other.models)),
            ("agents", within(&self.agents, &other.agents)),
            ("budget", other.budget.is_none_or(budget_within)),
            (
                "rate",
                other.rate.is_none_or(|most| self.rate.is_some_and(|own| own <= most)),
            ),
            (
                "zone",
                (other.zone.as_ref()).is_none_or(|most| self.zone.as_ref().is_some_and(|own| most.covers(own))),
            ),
            ("operate", other.operate || !self.operate),
        ];
        let first = parts.into_iter().find(|(_, within)| !within);
        first.map_or(Ok(()), |(name, _)| Err(Beyond(name)))
    }
}

fn fits_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern.as_bytes(), name.as_bytes()))
}

/// Whether a name fits a pattern, in a time that grows with both only.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands, and how much of the name it covers.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (pattern.get(p), name.get(n)) {
            (Some(b'*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, covered)) => {
                    *covered += 1;
                    p = *at + 1;
                    n = *covered;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "a/b", true),
            ("lm/*", "LM/x", true),
            ("lm/*", "lmx/x", false),
            ("*/qwen*", "a/Qwen3-8b", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a/m", "a/m2", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let own = Scopes {
            models: vec!["a/*".to_owned(), "b/m".to_owned()],
            agents: vec!["*".to_owned()],
            budget: Some(2.0),
            rate: Some(10),
            zone: Some(Zone::Lan),
            operate: false,
        };
        assert_eq!(own.beyond(&own), Ok(()));
        assert_eq!(own.beyond(&Scopes::all()), Ok(()));
        let changed = |change: fn(&mut Scopes)| {
            let mut scopes = own.clone();
            change(&mut scopes);
            scopes.beyond(&own)
        };
        assert_eq!(
            changed(|scopes| {
                scopes.models = vec!["a/x*".to_owned()];
                scopes.budget = Some(0.0);
                scopes.rate = Some(1);
                scopes.zone = Some(Zone::Machine);
            }),
            Ok(())
        );
        assert_eq!(
            changed(|scopes| scopes.models = vec!["*".to_owned()]),
            Err(Beyond("models"))
        );
        assert_eq!(
            changed(|scopes| scopes.models = vec!["b/*".to_owned()]),
            Err(Beyond("models"))
        );
        assert_eq!(changed(|scopes| scopes.budget = None), Err(Beyond("budget")));
        assert_eq!(changed(|scopes| scopes.budget = Some(f64::NAN)), Err(Beyond("budget")));
        assert_eq!(changed(|scopes| scopes.rate = Some(11)), Err(Beyond("rate")));
        assert_eq!(changed(|scopes| scopes.zone = None), Err(Beyond("zone")));
        assert_eq!(
            changed(|scopes| scopes.zone = Some(Zone::Region("eu".to_owned()))),
            Err(Beyond("zone"))
        );
        assert_eq!(changed(|scopes| scopes.operate = true), Err(Beyond("operate")));
    }

    proptest! {
        /// What a narrower pattern fits, the wider one fits too.
        #[test]
        fn within_means_that_nothing_more_fits(one in "[ab*/]{0,6}", other in "[ab*/]{0,6}", name in "[ab/]{0,8}") {
            if fits(other.as_bytes(), one.as_bytes()) && fits(one.as_bytes(), name.as_bytes()) {
                prop_assert!(fits(other.as_bytes(), name.as_bytes()));
            }
        }
    }
}
