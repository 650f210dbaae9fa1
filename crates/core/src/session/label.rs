//! How far content is trusted, and how far it may be told.

use std::{cmp::Ordering, collections::BTreeSet, convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How many origins a label names.
const MOST_ORIGINS: usize = 16;

/// On whose word something stands. The owner's counts most; contacts are not above or below each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// The owner typed it.
    Owner,
    /// The owner's config, or what the owner approved.
    Config,
    /// A person whom the owner knows, by the id of the contact.
    Contact(String),
    /// Anyone.
    Untrusted,
}

/// How far something may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    /// To anyone.
    Public,
    /// To the owner, and to whom the owner allows it.
    Private,
    /// To nobody.
    Secret,
}

/// Where something came from: at most 16 names, in order, and whether there were more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origins {
    names: BTreeSet<String>,
    more: bool,
}

/// What is known of a piece of content, whatever was made of it. It can only get lower.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Label {
    /// On whose word it stands.
    pub integrity: Integrity,
    /// How far it may be told.
    pub confidentiality: Confidentiality,
    /// Where it came from.
    pub origins: Origins,
}

/// A label as it is stored. Words that a later version has, and words that are missing, are read as the lowest.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(rename = "i", default)]
    integrity: String,
    #[serde(rename = "c", default)]
    confidentiality: String,
    #[serde(rename = "o", default, skip_serializing_if = "BTreeSet::is_empty")]
    origins: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

// === impl Integrity ===

impl Integrity {
    /// What stands on the word of both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        match self.partial_cmp(other) {
            Some(Ordering::Less | Ordering::Equal) => self.clone(),
            Some(Ordering::Greater) => other.clone(),
            None => Self::Untrusted,
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Owner => 3,
            Self::Config => 2,
            Self::Contact(_) => 1,
            Self::Untrusted => 0,
        }
    }
}

impl PartialOrd for Integrity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Contact(one), Self::Contact(other)) if one != other => None,
            _ => Some(self.rank().cmp(&other.rank())),
        }
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Config => f.write_str("config"),
            Self::Contact(id) => write!(f, "contact:{id}"),
            Self::Untrusted => f.write_str("untrusted"),
        }
    }
}

impl FromStr for Integrity {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(match word {
            "owner" => Self::Owner,
            "config" => Self::Config,
            _ => word
                .strip_prefix("contact:")
                .map_or(Self::Untrusted, |id| Self::Contact(id.to_owned())),
        })
    }
}

// === impl Confidentiality ===

impl Confidentiality {
    const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Secret => "secret",
        }
    }
}

// === impl Origins ===

impl Origins {
    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether there were more than are named, so that anything may be among them.
    pub const fn has_more(&self) -> bool {
        self.more
    }

    /// All of both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self::of(
            self.names.union(&other.names).cloned().collect(),
            self.more || other.more,
        )
    }

    /// The first names of `names`. That it is always the first ones makes the order of joins not matter.
    fn of(mut names: BTreeSet<String>, more: bool) -> Self {
        let too_many = names.len() > MOST_ORIGINS;
        while names.len() > MOST_ORIGINS {
            names.pop_last();
        }
        Self {
            names,
            more: more || too_many,
        }
    }
}

impl FromIterator<String> for Origins {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self::of(names.into_iter().collect(), false)
    }
}

// === impl Label ===

impl Label {
    /// Of what came from one place.
    pub fn new(integrity: Integrity, confidentiality: Confidentiality, origin: impl Into<String>) -> Self {
        Self {
            integrity,
            confidentiality,
            origins: std::iter::once(origin.into()).collect(),
        }
    }

    /// Of nothing at all: joined with another label, it leaves that one as it is.
    pub fn of_nothing() -> Self {
        Self {
            integrity: Integrity::Owner,
            confidentiality: Confidentiality::Public,
            origins: Origins::default(),
        }
    }

    /// Of what was made from both: the lower integrity, the higher confidentiality, the origins of both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            integrity: self.integrity.join(&other.integrity),
            confidentiality: self.confidentiality.max(other.confidentiality),
            origins: self.origins.join(&other.origins),
        }
    }
}

impl From<Written> for Label {
    fn from(written: Written) -> Self {
        let Ok(integrity) = written.integrity.parse();
        Self {
            integrity,
            confidentiality: match written.confidentiality.as_str() {
                "public" => Confidentiality::Public,
                "private" => Confidentiality::Private,
                _ => Confidentiality::Secret,
            },
            origins: Origins::of(written.origins, written.more),
        }
    }
}

impl From<Label> for Written {
    fn from(label: Label) -> Self {
        Self {
            integrity: label.integrity.to_string(),
            confidentiality: label.confidentiality.word().to_owned(),
            origins: label.origins.names,
            more: label.origins.more,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn integrity() -> impl Strategy<Value = Integrity> {
        prop_oneof![
            Just(Integrity::Owner),
            Just(Integrity::Config),
            "[ab]".prop_map(Integrity::Contact),
            Just(Integrity::Untrusted),
        ]
    }

    fn label() -> impl Strategy<Value = Label> {
        let confidentiality = prop::sample::select(vec![
            Confidentiality::Public,
            Confidentiality::Private,
            Confidentiality::Secret,
        ]);
        let origins = prop::collection::vec("[a-z]", 0..20);
        (integrity(), confidentiality, origins).prop_map(|(integrity, confidentiality, origins)| Label {
            integrity,
            confidentiality,
            origins: origins.into_iter().collect(),
        })
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_of_joins_matters(one in label(), two in label(), three in label()) {
            prop_assert_eq!(one.join(&two), two.join(&one));
            prop_assert_eq!(one.join(&two).join(&three), one.join(&two.join(&three)));
            prop_assert_eq!(one.join(&one), one.clone());
            prop_assert_eq!(Label::of_nothing().join(&one), one);
        }

        #[test]
        fn a_join_never_trusts_or_tells_more(one in label(), two in label()) {
            let both = one.join(&two);
            for part in [&one, &two] {
                prop_assert!(both.integrity <= part.integrity);
                prop_assert!(both.confidentiality >= part.confidentiality);
                prop_assert!(both.origins.has_more() || part.origins.names().all(|name| both.origins.names().any(|known| known == name)));
            }
        }

        #[test]
        fn what_is_stored_is_read_again(label in label()) {
            let json = serde_json::to_string(&label).unwrap();
            prop_assert_eq!(serde_json::from_str::<Label>(&json).unwrap(), label);
        }
    }

    #[test]
    fn two_contacts_together_are_anyone() {
        let contact = |id: &str| Integrity::Contact(id.to_owned());
        assert_eq!(contact("a").join(&contact("a")), contact("a"));
        assert_eq!(contact("a").join(&contact("b")), Integrity::Untrusted);
        assert_eq!(contact("a").join(&Integrity::Config), contact("a"));
        assert_eq!(contact("a").partial_cmp(&contact("b")), None);
    }

    #[test]
    fn origins_beyond_the_sixteenth_are_counted_but_not_named() {
        let names = |range: std::ops::Range<u8>| range.map(|at| char::from(b'a' + at).to_string()).collect::<Origins>();
        let joined = names(4..20).join(&names(0..5));
        assert_eq!(joined.names().collect::<String>(), "abcdefghijklmnop");
        assert!(joined.has_more());
        assert!(!names(0..16).has_more());
    }

    #[test]
    fn it_is_stored_in_few_words_and_read_as_the_lowest_where_it_is_not_understood() {
        let label = Label::new(
            Integrity::Contact("a:b".to_owned()),
            Confidentiality::Private,
            "telegram",
        );
        let written = r#"{"i":"contact:a:b","c":"private","o":["telegram"]}"#;
        assert_eq!(serde_json::to_string(&label).unwrap(), written);
        let lowest = |origins: Origins| Label {
            integrity: Integrity::Untrusted,
            confidentiality: Confidentiality::Secret,
            origins,
        };
        let cases = [
            (written, label),
            ("{}", lowest(Origins::default())),
            (
                r#"{"i":"partner","c":"internal","o":["x"],"later":{}}"#,
                lowest(std::iter::once("x".to_owned()).collect()),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(serde_json::from_str::<Label>(text).unwrap(), expected);
        }
    }
}
