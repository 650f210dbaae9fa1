//! `provider/model`: how people name a model.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A provider id and the model id that this provider uses, split at the first `/`.
///
/// Model ids may hold further slashes (`openrouter/moonshotai/kimi-k2`) and keep their case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    provider: String,
    model: String,
}

/// A text that is not `provider/model`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not of the form provider/model")]
pub struct InvalidModelRef(String);

impl ModelRef {
    /// Joins the two halves; neither may be empty and the provider holds no `/`.
    pub fn new(provider: &str, model: &str) -> Result<Self, InvalidModelRef> {
        if provider.is_empty() || model.is_empty() || provider.contains('/') {
            return Err(InvalidModelRef(format!("{provider}/{model}")));
        }
        Ok(Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
        })
    }

    /// The provider id, as in `models.providers.<id>`.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model id, as the provider's server knows it.
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl FromStr for ModelRef {
    type Err = InvalidModelRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (provider, model) = text.split_once('/').ok_or_else(|| InvalidModelRef(text.to_owned()))?;
        Self::new(provider, model)
    }
}

impl TryFrom<String> for ModelRef {
    type Error = InvalidModelRef;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(value: ModelRef) -> Self {
        value.to_string()
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_at_the_first_slash() {
        let parsed: ModelRef = "mlx/mlx-community/Qwen3-30B-A3B-6bit".parse().unwrap();
        assert_eq!(
            (parsed.provider(), parsed.model()),
            ("mlx", "mlx-community/Qwen3-30B-A3B-6bit")
        );
    }

    #[test]
    fn refuses_halves() {
        for text in ["", "opus", "/opus", "anthropic/"] {
            assert!(text.parse::<ModelRef>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn display_round_trips(provider in "[a-z][a-z0-9-]{0,8}", model in "[A-Za-z0-9][A-Za-z0-9/:._-]{0,20}") {
            let built = ModelRef::new(&provider, &model).unwrap();
            prop_assert_eq!(built.to_string().parse::<ModelRef>().unwrap(), built);
        }
    }
}
