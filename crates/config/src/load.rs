//! Finds the config, reads it, and carries it through every stage.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use yabby_core::{Lang, text};

use crate::{
    Config, Environment, Paths,
    check::{self, Checked},
    diagnostic::{Diagnostic, DiagnosticKind, Severity, UnusedKey},
    environment::vars,
    fetch::{Answers, Keepers, Written},
    include::{Includer, Link},
    origin::{self, Origin, is_openclaw},
    policy_check,
    privacy::Doubts,
    render,
    resolve::Resolver,
    secret::Redactor,
    source::{SourceFile, Sources, Span},
    tree::{self, Duplicate, Node, Value},
    unknown,
    variables::Variables,
};

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
    /// Takes the values of secret variables out of texts.
    pub(crate) redactor: Redactor,
    /// The files and programs that secrets come from.
    pub(crate) keepers: Keepers,
    /// Where the config refers to them.
    pub(crate) references: Vec<Written>,
    /// Every file that says something, those too that are not there.
    files: Vec<PathBuf>,
    variables: Variables,
    doubts: Doubts,
    own_dot_env: PathBuf,
    /// Whether the config is OpenClaw's own file.
    of_openclaw: bool,
    /// How many of the diagnostics are about the text alone.
    of_text: usize,
}

/// Loads the config: `explicit`, else `$YABBY_CONFIG`, else `~/.yabby/yabby.json5`, else OpenClaw's.
///
/// Never fails. What is wrong becomes a diagnostic, and the rest is used.
pub fn load(env: &Environment, paths: &Paths, explicit: Option<&Path>) -> Loaded {
    let mut diagnostics = Vec::new();
    let (origin, content) = origin::find(env, paths, explicit, &mut diagnostics);
    let mut reader = Reader::new(env, Some(paths), diagnostics);
    reader.files = origin::looked_for(env, paths, explicit);
    let written = content.map(|content| reader.read(&origin, content));
    build(reader, origin, written)
}

/// Loads `text` as if it stood in the file of `origin` already: what a config would become, before it is written.
pub fn load_draft(env: &Environment, paths: &Paths, origin: Origin, text: String) -> Loaded {
    let mut reader = Reader::new(env, Some(paths), Vec::new());
    let written = reader.read(&origin, text);
    build(reader, origin, Some(written))
}

/// Loads a config from text alone: no files are read, so `$include` does not work.
pub fn load_text(text: &str, env: &Environment) -> Loaded {
    let mut reader = Reader::new(env, None, Vec::new());
    let written = reader.read(&Origin::None, text.to_owned());
    build(reader, Origin::None, Some(written))
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

// === impl Loaded ===

impl Loaded {
    /// Makes the typed config of what is written and of the secrets that were fetched, in the place of the one before.
    pub(crate) fn resolve(&mut self, vault: &Answers) {
        let mut resolver = Resolver {
            tree: &self.usable,
            written: &self.written,
            sources: &self.sources,
            variables: &self.variables,
            redactor: &self.redactor,
            dot_env: &self.own_dot_env,
            doubts: &self.doubts,
            of_openclaw: self.of_openclaw,
            vault,
            keepers: Keepers::default(),
            references: Vec::new(),
            diagnostics: Vec::new(),
        };
        self.config = resolver.config();
        self.diagnostics.truncate(self.of_text);
        self.diagnostics.append(&mut resolver.diagnostics);
        (self.keepers, self.references) = (resolver.keepers, resolver.references);
        let found = policy_check::check(&self.config, &self.written, &self.sources, &self.redactor);
        self.diagnostics.extend(found);
    }

    /// Every file that the config depends on: the config itself, what it includes, `.env` files, and files with secrets. Those
    /// too that are not there, and would count if they were.
    pub fn files(&self) -> Vec<PathBuf> {
        let kept = self.references.iter().filter_map(|written| written.asked.keeper.file());
        let mut files: Vec<PathBuf> = self
            .files
            .iter()
            .map(PathBuf::as_path)
            .chain(kept)
            .map(Path::to_owned)
            .collect();
        files.sort();
        files.dedup();
        files
    }

    /// Whether part of the config is off.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The text of the config file itself, with every secret and every comment as `*`. Each line keeps its place; a byte
    /// order mark is left out.
    pub fn masked_text(&self) -> String {
        self.sources.first().map(SourceFile::masked).unwrap_or_default()
    }

    /// Every diagnostic with its place and source line, for a terminal. Secrets in the lines are masked.
    pub fn render_diagnostics(&self, lang: Lang, color: bool) -> String {
        self.render_only(&self.diagnostics, lang, color)
    }

    /// Some of the diagnostics, rendered in the same way.
    pub fn render_only<'a>(
        &self,
        diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
        lang: Lang,
        color: bool,
    ) -> String {
        let chosen: Vec<&Diagnostic> = diagnostics.into_iter().collect();
        render::render(&chosen, &self.sources, &self.redactor, lang, color)
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

fn build(reader: Reader<'_>, origin: Origin, written: Option<Node>) -> Loaded {
    let mut written = written.unwrap_or_else(empty_tree);
    let dot_env = reader.dot_env();
    let of_openclaw = reader
        .paths
        .is_some_and(|paths| reader.sources.paths().any(|path| is_openclaw(path, paths)));
    let Reader {
        env,
        paths,
        mut sources,
        duplicates,
        mut diagnostics,
        mut files,
    } = reader;
    files.extend(dot_env.iter().cloned());

    let mut variables = Variables::new(env);
    for path in &dot_env {
        variables.read_dot_env(path, &mut diagnostics);
    }
    variables.read_config(&written);
    variables.apply(&mut written);
    let redactor = Redactor::new(&written, &variables);
    sources.hide(unknown::values(&written, &duplicates));

    let own_dot_env = paths.map_or_else(|| "~/.yabby/.env".into(), |paths| Paths::dot_env(&paths.state_dir));
    let Checked {
        tree: usable,
        diagnostics: found,
        unused,
    } = check::check(written.clone(), &sources, &own_dot_env, &redactor);
    diagnostics.extend(found);
    let doubts = Doubts::of(&mut diagnostics, &duplicates);

    let mut loaded = Loaded {
        config: Config::default(),
        origin,
        of_text: diagnostics.len(),
        diagnostics,
        unused,
        sources,
        written,
        usable,
        redactor,
        keepers: Keepers::default(),
        references: Vec::new(),
        files,
        variables,
        doubts,
        own_dot_env,
        of_openclaw,
    };
    loaded.resolve(&Answers::default());
    loaded
}

/// Reads the config and what it includes.
struct Reader<'a> {
    env: &'a Environment,
    /// None when the config is no file.
    paths: Option<&'a Paths>,
    sources: Sources,
    duplicates: Vec<Duplicate>,
    diagnostics: Vec<Diagnostic>,
    files: Vec<PathBuf>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn new(env: &'a Environment, paths: Option<&'a Paths>, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            env,
            paths,
            sources: Sources::default(),
            duplicates: Vec::new(),
            diagnostics,
            files: Vec::new(),
        }
    }

    /// The tree of the file and everything it includes; empty when it is not JSON5.
    fn read(&mut self, origin: &Origin, content: String) -> Node {
        let path = origin.path().unwrap_or(Path::new("config"));
        let file = self.sources.add(path, content, &[]);
        let (node, duplicates) = match tree::parse(&self.sources, file, &[]) {
            Ok(parsed) => parsed,
            Err(error) => {
                let help = text!("correct this first: nothing of the file can be used");
                let diagnostic = Diagnostic::error(DiagnosticKind::Syntax, error.reason).with_help(help);
                self.diagnostics.push(diagnostic.at(&self.sources, error.span));
                return empty_tree();
            }
        };
        for duplicate in &duplicates {
            let diagnostic = Diagnostic::duplicate_key(duplicate);
            self.diagnostics
                .push(diagnostic.at(&self.sources, duplicate.member.key_span));
        }
        self.duplicates = duplicates;
        let chain: Vec<Link> = origin
            .path()
            .and_then(|path| Link::new(path).or_else(|| Link::unwritten(path)))
            .into_iter()
            .collect();
        let roots = self.roots(&chain);
        let mut includer = Includer {
            sources: &mut self.sources,
            diagnostics: &mut self.diagnostics,
            roots,
            duplicates: Vec::new(),
            tried: Vec::new(),
        };
        let node = includer.expand(node, &chain, &mut Vec::new());
        let (included, tried) = (includer.duplicates, includer.tried);
        self.duplicates.extend(included);
        self.files.extend(tried);
        node
    }

    /// The canonical folders that files may be included from: of the config, of OpenClaw's, and what is listed.
    fn roots(&self, chain: &[Link]) -> Vec<PathBuf> {
        let openclaw = self.paths.and_then(|paths| Link::new(&paths.openclaw_config));
        let own = chain.iter().chain(&openclaw).flat_map(Link::folders).cloned();
        let openclaw_folder = self.paths.and_then(|paths| paths.openclaw_config.parent());
        let listed = [vars::INCLUDE_ROOTS, vars::OPENCLAW_INCLUDE_ROOTS]
            .into_iter()
            .flat_map(|name| self.env.folders(name))
            .chain(openclaw_folder.map(Path::to_owned))
            .filter_map(|folder| folder.canonicalize().ok());
        own.chain(listed).collect()
    }

    /// The `.env` files to read, strongest first. OpenClaw's counts where its config does.
    fn dot_env(&self) -> Vec<PathBuf> {
        let Some(paths) = self.paths else {
            return Vec::new();
        };
        let mut files = vec![Paths::dot_env(&paths.state_dir)];
        if self.sources.paths().any(|path| is_openclaw(path, paths)) {
            files.extend(paths.openclaw_config.parent().map(Paths::dot_env));
        }
        files
    }
}
