//! Secrets that are kept in files and behind programs.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use yabby_config::{DiagnosticKind, KeySource, Loaded, Needs, Vault};
use yabby_core::Lang;

use super::support::{Home, summary, text};

/// A home with a file of secrets and a script that gives some.
struct Kept {
    home: Home,
    /// The shell itself: what `/bin/sh` is a link to.
    shell: PathBuf,
}

/// Notes that it was run, and answers for the ids `a` and `b` as OpenClaw wants it.
const GIVES: &str = "echo run >> \"$HOME/runs\"
read -r request
case $request in *'\"ids\":[\"a\"'*) ;; *) exit 7 ;; esac
printf '%s' '{\"protocolVersion\":1,\"values\":{\"a\":\"from-a\",\"b\":\"from-b\"},\"errors\":{\"c\":{\"message\":\"no c\"}}}'
";

// === impl Kept ===

impl Kept {
    fn new() -> Self {
        Self {
            home: Home::new(),
            shell: Path::new("/bin/sh").canonicalize().unwrap(),
        }
    }

    fn file(&self, name: &str, content: &str, mode: u32) {
        let path = self.home.write(name, content);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A provider that runs a script; the shell reads it, so that nothing else holds it open while it is started.
    fn script(&self, name: &str, script: &str, more: &str) -> String {
        let path = self.home.write(&format!("{name}.sh"), script);
        format!(
            "{name}: {{source: 'exec', command: '{}', args: ['{}'], {more}}}, ",
            self.shell.display(),
            path.display()
        )
    }

    /// The config of these providers of secrets, with one model server for each reference.
    fn load(&self, providers: &str, references: &[&str]) -> Loaded {
        let servers: Vec<String> = references
            .iter()
            .enumerate()
            .map(|(at, reference)| {
                format!("  s{at}: {{baseUrl: 'http://127.0.0.1:{at}/v1', apiKey: {{{reference}}}}},\n")
            })
            .collect();
        let servers = servers.concat();
        let config = format!("{{secrets: {{providers: {{{providers}}}}},\nmodels: {{providers: {{\n{servers}}}}}}}");
        self.home.write(".yabby/yabby.json5", &config);
        self.home.load()
    }

    fn fetched(&self, providers: &str, references: &[&str]) -> Loaded {
        let mut loaded = self.load(providers, references);
        loaded.fetch(&Vault::default(), Needs::All);
        loaded
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.home.path().join("runs")).map_or(0, |runs| runs.lines().count())
    }

    /// The diagnostics without what differs from run to run.
    fn stable(&self, loaded: &Loaded, lang: Lang) -> String {
        let rendered = loaded.render_diagnostics(lang, false);
        let home = self.home.path().display().to_string();
        let shell = self.shell.display().to_string();
        rendered.replace(&home, "~").replace(&shell, "SHELL")
    }
}

/// The key of each model server.
fn keys(loaded: &Loaded) -> Vec<Option<String>> {
    let servers = loaded
        .config
        .providers()
        .filter(|provider| provider.id.starts_with('s'));
    servers
        .filter(|provider| provider.configured)
        .map(|provider| provider.key().map(|key| key.secret.expose().to_owned()))
        .collect()
}

fn some(keys: &[&str]) -> Vec<Option<String>> {
    keys.iter().map(|key| Some((*key).to_owned())).collect()
}

#[test]
fn a_file_gives_one_secret_or_many() {
    let kept = Kept::new();
    kept.file(
        "many.json",
        "\u{feff}{\"a\": {\"b/c\": \"one\"}, \"list\": [1, \"two\"]}",
        0o600,
    );
    kept.file("whole.txt", " three \r\n", 0o400);
    kept.file("open.txt", "four", 0o644);
    let providers = "many: {source: 'file', path: '~/many.json'},
        whole: {source: 'file', path: '${HOME}/whole.txt', mode: 'singleValue'},
        open: {source: 'file', path: '~/open.txt', mode: 'singleValue', allowInsecurePath: true}";
    let loaded = kept.fetched(
        providers,
        &[
            "source: 'file', provider: 'many', id: '/a/b~1c'",
            "source: 'file', provider: 'many', id: '/list/1'",
            "source: 'file', provider: 'whole', id: 'value'",
            "source: 'file', provider: 'open', id: 'value'",
        ],
    );
    assert_eq!(summary(&loaded), [""; 0]);
    assert_eq!(keys(&loaded), some(&["one", "two", " three ", "four"]));
    let key = loaded.config.provider("s0").unwrap().key().unwrap();
    assert_eq!(
        key.source,
        KeySource::Kept {
            key: "models.providers.s0.apiKey".to_owned(),
            provider: "many".to_owned(),
        }
    );
}

#[test]
fn a_program_is_run_when_its_secrets_are_needed_and_once() {
    let kept = Kept::new();
    let providers = kept.script("vault", GIVES, "");
    let references = [
        "source: 'exec', provider: 'vault', id: 'a'",
        "source: 'exec', provider: 'vault', id: 'b'",
        "source: 'exec', provider: 'vault', id: 'a'",
    ];
    let mut loaded = kept.load(&providers, &references);
    assert_eq!(keys(&loaded), [None, None, None]);
    let before = loaded.show();
    for key in ["models.providers.s0.apiKey", "secrets", "store.secretsKey"] {
        loaded.explain(key).unwrap();
    }
    assert_eq!((summary(&loaded), loaded.kept_elsewhere()), (Vec::new(), 3));
    let vault = Vault::default();
    loaded.fetch(&vault, Needs::Store);
    assert_eq!(kept.runs(), 0);

    loaded.fetch(&vault, Needs::Models);
    loaded.fetch(&vault, Needs::All);
    assert_eq!(keys(&loaded), some(&["from-a", "from-b", "from-a"]));
    let mut again = kept.home.load();
    again.fetch(&vault, Needs::Models);
    assert_eq!(keys(&again), keys(&loaded));
    assert_eq!((summary(&loaded), kept.runs()), (Vec::new(), 1));
    // Where they are kept is shown, before and after; what they are is not.
    assert_eq!(loaded.show(), before);
    assert!(!format!("{loaded:?}{}", loaded.show()).contains("from-"));
    let explained = loaded.explain("models.providers.s1.apiKey").unwrap();
    let place = serde_json::json!({"source": "exec", "provider": "vault", "id": "b"});
    assert_eq!(explained.value, Some(place));
}

/// What a question costs is shared, so that it needs to know where, and nothing else of the store.
#[test]
fn a_question_fetches_no_more_than_it_needs() {
    let kept = Kept::new();
    let file = |name: &str, secret: &str| {
        let path = kept.home.write(name, secret);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        format!(
            "{name}: {{source: 'file', path: '{}', mode: 'singleValue'}}",
            path.display()
        )
    };
    let files = [file("key", "k"), file("url", "postgres://h/db"), file("secret", "s")].join(", ");
    let config = format!(
        "{{secrets: {{providers: {{{files}}}}},
          store: {{url: {{source: 'file', provider: 'url', id: 'value'}}, secretsKey: {{source: 'file', provider: 'secret', id: 'value'}}}},
          models: {{providers: {{p: {{baseUrl: 'http://h/v1', apiKey: {{source: 'file', provider: 'key', id: 'value'}}}}}}}}}}"
    );
    kept.home.write(".yabby/yabby.json5", &config);
    let fetched = |needs: Needs| {
        let mut loaded = kept.home.load();
        loaded.fetch(&Vault::default(), needs);
        let (config, store) = (&loaded.config, &loaded.config.store);
        (
            config.provider("p").unwrap().has_key(),
            store.database.is_some(),
            store.secrets_key.is_some(),
        )
    };
    assert_eq!(fetched(Needs::Models), (true, false, false));
    assert_eq!(fetched(Needs::Question), (true, true, false));
    assert_eq!(fetched(Needs::Spent), (false, true, false));
    assert_eq!(fetched(Needs::Store), (false, true, true));
}

#[test]
fn a_secret_may_stand_wherever_one_may() {
    let kept = Kept::new();
    let vault = kept.script("vault", GIVES, "");
    let config = format!(
        "{{secrets: {{providers: {{{vault}}}, defaults: {{exec: 'vault'}}}},
          store: {{url: {{source: 'exec', id: 'b'}}, secretsKey: {{source: 'exec', id: 'a'}}}},
          models: {{providers: {{p: {{baseUrl: 'http://h/v1', apiKeys: ['k', {{source: 'exec', id: 'a'}}],
            headers: {{'X-A': {{source: 'exec', id: 'a'}}}},
            models: [{{id: 'm', headers: {{'X-B': {{source: 'exec', id: 'b'}}}}}}]}}}}}}}}"
    )
    .replace("from-b", "postgres://h/db");
    kept.home.write("vault.sh", &GIVES.replace("from-b", "postgres://h/db"));
    kept.home.write(".yabby/yabby.json5", &config);
    let mut loaded = kept.home.load();
    assert!(
        loaded.config.store.in_doubt,
        "nothing is stored before it is known where"
    );
    assert_eq!(loaded.config.provider("p").unwrap().headers, []);
    let before = loaded.show();
    loaded.fetch(&Vault::default(), Needs::All);
    assert_eq!(summary(&loaded), [""; 0]);
    assert_eq!(loaded.show(), before);

    let provider = loaded.config.provider("p").unwrap();
    let keys: Vec<&str> = provider.keys.iter().map(|key| key.secret.expose()).collect();
    assert_eq!(keys, ["k", "from-a"]);
    assert_eq!(provider.headers[0].1.expose(), "from-a");
    assert_eq!(provider.models[0].headers[0].1.expose(), "postgres://h/db");
    let store = &loaded.config.store;
    assert_eq!(store.database.as_ref().unwrap().shown, "postgres://h/db");
    assert_eq!(store.secrets_key.as_ref().unwrap().expose(), "from-a");
    assert!(!store.in_doubt);
    assert_eq!(kept.runs(), 1);
}

#[test]
fn a_program_gets_only_the_variables_that_it_may_have() {
    let kept = Kept {
        home: Home::new()
            .var("PATH", "/usr/bin:/bin")
            .var("TOKEN", "passed")
            .var("OTHER", "not-passed"),
        ..Kept::new()
    };
    // `PWD`, `OLDPWD`, `SHLVL` and `_` are the shell's own.
    let script = "env | grep -v -e '^PWD=' -e '^OLDPWD=' -e '^SHLVL=' -e '^_=' | sort | tr '\\n' ';'";
    let providers = kept.script(
        "vault",
        script,
        "jsonOnly: false, passEnv: ['TOKEN', 'UNSET'], env: {OWN: 'x y'}",
    );
    let loaded = kept.fetched(&providers, &["source: 'exec', provider: 'vault', id: 'value'"]);
    let home = kept.home.path().display().to_string();
    let expected = format!("HOME={home};OWN=x y;PATH=/usr/bin:/bin;TOKEN=passed;");
    assert_eq!((keys(&loaded), summary(&loaded)), (some(&[&expected]), Vec::new()));
}

#[test]
fn a_program_may_be_a_link_where_that_is_said() {
    let kept = Kept::new();
    let link = kept.home.path().join("link");
    symlink(&kept.shell, &link).unwrap();
    let folder = kept.shell.parent().unwrap().display().to_string();
    let provider = |name: &str, more: &str| {
        format!("{name}: {{source: 'exec', command: '~/link', args: ['-c', 'echo x'], jsonOnly: false, {more}}}, ")
    };
    let providers = provider("no", "")
        + &provider("yes", &format!("allowSymlinkCommand: true, trustedDirs: ['{folder}']"))
        + &provider("elsewhere", "allowSymlinkCommand: true, trustedDirs: ['~/']");
    let references = ["no", "yes", "elsewhere"].map(|name| format!("source: 'exec', provider: '{name}', id: 'value'"));
    let loaded = kept.fetched(&providers, &references.each_ref().map(String::as_str));
    assert_eq!(keys(&loaded), [None, Some("x".to_owned()), None]);
}

/// Each way to fail, and that each turns off its own value alone.
fn failures(kept: &Kept) -> Loaded {
    kept.file("good.txt", "good", 0o600);
    kept.file("open.txt", "canary", 0o640);
    kept.file("large.txt", "canary-canary", 0o600);
    kept.file("broken.json", "{\"a\": \"canary\"", 0o600);
    kept.file("many.json", "{\"a\": 5, \"b\": \"\"}", 0o600);
    kept.file("program", "", 0o666);
    let file = |name: &str, path: &str, more: &str| format!("{name}: {{source: 'file', path: '~/{path}', {more}}}, ");
    let whole = "mode: 'singleValue'";
    let providers = [
        file("good", "good.txt", whole),
        file("absent", "absent.txt", whole),
        file("open", "open.txt", whole),
        file("large", "large.txt", &format!("{whole}, maxBytes: 5")),
        file("folder", ".yabby", whole),
        file("broken", "broken.json", ""),
        file("many", "many.json", ""),
        "writable: {source: 'exec', command: '~/program'}, ".to_owned(),
        kept.script("slow", "echo canary\nsleep 600", "timeoutMs: 200"),
        kept.script("silent", "exec >&-\nsleep 600", "timeoutMs: 200"),
        kept.script("much", "while :; do echo canary; done", "maxOutputBytes: 100"),
        kept.script("failed", "echo canary\necho canary >&2\nexit 3", ""),
        kept.script("nothing", ":", ""),
        kept.script("plain", "echo canary", ""),
        kept.script("refuses", &GIVES.replace("[\"a\"", "["), ""),
    ]
    .concat();
    let file = |name: &str, id: &str| format!("source: 'file', provider: '{name}', id: '{id}'");
    let program = |name: &str| format!("source: 'exec', provider: '{name}', id: 'c'");
    let references = [
        file("good", "value"),
        file("absent", "value"),
        file("open", "value"),
        file("large", "value"),
        file("folder", "value"),
        file("broken", "/a"),
        file("many", "/a"),
        file("many", "/b"),
        file("many", "/c"),
        program("writable"),
        program("slow"),
        program("silent"),
        program("much"),
        program("failed"),
        program("nothing"),
        program("plain"),
        program("refuses"),
    ];
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let loaded = kept.fetched(&providers, &references);
    let mut expected = some(&["good"]);
    expected.resize(references.len(), None);
    assert_eq!(keys(&loaded), expected);
    assert!(!format!("{:?}", loaded.diagnostics).contains("canary"));
    loaded
}

#[test]
fn each_failure_says_what_to_do_next() {
    let kept = Kept::new();
    let loaded = failures(&kept);
    insta::assert_snapshot!("failures_in_english", kept.stable(&loaded, Lang::En));
    insta::assert_snapshot!("failures_in_chinese", kept.stable(&loaded, Lang::ZhTw));
}

#[test]
fn each_mistake_is_told_where_it_stands() {
    let kept = Kept::new();
    let providers = "relative: {source: 'exec', command: 'vault'},
        bare: {source: 'file'},
        wrong: {source: 'file', path: '/x', mode: 'yaml'},
        folders: {source: 'exec', command: '/x', trustedDirs: ['bin']},
        cloud: {source: 'gcp', path: 5},
        other: {source: 'gcp'},
        file: {source: 'file', path: '/x'},
        whole: {source: 'file', path: '/x', mode: 'singleValue'},
        listed: {source: 'env', allowlist: ['A_KEY']},
        vault: {source: 'exec', command: '/x', pluginIntegration: {}, zebra: 1},";
    let kept_by =
        |source: &str, provider: &str, id: &str| format!("source: '{source}', provider: '{provider}', id: '{id}'");
    let references = [
        kept_by("exec", "relative", "a"),
        kept_by("file", "bare", "/a"),
        kept_by("file", "wrong", "/a"),
        kept_by("exec", "folders", "a"),
        kept_by("gcp", "other", "a"),
        kept_by("file", "vault", "/a"),
        kept_by("env", "vault", "A_KEY"),
        kept_by("file", "file", "a"),
        kept_by("file", "whole", "/a"),
        kept_by("exec", "vault", "../a"),
        kept_by("exec", "volt", "a"),
        kept_by("exec", "zebra", "a"),
        kept_by("env", "listed", "B_KEY"),
        "source: 'exec', id: 'a'".to_owned(),
    ];
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let loaded = kept.load(providers, &references);
    assert!(keys(&loaded).iter().all(Option::is_none));
    assert_eq!(loaded.kept_elsewhere(), 0, "nothing is asked for what has a mistake");
    insta::assert_snapshot!("mistakes_in_english", kept.stable(&loaded, Lang::En));
    insta::assert_snapshot!("mistakes_in_chinese", kept.stable(&loaded, Lang::ZhTw));
}

#[test]
fn while_a_secret_cannot_be_had_no_other_account_is_used() {
    let kept = Kept {
        home: Home::new().var("OPENAI_API_KEY", "of-another-account"),
        ..Kept::new()
    };
    let config = "{secrets: {providers: {f: {source: 'file', path: '~/absent', mode: 'singleValue'}}},
        models: {providers: {openai: {apiKey: {source: 'file', provider: 'f', id: 'value'}}}}}";
    kept.home.write(".yabby/yabby.json5", config);
    let mut loaded = kept.home.load();
    loaded.fetch(&Vault::default(), Needs::Models);
    assert_eq!(loaded.config.provider("openai").unwrap().keys, []);
    let kinds: Vec<DiagnosticKind> = loaded.diagnostics.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [DiagnosticKind::SecretUnavailable]);
}

#[test]
fn the_arguments_and_variables_of_a_program_are_not_shown() {
    let loaded = text(
        "{secrets: {providers: {v: {source: 'exec', command: '/bin/v', args: ['--token', 'canary'],
          env: {TOKEN: 'canary'}, passEnv: ['X']}}}}",
    );
    let shown = [loaded.show().to_string(), format!("{loaded:?}"), loaded.masked_text()].concat();
    assert!(!shown.contains("canary"), "{shown}");
    for key in ["secrets", "secrets.providers.v.args", "secrets.providers.v.env.TOKEN"] {
        let explained = format!("{:?}", loaded.explain(key));
        assert!(!explained.contains("canary"), "{explained}");
    }
}
