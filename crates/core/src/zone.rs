//! How far data may travel.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a model server stands, seen from the owner's data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// This machine.
    Machine,
    /// The owner's own network.
    Lan,
    /// A service that promises to keep data in a region: its code in lower case, such as `eu`.
    Region(String),
    /// Anywhere.
    Hosted,
}

/// A word that names no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no zone: machine, lan, region:<code> or hosted")]
pub struct InvalidZone {
    /// The word.
    pub word: String,
}

/// A rule of the owner: the zones where data may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRule {
    /// The zones that are allowed.
    pub zones: BTreeSet<Zone>,
    /// Who says so, for the person: a key of the config or a command.
    pub from: String,
    /// Whether the person may be asked to make an exception.
    pub ask: bool,
}

/// All rules that hold for one request. Without a rule, data may go anywhere; each further rule can only narrow that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(Vec<ZoneRule>);

// === impl Zone ===

impl Zone {
    /// Whether what is in `other` is also in this zone: everything is hosted somewhere, and nothing is nearer than this machine.
    pub fn covers(&self, other: &Self) -> bool {
        *self == Self::Hosted || *other == Self::Machine || self == other
    }

    /// Whether it is the owner's own: this machine or network.
    pub const fn is_own(&self) -> bool {
        matches!(self, Self::Machine | Self::Lan)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("machine"),
            Self::Lan => f.write_str("lan"),
            Self::Region(code) => write!(f, "region:{code}"),
            Self::Hosted => f.write_str("hosted"),
        }
    }
}

impl FromStr for Zone {
    type Err = InvalidZone;

    fn from_str(word: &str) -> Result<Self, InvalidZone> {
        let invalid = || InvalidZone { word: word.to_owned() };
        let lower = word.trim().to_ascii_lowercase();
        Ok(match lower.as_str() {
            "machine" => Self::Machine,
            "lan" => Self::Lan,
            "hosted" => Self::Hosted,
            _ => {
                let code = lower.strip_prefix("region:").ok_or_else(invalid)?;
                let is_code = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if code.is_empty() || !code.chars().all(is_code) {
                    return Err(invalid());
                }
                Self::Region(code.to_owned())
            }
        })
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

// === impl Zones ===

impl Zones {
    /// The same with one more rule.
    #[must_use]
    pub fn with(mut self, rule: ZoneRule) -> Self {
        self.0.push(rule);
        self
    }

    /// Whether data may go anywhere.
    pub const fn is_unlimited(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, the first first.
    pub fn rules(&self) -> &[ZoneRule] {
        &self.0
    }

    /// The first rule that does not let data go to `zone`; one of which the person may not make an exception goes before others.
    pub fn forbids(&self, zone: &Zone) -> Option<&ZoneRule> {
        let against = || {
            self.0
                .iter()
                .filter(|rule| !rule.zones.iter().any(|allowed| allowed.covers(zone)))
        };
        against().find(|rule| !rule.ask).or_else(|| against().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(zones: &[&str], from: &str, ask: bool) -> ZoneRule {
        ZoneRule {
            zones: zones.iter().map(|zone| zone.parse().unwrap()).collect(),
            from: from.to_owned(),
            ask,
        }
    }

    #[test]
    fn zones_are_read_and_written() {
        for word in ["machine", "lan", "region:eu", "region:us-east-1", "hosted"] {
            assert_eq!(word.parse::<Zone>().unwrap().to_string(), word);
        }
        assert_eq!("Region:EU".parse(), Ok(Zone::Region("eu".to_owned())));
        for word in ["", "region:", "region:e u", "cloud", "region"] {
            assert_eq!(word.parse::<Zone>(), Err(InvalidZone { word: word.to_owned() }));
        }
    }

    #[test]
    fn rules_only_narrow() {
        let zones: Vec<Zone> = ["machine", "lan", "region:eu", "region:us", "hosted"]
            .map(|word| word.parse().unwrap())
            .to_vec();
        let allowed = |rules: &Zones| -> Vec<String> {
            let open = zones.iter().filter(|zone| rules.forbids(zone).is_none());
            open.map(ToString::to_string).collect()
        };
        let all = ["machine", "lan", "region:eu", "region:us", "hosted"];
        assert_eq!(allowed(&Zones::default()), all);
        assert_eq!(allowed(&Zones::default().with(rule(&["hosted"], "a", false))), all);
        let near = Zones::default().with(rule(&["lan", "region:eu"], "a", true));
        assert_eq!(allowed(&near), ["machine", "lan", "region:eu"]);
        let nearer = near
            .with(rule(&["hosted"], "b", false))
            .with(rule(&["lan"], "c", false));
        assert_eq!(allowed(&nearer), ["machine", "lan"]);
        assert_eq!(nearer.forbids(&Zone::Hosted).unwrap().from, "c");
        assert_eq!(
            allowed(&Zones::default().with(rule(&[], "none", false))),
            [] as [&str; 0]
        );
    }

    /// Every pair of rules over these zones: together they allow what both allow, and never more.
    #[test]
    fn a_further_rule_never_allows_more() {
        let words = ["machine", "lan", "region:eu", "region:us", "hosted"];
        let subset = |bits: usize| -> Vec<&str> {
            let chosen = |(at, word): (usize, &'static str)| (bits >> at & 1 == 1).then_some(word);
            words.into_iter().enumerate().filter_map(chosen).collect()
        };
        let zones = words.map(|word| word.parse::<Zone>().unwrap());
        for (one, other) in (0..32).flat_map(|one| (0..32).map(move |other| (one, other))) {
            for (ask_one, ask_other) in [(false, false), (false, true), (true, false), (true, true)] {
                let first = rule(&subset(one), "first", ask_one);
                let second = rule(&subset(other), "second", ask_other);
                let [alone, beside] = [&first, &second].map(|rule| Zones::default().with(rule.clone()));
                let both = alone.clone().with(second.clone());
                for zone in &zones {
                    let against: Vec<&ZoneRule> = alone.forbids(zone).into_iter().chain(beside.forbids(zone)).collect();
                    let said = both.forbids(zone);
                    assert_eq!(said.is_some(), !against.is_empty(), "{first:?} {second:?} {zone}");
                    // No exception may be made from one that allows none.
                    let may_ask = against.iter().all(|rule| rule.ask);
                    assert_eq!(said.is_none_or(|rule| rule.ask), may_ask, "{first:?} {second:?} {zone}");
                }
            }
        }
    }
}
