//! Hosted APIs whose peculiarities are documented.

/// The company behind a hosted endpoint, told by its host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Anthropic,
    OpenAi,
    OpenRouter,
}

impl Vendor {
    /// The vendor of a host, its regional hosts included.
    pub(crate) fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let is = |domain: &str| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        [
            ("api.anthropic.com", Self::Anthropic),
            ("api.openai.com", Self::OpenAi),
            ("openrouter.ai", Self::OpenRouter),
        ]
        .into_iter()
        .find_map(|(domain, vendor)| is(domain).then_some(vendor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_of_hosts() {
        for (host, vendor) in [
            ("api.anthropic.com", Some(Vendor::Anthropic)),
            ("eu.api.openai.com", Some(Vendor::OpenAi)),
            ("EU.openrouter.ai", Some(Vendor::OpenRouter)),
            ("notopenrouter.ai", None),
            ("openrouter.ai.example", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(Vendor::of_host(host), vendor, "{host}");
        }
    }
}
