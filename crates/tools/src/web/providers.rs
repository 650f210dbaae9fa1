//! How those who search are asked, and what they answer.

use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;

use super::{Brave, Provider, Searxng, html};
use crate::{ToolError, ToolErrorKind};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Answers in words, which some have.
    pub(super) answers: Vec<String>,
    pub(super) pages: Vec<Finding>,
    /// Why there is less than there could be.
    pub(super) silent: Vec<String>,
}

/// One page that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) title: String,
    pub(super) url: String,
    pub(super) snippet: String,
}

/// Something that whoever searches is asked with.
pub(super) struct Question {
    pub(super) url: Url,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
}

/// A snippet is never longer, in characters.
const SNIPPET: usize = 400;

impl Provider {
    pub(super) fn question(&self, query: &str, count: usize) -> Result<Question, ToolError> {
        match self {
            Self::Searxng(searxng) => searxng.question(query),
            Self::Brave(brave) => brave.question(query, count),
        }
    }

    pub(super) fn findings(&self, answer: &Value) -> Findings {
        match self {
            Self::Searxng(_) => of_searxng(answer),
            Self::Brave(_) => of_brave(answer),
        }
    }

    /// What the model is told of an answer that is none.
    pub(super) fn refused(&self, status: u16) -> ToolError {
        let unavailable = ToolErrorKind::Unavailable;
        let (kind, message) = match (self, status) {
            // <https://docs.searxng.org/dev/search_api.html>: "Requesting an unset format will return a 403".
            (Self::Searxng(_), 403) => (
                unavailable,
                "SearXNG does not answer in JSON. Tell the owner to add json to search.formats in its settings.yml.",
            ),
            (_, 300..=399) => (
                unavailable,
                "The search server sends us elsewhere. Tell the owner to correct its baseUrl.",
            ),
            (Self::Brave(_), 401 | 403 | 422) => (
                ToolErrorKind::Denied,
                "Brave refuses the key, or the query. Try simpler words; if that fails, tell the owner to check the key.",
            ),
            (_, 402 | 429) => (
                unavailable,
                "No more searches are allowed now. Wait a little, or go on without.",
            ),
            (_, 404) => (
                unavailable,
                "There is no search at this address. Tell the owner to correct its baseUrl.",
            ),
            _ => (unavailable, "The search failed. Try once more later, or go on without."),
        };
        ToolError::new(kind, format!("{message} (status {status})"))
    }
}

impl Searxng {
    /// <https://docs.searxng.org/dev/search_api.html>
    fn question(&self, query: &str) -> Result<Question, ToolError> {
        let mut url = below(&self.base_url, &["search"])?;
        url.query_pairs_mut()
            .append_pair("q", query)
            .append_pair("format", "json");
        for (name, value) in [("categories", &self.categories), ("language", &self.language)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(Question { url, header: None })
    }
}

impl Brave {
    /// <https://api-dashboard.search.brave.com/api-reference/web/search/get>
    fn question(&self, query: &str, count: usize) -> Result<Question, ToolError> {
        let mut url = below(&self.base_url, &["res", "v1", "web", "search"])?;
        url.query_pairs_mut()
            .append_pair("q", query)
            .append_pair("count", &count.to_string())
            .append_pair("text_decorations", "false");
        let mut key = HeaderValue::from_str(self.key.expose()).map_err(|_| {
            ToolError::new(
                ToolErrorKind::Unavailable,
                "The key of the search is none. Tell the owner to correct it.",
            )
        })?;
        key.set_sensitive(true);
        Ok(Question {
            url,
            header: Some((HeaderName::from_static("x-subscription-token"), key)),
        })
    }
}

/// A URL below the one that the owner has set.
fn below(base: &str, path: &[&str]) -> Result<Url, ToolError> {
    let wrong = || {
        ToolError::new(
            ToolErrorKind::Unavailable,
            "The baseUrl of the search is no http(s) URL. Tell the owner to correct it.",
        )
    };
    let mut url = Url::parse(base.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

/// `results[].{title, url, content}`, `answers` (texts, or since 2025 objects with an `answer`), `unresponsive_engines`
/// (pairs of name and reason): `get_json_response` in <https://github.com/searxng/searxng/blob/master/searx/webutils.py>.
fn of_searxng(answer: &Value) -> Findings {
    let answers = list(answer, "answers").iter().filter_map(|one| {
        let text = one.as_str().or_else(|| one.get("answer")?.as_str())?;
        Some(short(&html::words(text))).filter(|text| !text.is_empty())
    });
    let silent = list(answer, "unresponsive_engines").iter().filter_map(|one| {
        let mut words = one.as_array()?.iter().filter_map(Value::as_str);
        let name = words.next()?;
        Some(
            words
                .next()
                .map_or_else(|| name.to_owned(), |why| format!("{name}: {why}")),
        )
    });
    Findings {
        answers: answers.collect(),
        pages: list(answer, "results")
            .iter()
            .filter_map(|one| finding(one, "content"))
            .collect(),
        silent: silent.map(|why| short(&why)).collect(),
    }
}

/// `web.results[].{title, url, description}`:
/// <https://api-dashboard.search.brave.com/api-reference/web/search/get>.
fn of_brave(answer: &Value) -> Findings {
    let web = answer.get("web").unwrap_or(&Value::Null);
    Findings {
        pages: list(web, "results")
            .iter()
            .filter_map(|one| finding(one, "description"))
            .collect(),
        ..Findings::default()
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// One result; one whose URL is none of the web is left out.
fn finding(one: &Value, snippet: &str) -> Option<Finding> {
    let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = Url::parse(text("url"))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(Finding {
        title: short(&html::words(text("title"))),
        url: url.into(),
        snippet: short(&html::words(text(snippet))),
    })
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SNIPPET) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::Secret;

    use super::*;

    fn searxng(base_url: &str) -> Provider {
        Provider::Searxng(Searxng {
            base_url: base_url.to_owned(),
            categories: Some("general,news".to_owned()),
            language: None,
        })
    }

    #[test]
    fn how_they_are_asked() {
        let url = |provider: &Provider| {
            provider
                .question("天氣 & more", 3)
                .map(|question| question.url.to_string())
        };
        let query = "q=%E5%A4%A9%E6%B0%A3+%26+more&format=json&categories=general%2Cnews";
        assert_eq!(
            url(&searxng("http://localhost:8888")).unwrap(),
            format!("http://localhost:8888/search?{query}")
        );
        assert_eq!(
            url(&searxng(" https://a.org/searx/?x#y")).unwrap(),
            format!("https://a.org/searx/search?{query}")
        );
        for wrong in ["", "localhost:8888", "file:///etc"] {
            assert_eq!(url(&searxng(wrong)).unwrap_err().kind, ToolErrorKind::Unavailable);
        }
        let question = Provider::Brave(Brave::new(Secret::new("BSA-key")))
            .question("a", 3)
            .unwrap();
        assert_eq!(
            question.url.as_str(),
            "https://api.search.brave.com/res/v1/web/search?q=a&count=3&text_decorations=false"
        );
        let (name, key) = question.header.unwrap();
        assert_eq!(
            (name.as_str(), key.to_str().unwrap(), key.is_sensitive()),
            ("x-subscription-token", "BSA-key", true)
        );
    }

    #[test]
    fn what_is_no_answer_has_no_findings() {
        for text in [
            "null",
            "[]",
            "{}",
            r#"{"results": 1, "answers": [1, {}], "web": {"results": [null, {"url": "x"}]}}"#,
        ] {
            let answer = serde_json::from_str(text).unwrap();
            assert_eq!(of_searxng(&answer), Findings::default());
            assert_eq!(of_brave(&answer), Findings::default());
        }
    }
}
