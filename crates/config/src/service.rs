//! Settings of a provider about what Yabby does for its server: a program to start, models to keep loaded.

use std::{path::PathBuf, time::Duration};

use yabby_core::{Secret, text};

use crate::{
    config::{KeepWarm, LocalService},
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, below},
    raw,
    resolve::Resolver,
};

/// What a program may take until it answers, where the config says nothing.
const READY: Duration = Duration::from_mins(2);

impl Resolver<'_> {
    /// The program to start; `None` when it could not be started as it is written.
    pub(crate) fn service(&mut self, raw: raw::LocalService, path: &[Seg]) -> Option<LocalService> {
        let command = PathBuf::from(raw.command.trim());
        let at = below(path, "command");
        if !command.is_absolute() {
            let message = text!("the command of localService is not an absolute path, so it is not started");
            let help = text!("write the whole path, such as /usr/local/bin/llama-server; there is no shell and no ~");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                &at,
            );
            return None;
        }
        let listed = (0..raw.args.len()).map(|index| {
            let mut at = below(path, "args");
            at.push(Seg::Index(index));
            at
        });
        let named = raw.env.0.iter().map(|(name, _)| below(&below(path, "env"), name));
        let mut places = listed
            .chain(named)
            .chain([at, below(path, "cwd"), below(path, "healthUrl")]);
        if !places.all(|place| self.is_complete(&place)) {
            // The missing variable was told where it stands.
            return None;
        }
        let milliseconds = |count: u32| Duration::from_millis(count.into());
        Some(LocalService {
            command,
            args: raw.args,
            cwd: raw.cwd.map(PathBuf::from),
            env: raw
                .env
                .0
                .into_iter()
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            health_url: raw.health_url.filter(|url| !url.trim().is_empty()),
            ready_timeout: raw.ready_timeout_ms.map_or(READY, milliseconds),
            idle_stop: raw.idle_stop_ms.filter(|count| *count > 0).map(milliseconds),
        })
    }

    pub(crate) fn keep_warm(&mut self, raw: Option<&raw::KeepWarm>, path: &[Seg]) -> KeepWarm {
        match raw {
            None | Some(raw::KeepWarm::Switch(false)) => KeepWarm::No,
            Some(raw::KeepWarm::Switch(true)) => KeepWarm::Always,
            Some(raw::KeepWarm::For(written)) => {
                if let Some(time) = duration(written) {
                    return KeepWarm::For(time);
                }
                let message = text!("keepWarm is no time that Yabby understands, so nothing is kept loaded");
                let help = text!("write true, false, or a number with s, m or h, such as \"30m\"");
                self.push(
                    Diagnostic::warning(DiagnosticKind::WrongType, message).with_help(help),
                    path,
                );
                KeepWarm::No
            }
        }
    }
}

/// A number with `s`, `m` or `h`; at most a year.
fn duration(written: &str) -> Option<Duration> {
    let written = written.trim().to_ascii_lowercase();
    let digits = written.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = written.split_at(digits);
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let total = count.parse::<u64>().ok()?.checked_mul(seconds)?;
    (1..=365 * 24 * 3600)
        .contains(&total)
        .then(|| Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use crate::{Environment, KeepWarm, Provider, load_text};

    use super::*;

    fn provider(keys: &str) -> (Option<Provider>, Vec<String>) {
        let text = format!("{{models: {{providers: {{p: {{{keys}}}}}}}}}");
        let loaded = load_text(&text, &Environment::from_vars([("TOKEN", "canary")]));
        let told = loaded.diagnostics.iter().map(|told| told.key.clone());
        (loaded.config.provider("p").cloned(), told.collect())
    }

    #[test]
    fn a_service_as_openclaw_writes_it() {
        let (found, told) = provider(
            "baseUrl: 'http://127.0.0.1:8000/v1', localService: {command: '/opt/server', args: ['--port', '8000'],
             cwd: '/opt', env: {CACHE: '/c', KEY: '${TOKEN}'}, healthUrl: 'http://127.0.0.1:8000/health',
             readyTimeoutMs: 180000, idleStopMs: 0}",
        );
        assert_eq!(told, Vec::<String>::new());
        let expected = LocalService {
            command: "/opt/server".into(),
            args: vec!["--port".into(), "8000".into()],
            cwd: Some("/opt".into()),
            env: vec![
                ("CACHE".into(), Secret::new("/c")),
                ("KEY".into(), Secret::new("canary")),
            ],
            health_url: Some("http://127.0.0.1:8000/health".into()),
            ready_timeout: Duration::from_mins(3),
            idle_stop: None,
        };
        assert_eq!(found.unwrap().service, Some(expected));
    }

    #[test]
    fn a_service_that_cannot_be_started_is_off_and_told() {
        for (service, told) in [
            ("{command: 'server'}", "models.providers.p.localService.command"),
            (
                "{command: '/s', args: ['${UNSET}']}",
                "models.providers.p.localService.args[0]",
            ),
        ] {
            let (found, places) = provider(&format!("baseUrl: 'http://h/v1', localService: {service}"));
            assert_eq!(
                (found.unwrap().service, places),
                (None, vec![told.to_owned()]),
                "{service}"
            );
        }
    }

    #[test]
    fn times_to_keep_warm() {
        let minutes = |count: u64| KeepWarm::For(Duration::from_mins(count));
        for (written, expected, told) in [
            ("true", KeepWarm::Always, 0),
            ("false", KeepWarm::No, 0),
            ("'30m'", minutes(30), 0),
            ("'2h'", minutes(120), 0),
            ("'90s'", KeepWarm::For(Duration::from_secs(90)), 0),
            ("'soon'", KeepWarm::No, 1),
            ("'0m'", KeepWarm::No, 1),
            ("'99999999999999999999h'", KeepWarm::No, 1),
        ] {
            let (found, places) = provider(&format!("baseUrl: 'http://h/v1', keepWarm: {written}"));
            assert_eq!((found.unwrap().keep_warm, places.len()), (expected, told), "{written}");
        }
    }

    #[test]
    fn replicas_are_addresses_of_their_own() {
        let urls = |keys: &str| {
            let (found, told) = provider(keys);
            let urls = found.map(|found| {
                let first = found.base_url.to_string();
                let more = found.replicas.iter().map(ToString::to_string);
                std::iter::once(first).chain(more).collect::<Vec<_>>().join(" ")
            });
            (urls.unwrap_or_default(), told.len())
        };
        let both = "http://a/v1 http://b/v1".to_owned();
        assert_eq!(
            urls("baseUrl: 'http://a/v1', baseUrls: ['http://b/v1']"),
            (both.clone(), 0)
        );
        assert_eq!(urls("baseUrls: ['http://a/v1', 'http://b/v1']"), (both.clone(), 0));
        assert_eq!(
            urls("baseUrl: 'http://a/v1', baseUrls: ['http://a/v1', 'ftp://x', 'http://b/v1']"),
            (both, 1)
        );
        assert_eq!(urls("baseUrls: []"), (String::new(), 1));
    }
}
