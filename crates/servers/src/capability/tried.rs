//! What has been tried out, kept between runs: one file for all endpoints.
//!
//! It holds no secret, and still only its owner can read it: it says what runs where. A run that ends while another
//! one writes may win over it; the file is never half written. Texts are kept in English.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use yabby_core::ToolMode;

use super::{Capability, Outcome, TryOut};
use crate::{Endpoint, EndpointOrigin, managed::PROVIDER, private};

/// All results, by endpoint and model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tried {
    endpoints: BTreeMap<String, BTreeMap<String, Record>>,
}

/// The results of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When the tests began, in seconds since 1970.
    pub at: u64,
    /// The name of the server, where that could be told.
    pub server: Option<String>,
    /// Its version, where it tells: results of another one may no longer be true.
    pub version: Option<String>,
    /// How tools are best offered to the model, where it called one.
    pub tool_mode: Option<ToolMode>,
    /// Prompt tokens read in a second.
    pub prefill: Option<f64>,
    /// Tokens written in a second.
    pub decode: Option<f64>,
    /// One for each test, in the order in which they were made.
    pub findings: Vec<Found>,
}

/// The result of one test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What was tried.
    pub capability: Capability,
    /// What came of it.
    pub outcome: Outcome,
    /// What is to be said of it.
    pub words: Option<String>,
    /// The flag or setting that would mend it.
    pub fix: Option<String>,
    /// How long the test took.
    pub took_ms: u64,
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("servers/tried.json")
}

/// Under which name the results of an endpoint are kept. A server that Yabby runs has another port each time.
pub(super) fn key(endpoint: &Endpoint) -> &str {
    match endpoint.origin {
        EndpointOrigin::Managed(_) => PROVIDER,
        EndpointOrigin::Config | EndpointOrigin::BuiltIn | EndpointOrigin::Discovered => &endpoint.base_url,
    }
}

// === impl Tried ===

impl Tried {
    /// What is kept below `state_dir`. A file that is not there or cannot be read is empty: nothing rests on it, and
    /// the next results replace it.
    pub fn read(state_dir: &Path) -> Self {
        let read = fs::read(file(state_dir)).ok();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// The results of a model of an endpoint.
    pub fn of(&self, endpoint: &Endpoint, model: &str) -> Option<&Record> {
        self.endpoints.get(key(endpoint))?.get(model)
    }

    /// Keeps new results below `state_dir`, in place of older ones of the same model.
    pub fn keep(state_dir: &Path, results: &TryOut) -> io::Result<()> {
        let mut all = Self::read(state_dir);
        let models = all.endpoints.entry(results.endpoint.clone()).or_default();
        models.insert(results.model.clone(), results.record());
        let target = file(state_dir);
        if let Some(folder) = target.parent() {
            private::folder(folder)?;
        }
        private::replace(&target, &serde_json::to_vec_pretty(&all)?)
    }
}

// === impl Record ===

impl Record {
    /// The worst outcome; what was skipped counts only where nothing was tried.
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.findings.iter().map(|found| found.outcome);
        outcomes.max().unwrap_or(Outcome::Skipped)
    }

    /// The result of one test.
    pub fn found(&self, capability: Capability) -> Option<&Found> {
        self.findings.iter().find(|found| found.capability == capability)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use yabby_core::text;

    use super::*;
    use crate::{
        ServerKind,
        capability::{Finding, Verdict},
    };

    fn results(endpoint: &Endpoint, model: &str, verdict: Verdict) -> TryOut {
        TryOut {
            endpoint: key(endpoint).to_owned(),
            model: model.to_owned(),
            server: Some(ServerKind::LlamaCpp),
            version: Some("b11669".to_owned()),
            at: 7,
            findings: vec![Finding {
                capability: Capability::JsonSchema,
                verdict,
                note: None,
                took: Duration::from_millis(12),
                fix: Some(text!("do this")),
            }],
            tool_mode: Some(ToolMode::Constrained),
            prefill: Some(100.5),
            decode: None,
        }
    }

    #[test]
    fn what_is_kept_is_read_again_by_endpoint_and_model() {
        let folder = tempfile::TempDir::new().unwrap();
        let one = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let two = Endpoint::loopback("p", 2, EndpointOrigin::Discovered);
        assert_eq!(Tried::read(folder.path()), Tried::default());
        let first = results(&one, "a/b", Verdict::Works);
        let second = results(&two, "a/b", Verdict::Fails(text!("no")));
        for kept in [&first, &second] {
            Tried::keep(folder.path(), kept).unwrap();
        }
        let tried = Tried::read(folder.path());
        assert_eq!(
            (tried.of(&one, "a/b"), tried.of(&two, "a/b"), tried.of(&one, "c")),
            (Some(&first.record()), Some(&second.record()), None)
        );
        // Newer results of the same model replace the older ones.
        let third = results(&one, "a/b", Verdict::Partly(text!("well")));
        Tried::keep(folder.path(), &third).unwrap();
        let tried = Tried::read(folder.path());
        assert_eq!(tried.of(&one, "a/b"), Some(&third.record()));
        assert_eq!(tried.of(&two, "a/b"), Some(&second.record()));
        let names: Vec<_> = fs::read_dir(folder.path().join("servers"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["tried.json"]);
    }

    #[test]
    fn its_form() {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let shown = serde_json::to_value(results(&endpoint, "m", Verdict::Partly(text!("well")))).unwrap();
        assert_eq!(
            shown,
            json!({
                "endpoint": "http://127.0.0.1:1/v1", "model": "m", "at": 7, "server": "llama.cpp", "version": "b11669",
                "tool_mode": "constrained", "prefill": 100.5, "decode": null,
                "findings": [{
                    "capability": "json_schema", "outcome": "partly", "words": "well", "fix": "do this", "took_ms": 12,
                }],
            })
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::TempDir::new().unwrap();
        let state = folder.path().join("new");
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        Tried::keep(&state, &results(&endpoint, "m", Verdict::Works)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state.join("servers")), mode(&file(&state))), (0o700, 0o600));
    }

    #[test]
    fn a_file_that_nobody_understands_is_replaced() {
        let folder = tempfile::TempDir::new().unwrap();
        private::folder(&folder.path().join("servers")).unwrap();
        fs::write(file(folder.path()), "[1, 2").unwrap();
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let kept = results(&endpoint, "m", Verdict::Works);
        Tried::keep(folder.path(), &kept).unwrap();
        assert_eq!(Tried::read(folder.path()).of(&endpoint, "m"), Some(&kept.record()));
    }

    #[test]
    fn the_worst_outcome_counts() {
        use Outcome::{Fails, Partly, Skipped, Works};
        let of = |outcomes: &[Outcome]| {
            let found = |outcome: &Outcome| Found {
                capability: Capability::Answer,
                outcome: *outcome,
                words: None,
                fix: None,
                took_ms: 0,
            };
            let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
            Record {
                findings: outcomes.iter().map(found).collect(),
                ..results(&endpoint, "m", Verdict::Works).record()
            }
            .outcome()
        };
        assert_eq!(
            [
                &[][..],
                &[Skipped],
                &[Skipped, Works],
                &[Works, Partly, Works],
                &[Fails, Partly]
            ]
            .map(of),
            [Skipped, Skipped, Works, Partly, Fails]
        );
    }
}
