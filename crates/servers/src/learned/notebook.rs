//! What endpoints have taught, kept over restarts.
//!
//! One file, `servers/learned.json` in the state folder: a page for each endpoint, with the server's kind and version, because
//! another version may take what this one refused. It is a cache of what can be learned again: a file that cannot be
//! read counts as empty.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use yabby_core::ToolMode;
use yabby_wire::Learned;

use crate::{Endpoint, EndpointOrigin, Estimator, Fleet, Observed, ServerKind, Trouble, private};

/// The file with what endpoints have taught.
#[derive(Clone, Debug)]
pub struct Notebook {
    path: PathBuf,
}

/// The whole file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Pages {
    /// By [`Endpoint::page_name`].
    #[serde(default)]
    endpoints: BTreeMap<String, Page>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Page {
    /// The server that taught it.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<ServerId>,
    /// The error of the last request, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
    models: BTreeMap<String, Line>,
}

/// A server's kind and version: what is learned holds for these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerId {
    pub(crate) kind: ServerKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

/// One model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Line {
    #[serde(skip_serializing_if = "Learned::is_empty")]
    steps: Learned,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_mode: Option<ToolMode>,
    #[serde(flatten)]
    observed: Observed,
    /// How many tokens its texts have.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Estimator>,
}

impl Notebook {
    /// The notebook of a state folder. Nothing is read yet.
    pub fn of(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("servers/learned.json"),
        }
    }

    /// Gives the endpoints of `fleet` what they have taught before.
    pub fn recall(&self, fleet: &Fleet) {
        let pages = self.read();
        for endpoint in fleet.endpoints() {
            if let Some(page) = pages.endpoints.get(&endpoint.page_name()) {
                page.put_into(endpoint);
            }
        }
    }

    /// Writes down what the endpoints of `fleet` have taught since. Other processes may write too: only the pages of
    /// endpoints that have news are replaced.
    pub fn keep(&self, fleet: &Fleet) -> io::Result<()> {
        let news: Vec<&Endpoint> = fleet.endpoints().filter(|endpoint| endpoint.take_news()).collect();
        if news.is_empty() {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            private::folder(folder)?;
        }
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock()?;
        let mut pages = self.read();
        for endpoint in news {
            pages.endpoints.insert(endpoint.page_name(), Page::of(endpoint));
        }
        private::replace(&self.path, &serde_json::to_vec_pretty(&pages)?)
    }

    fn read(&self) -> Pages {
        let text = fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

// === impl Page ===

impl Page {
    fn of(endpoint: &Endpoint) -> Self {
        let mut models: BTreeMap<String, Line> = BTreeMap::new();
        for (model, steps) in endpoint.memory.models() {
            models.entry(model).or_default().steps = steps;
        }
        for (model, mode) in endpoint.tool_modes.models() {
            models.entry(model).or_default().tool_mode = Some(mode);
        }
        for (model, observed) in endpoint.observed_models() {
            let estimator = endpoint.estimator_of(&model);
            let line = models.entry(model).or_default();
            line.observed = observed;
            line.tokens = (estimator.reports() > 0).then_some(estimator);
        }
        Self {
            server: endpoint.memory.server(),
            trouble: endpoint.trouble(),
            models,
        }
    }

    fn put_into(&self, endpoint: &Endpoint) {
        endpoint.memory.set_server(self.server.clone());
        endpoint.remember_trouble(self.trouble.clone());
        for (model, line) in &self.models {
            endpoint.memory.set(model, line.steps.clone());
            if let Some(mode) = line.tool_mode {
                endpoint.tool_modes.set(model, mode);
            }
            endpoint.remember_observed(model, line.observed.clone());
            if let Some(estimator) = &line.tokens {
                endpoint.restore_estimator(model, estimator.clone());
            }
        }
        // What was read is no news.
        endpoint.take_news();
    }
}

impl Endpoint {
    /// The name of its page. A managed server has another port each time.
    fn page_name(&self) -> String {
        match &self.origin {
            EndpointOrigin::Managed(lease) => format!("{}/{}", self.provider, lease.model()),
            _ => self.base_url.clone(),
        }
    }

    /// Forgets what another kind or version of the server has taught.
    pub(crate) fn forget_other_versions(&self, kind: ServerKind, version: Option<&str>) {
        let now = ServerId {
            kind,
            version: version.map(str::to_owned),
        };
        let before = self.memory.server();
        let differs = |before: &ServerId| {
            let versions = before.version.as_ref().zip(now.version.as_ref());
            before.kind != now.kind || versions.is_some_and(|(before, now)| before != now)
        };
        if before.as_ref().is_some_and(differs) {
            self.memory.forget();
            self.tool_modes.forget();
            self.forget_observed();
        }
        if before.as_ref() != Some(&now) && (before.is_none() || now.version.is_some()) {
            self.memory.set_server(Some(now));
            self.note();
        }
    }
}

#[cfg(test)]
mod tests {
    use yabby_wire::Step;

    use super::*;

    fn fleet(version: &str) -> Fleet {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        endpoint.forget_other_versions(ServerKind::Vllm, Some(version));
        Fleet::new(vec![endpoint])
    }

    fn first(fleet: &Fleet) -> &Endpoint {
        fleet.endpoints().next().unwrap()
    }

    #[test]
    fn what_was_learned_is_there_again_until_the_version_changes() {
        let folder = tempfile::TempDir::new().unwrap();
        let notebook = Notebook::of(&folder.path().join("state"));
        let before = fleet("1");
        first(&before).learn("m", Step::FoldSystem);
        first(&before).tool_modes.set("m", ToolMode::Constrained);
        first(&before).saw_window("m", 2048);
        notebook.keep(&before).unwrap();

        let lines = |fleet: &Fleet| Page::of(first(fleet));
        let after = Fleet::new(vec![Endpoint::loopback("p", 1, EndpointOrigin::Discovered)]);
        notebook.recall(&after);
        assert_eq!(lines(&after), lines(&before));
        assert_eq!(first(&after).window("m").unwrap().value, 2048);
        // The same version, or one that is not told, changes nothing.
        first(&after).forget_other_versions(ServerKind::Vllm, Some("1"));
        first(&after).forget_other_versions(ServerKind::Vllm, None);
        assert_eq!(lines(&after), lines(&before));

        first(&after).forget_other_versions(ServerKind::Vllm, Some("2"));
        assert_eq!(lines(&after).models, BTreeMap::new());
        notebook.keep(&after).unwrap();
        let last = Fleet::new(vec![Endpoint::loopback("p", 1, EndpointOrigin::Discovered)]);
        notebook.recall(&last);
        assert_eq!(lines(&last), lines(&after));
        let text = fs::read_to_string(folder.path().join("state/servers/learned.json")).unwrap();
        assert!(text.contains("\"version\": \"2\""), "{text}");
    }

    #[test]
    fn pages_of_others_stay_and_a_broken_file_counts_as_empty() {
        let folder = tempfile::TempDir::new().unwrap();
        let notebook = Notebook::of(folder.path());
        private::folder(&folder.path().join("servers")).unwrap();
        fs::write(folder.path().join("servers/learned.json"), "{ broken").unwrap();
        notebook.keep(&fleet("1")).unwrap();
        let other = Fleet::new(vec![Endpoint::loopback("q", 2, EndpointOrigin::Discovered)]);
        notebook.keep(&other).unwrap();
        assert_eq!(notebook.read().endpoints.len(), 1, "nothing was learned of the other");
        first(&other).saw_window("m", 4096);
        notebook.keep(&other).unwrap();
        assert_eq!(notebook.read().endpoints.len(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("servers/learned.json"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
