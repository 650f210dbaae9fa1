//! Finds the config, reads it, and carries it through every stage.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use yabby_core::{Lang, text};

use crate::{
    Config, Environment, Paths,
    check::{self, Checked},
    diagnostic::{Diagnostic, DiagnosticKind, Severity, UnusedKey},
    environment::vars,
    include::Includer,
    policy_check, render,
    resolve::Resolver,
    source::{Sources, Span},
    tree::{self, Node, Value},
    variables::Variables,
};

/// Which file the config came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--config`.
    Explicit(PathBuf),
    /// `$YABBY_CONFIG`.
    Environment(PathBuf),
    /// `~/.yabby/yabby.json5`.
    Home(PathBuf),
    /// OpenClaw's config, which is never written.
    OpenClaw(PathBuf),
    /// There is no config file.
    None,
}

/// A config with everything that was noticed while loading it. `Debug` shows no secret.
#[derive(Clone)]
pub struct Loaded {
    /// What the program runs on. Sections with errors are left out of it.
    pub config: Config,
    /// Where it came from.
    pub origin: Origin,
    /// Errors, warnings and notes in the order they were found, so that causes come before what follows from them.
    pub diagnostics: Vec<Diagnostic>,
    /// Keys of OpenClaw that Yabby does not use yet.
    pub unused: Vec<UnusedKey>,
    pub(crate) sources: Sources,
    /// Everything that is written, includes and variables put in.
    pub(crate) written: Node,
    /// What is left of it after the check.
    pub(crate) usable: Node,
}

/// Loads the config: `explicit`, else `$YABBY_CONFIG`, else `~/.yabby/yabby.json5`, else OpenClaw's.
///
/// Never fails. What is wrong becomes a diagnostic, and the rest is used.
pub fn load(env: &Environment, paths: &Paths, explicit: Option<&Path>) -> Loaded {
    let mut diagnostics = Vec::new();
    let (origin, content) = find(env, paths, explicit, &mut diagnostics);
    let mut dot_env = vec![Paths::dot_env(&paths.state_dir)];
    if let Origin::OpenClaw(file) = &origin {
        dot_env.extend(file.parent().map(Paths::dot_env));
    }
    build(env, origin, content, &dot_env, diagnostics)
}

/// Loads a config from text alone: no files are read, so `$include` does not work.
pub fn load_text(text: &str, env: &Environment) -> Loaded {
    build(env, Origin::None, Some(text.to_owned()), &[], Vec::new())
}

/// An object without keys.
pub(crate) fn empty_tree() -> Node {
    let span = Span {
        file: 0,
        start: 0,
        end: 0,
    };
    Node::new(Value::Object(Vec::new()), span)
}

// === impl Origin ===

impl Origin {
    /// The file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Explicit(path) | Self::Environment(path) | Self::Home(path) | Self::OpenClaw(path) => Some(path),
            Self::None => None,
        }
    }

    /// Whether Yabby may write the file.
    pub fn is_writable(&self) -> bool {
        !matches!(self, Self::OpenClaw(_) | Self::None)
    }
}

// === impl Loaded ===

impl Loaded {
    /// Whether part of the config is off.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Every diagnostic with its place and source line, for a terminal. Secrets in the lines are masked.
    pub fn render_diagnostics(&self, lang: Lang, color: bool) -> String {
        render::render(&self.diagnostics, &self.sources, lang, color)
    }

    /// Some of the diagnostics, rendered in the same way.
    pub fn render_only<'a>(
        &self,
        diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
        lang: Lang,
        color: bool,
    ) -> String {
        let chosen: Vec<Diagnostic> = diagnostics.into_iter().cloned().collect();
        render::render(&chosen, &self.sources, lang, color)
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("config", &self.config)
            .field("origin", &self.origin)
            .field("diagnostics", &self.diagnostics)
            .field("unused", &self.unused)
            .finish_non_exhaustive()
    }
}

/// The file to use and its text. A file that was asked for by name must exist.
fn find(
    env: &Environment,
    paths: &Paths,
    explicit: Option<&Path>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Origin, Option<String>) {
    let named = explicit
        .map(|path| Origin::Explicit(path.to_owned()))
        .or_else(|| env.get(vars::CONFIG).map(|path| Origin::Environment(path.into())));
    let candidates = match named {
        Some(named) => vec![named],
        None => vec![
            Origin::Home(paths.own_config()),
            Origin::OpenClaw(paths.openclaw_config.clone()),
        ],
    };
    for origin in candidates {
        let Some(path) = origin.path() else { continue };
        let optional = matches!(origin, Origin::Home(_) | Origin::OpenClaw(_));
        match std::fs::read_to_string(path) {
            Ok(content) => return (origin, Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && optional => {}
            Err(error) => {
                diagnostics.push(unreadable(&origin, path, &error));
                return (origin, None);
            }
        }
    }
    (Origin::None, None)
}

fn unreadable(origin: &Origin, path: &Path, error: &io::Error) -> Diagnostic {
    let message = if error.kind() == io::ErrorKind::NotFound {
        text!("the config file {file} does not exist", file = path.display())
    } else {
        text!(
            "the config file {file} cannot be read: {reason}",
            file = path.display(),
            reason = error
        )
    };
    let help = match origin {
        Origin::Explicit(_) => text!("check the path after --config"),
        Origin::Environment(_) => text!("check the path in YABBY_CONFIG, or unset it"),
        _ => text!("check its permissions; until then Yabby runs without a config"),
    };
    Diagnostic::error(DiagnosticKind::Unreadable, message).with_help(help)
}

fn build(
    env: &Environment,
    origin: Origin,
    content: Option<String>,
    dot_env: &[PathBuf],
    mut diagnostics: Vec<Diagnostic>,
) -> Loaded {
    let mut sources = Sources::default();
    let mut written = match content {
        Some(content) => read(env, &origin, content, &mut sources, &mut diagnostics),
        None => empty_tree(),
    };

    let mut variables = Variables::new(env);
    for path in dot_env {
        variables.read_dot_env(path, &mut diagnostics);
    }
    variables.read_config(&written);
    variables.apply(&mut written);

    let Checked {
        tree: usable,
        diagnostics: found,
        unused,
    } = check::check(written.clone(), &sources);
    diagnostics.extend(found);

    let mut resolver = Resolver {
        tree: &usable,
        sources: &sources,
        variables: &variables,
        diagnostics: Vec::new(),
    };
    let config = resolver.config();
    diagnostics.append(&mut resolver.diagnostics);
    diagnostics.extend(policy_check::check(&config, &written, &sources));

    Loaded {
        config,
        origin,
        diagnostics,
        unused,
        sources,
        written,
        usable,
    }
}

/// The tree of the file and everything it includes; empty when it is not JSON5.
fn read(
    env: &Environment,
    origin: &Origin,
    content: String,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let path = origin.path().unwrap_or(Path::new("config"));
    let file = sources.add(path, content);
    let (node, duplicates) = match tree::parse(sources, file) {
        Ok(parsed) => parsed,
        Err(error) => {
            let help = text!("until this is corrected, Yabby runs without this config");
            let diagnostic = Diagnostic::error(DiagnosticKind::Syntax, error.reason).with_help(help);
            diagnostics.push(diagnostic.at(sources, error.span));
            return empty_tree();
        }
    };
    for earlier in &duplicates {
        diagnostics.push(Diagnostic::duplicate_key(earlier, &[]).at(sources, earlier.key_span));
    }
    let chain: Vec<PathBuf> = origin
        .path()
        .and_then(|path| path.canonicalize().ok())
        .into_iter()
        .collect();
    let own_folder = chain.iter().filter_map(|file| file.parent()).map(Path::to_owned);
    let listed = [vars::INCLUDE_ROOTS, vars::OPENCLAW_INCLUDE_ROOTS]
        .into_iter()
        .flat_map(|name| env.folders(name))
        .filter_map(|folder| folder.canonicalize().ok());
    let roots = own_folder.chain(listed).collect();
    let mut includer = Includer {
        sources,
        diagnostics,
        roots,
    };
    includer.expand(node, &chain, &mut Vec::new())
}
