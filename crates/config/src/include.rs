//! `$include`: other files put in the place of an object.

use std::path::{Path, PathBuf};

use yabby_core::{Text, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, dotted},
    source::{Sources, Span},
    tree::{self, Duplicate, Member, Node, Value},
};

const KEY: &str = "$include";
const MAX_DEPTH: usize = 10;
const MAX_BYTES: u64 = 2 * 1024 * 1024;
const MAX_PATH: usize = 4096;

/// Reads included files into `sources` and reports what cannot be included.
pub(crate) struct Includer<'a> {
    pub(crate) sources: &'a mut Sources,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
    /// Canonical folders that files may be included from.
    pub(crate) roots: Vec<PathBuf>,
    /// What the included files hold and does not count.
    pub(crate) duplicates: Vec<Duplicate>,
    /// Where included files were looked for, as they are named.
    pub(crate) tried: Vec<PathBuf>,
}

/// A file that is being read.
#[derive(Clone)]
pub(crate) struct Link {
    /// Its canonical path.
    file: PathBuf,
    /// The folder it was named in, and the one it lies in when its name is a link.
    folders: Vec<PathBuf>,
}

/// Why a file is not included.
enum Refusal {
    /// Said at the `$include`.
    Here(Text, Option<Text>),
    /// Said already, inside the included file.
    Inside,
}

// === impl Link ===

impl Link {
    /// The file at `path`, if there is one.
    pub(crate) fn new(path: &Path) -> Option<Self> {
        let file = path.canonicalize().ok()?;
        let named = std::path::absolute(path).ok();
        let mut folders: Vec<PathBuf> = [named.as_deref(), Some(&file)]
            .into_iter()
            .flatten()
            .filter_map(|path| path.parent()?.canonicalize().ok())
            .collect();
        folders.dedup();
        Some(Self { file, folders })
    }

    /// A file that is going to be there.
    pub(crate) fn unwritten(path: &Path) -> Option<Self> {
        let file = std::path::absolute(path).ok()?;
        let folder = file.parent()?;
        Some(Self {
            folders: vec![folder.canonicalize().unwrap_or_else(|_| folder.to_owned())],
            file,
        })
    }

    /// Canonical folders that its own includes may lie in.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

// === impl Includer ===

impl Includer<'_> {
    /// Replaces every `$include` below `node`. `chain` holds the files on the way here, this one last.
    pub(crate) fn expand(&mut self, node: Node, chain: &[Link], path: &mut Vec<Seg>) -> Node {
        let span = node.span;
        match node.value {
            Value::Array(items) => {
                let expanded = items.into_iter().enumerate().map(|(index, item)| {
                    path.push(Seg::Index(index));
                    let item = self.expand(item, chain, path);
                    path.pop();
                    item
                });
                Node::new(Value::Array(expanded.collect()), span)
            }
            Value::Object(members) => self.object(members, span, chain, path),
            value => Node { value, ..node },
        }
    }

    fn object(&mut self, members: Vec<Member>, span: Span, chain: &[Link], path: &mut Vec<Seg>) -> Node {
        let mut include = None;
        let mut siblings = Vec::with_capacity(members.len());
        for member in members {
            if member.key == KEY {
                include = Some(member.value);
                continue;
            }
            path.push(Seg::Key(member.key.clone()));
            let value = self.expand(member.value, chain, path);
            path.pop();
            siblings.push(Member { value, ..member });
        }
        let only_include = siblings.is_empty();
        let rest = Node::new(Value::Object(siblings), span);
        let Some(include) = include else {
            return rest;
        };
        let Some(included) = self.include(&include, chain, path) else {
            return rest;
        };
        if only_include {
            return included;
        }
        if !matches!(included.value, Value::Object(_)) {
            let message = text!("the included file is not an object, so it cannot be merged with the keys beside it");
            let help = text!("remove the other keys, or make the included file an object");
            self.report(include.span, path, message, Some(help));
            return rest;
        }
        merge(included, rest)
    }

    /// The content of one file, or of several merged in order.
    fn include(&mut self, include: &Node, chain: &[Link], path: &mut Vec<Seg>) -> Option<Node> {
        let files = match &include.value {
            Value::String(_) => std::slice::from_ref(include),
            Value::Array(items) => items.as_slice(),
            _ => &[],
        };
        if files.is_empty() || files.iter().any(|file| file.as_str().is_none()) {
            let message = text!("$include needs a file name, or a list of file names");
            let help = text!("write it as {example}", example = "$include: \"models.json5\"");
            self.report(include.span, path, message, Some(help));
            return None;
        }
        let mut merged: Option<Node> = None;
        for file in files {
            let name = file.as_str().unwrap_or_default();
            match self.load(name, chain, path) {
                Ok(node) => {
                    merged = Some(match merged {
                        Some(earlier) => merge(earlier, node),
                        None => node,
                    });
                }
                Err(Refusal::Here(message, help)) => self.report(file.span, path, message, help),
                Err(Refusal::Inside) => {}
            }
        }
        merged
    }

    fn load(&mut self, name: &str, chain: &[Link], path: &mut Vec<Seg>) -> Result<Node, Refusal> {
        let link = self.locate(name, chain)?;
        let unreadable = |error: std::io::Error| unreadable(name, &error);
        let size = std::fs::metadata(&link.file).map_err(unreadable)?.len();
        if size > MAX_BYTES {
            let message = text!("the included file {file} is larger than 2 MB", file = name);
            return Err(Refusal::Here(message, Some(text!("split it into smaller files"))));
        }
        let content = std::fs::read_to_string(&link.file).map_err(unreadable)?;
        let id = self.sources.add(&link.file, content, path);
        match tree::parse(self.sources, id, path) {
            Ok((node, duplicates)) => {
                for duplicate in &duplicates {
                    let diagnostic = Diagnostic::duplicate_key(duplicate);
                    self.diagnostics
                        .push(diagnostic.at(self.sources, duplicate.member.key_span));
                }
                self.duplicates.extend(duplicates);
                let chain: Vec<Link> = chain.iter().cloned().chain([link]).collect();
                Ok(self.expand(node, &chain, path))
            }
            Err(error) => {
                let diagnostic = Diagnostic::error(DiagnosticKind::Syntax, error.reason).for_key(dotted(path));
                let help = text!("the rest of the config is used without this file");
                self.diagnostics
                    .push(diagnostic.with_help(help).at(self.sources, error.span));
                Err(Refusal::Inside)
            }
        }
    }

    /// The included file, if it may be read.
    fn locate(&mut self, name: &str, chain: &[Link]) -> Result<Link, Refusal> {
        let here = |message, help| Refusal::Here(message, Some(help));
        if name.is_empty() || name.contains('\0') || name.len() >= MAX_PATH {
            let help = text!("write it as {example}", example = "$include: \"models.json5\"");
            return Err(here(text!("this is not a usable file name"), help));
        }
        let Some(parent) = chain.last() else {
            let message = text!("$include works only in a config that is a file");
            return Err(here(message, text!("write the keys themselves here")));
        };
        if chain.len() > MAX_DEPTH {
            let message = text!("files are included more than {depth} levels deep", depth = MAX_DEPTH);
            return Err(here(message, text!("include the file from one further up")));
        }
        let mut outside = false;
        let mut found = None;
        for folder in &parent.folders {
            let path = folder.join(name);
            let link = Link::new(&path);
            self.tried.push(path);
            let Some(link) = link else {
                continue;
            };
            if self.roots.iter().any(|root| link.file.starts_with(root)) {
                found = Some(link);
                break;
            }
            outside = true;
        }
        let Some(link) = found else {
            if outside {
                let message = text!("{file} lies outside the folder of the config", file = name);
                let help = text!("move it there, or list its folder in YABBY_INCLUDE_ROOTS");
                return Err(here(message, help));
            }
            let folder = parent.folders.first().map_or(Path::new(""), PathBuf::as_path);
            let error = folder.join(name).metadata().err();
            return Err(unreadable(name, &error.unwrap_or(std::io::ErrorKind::NotFound.into())));
        };
        if let Some(start) = chain.iter().position(|known| known.file == link.file) {
            let round = chain[start..].iter().chain([&link]);
            let names: Vec<String> = round.map(|link| file_name(&link.file)).collect();
            let message = text!("these files include each other: {chain}", chain = names.join(" → "));
            return Err(here(message, text!("remove one of these $include lines")));
        }
        Ok(link)
    }

    fn report(&mut self, span: Span, path: &[Seg], message: Text, help: Option<Text>) {
        let mut diagnostic = Diagnostic::error(DiagnosticKind::Include, message).for_key(dotted(path));
        diagnostic.help = help;
        self.diagnostics.push(diagnostic.at(self.sources, span));
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Refusal {
    let message = text!(
        "the included file {file} cannot be read: {reason}",
        file = name,
        reason = error
    );
    let help = match error.kind() {
        std::io::ErrorKind::InvalidData => text!("save the file as UTF-8"),
        std::io::ErrorKind::NotFound => {
            text!("check the name; it counts from the folder of the file that it stands in")
        }
        _ => text!("check its permissions"),
    };
    Refusal::Here(message, Some(help))
}

fn file_name(file: &Path) -> String {
    file.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Objects merge key by key, arrays join, of anything else the later counts.
fn merge(earlier: Node, later: Node) -> Node {
    match (earlier.value, later.value) {
        (Value::Object(mut members), Value::Object(added)) => {
            for member in added {
                if let Some(at) = members.iter().position(|known| known.key == member.key) {
                    let known = members.remove(at);
                    let value = merge(known.value, member.value);
                    members.insert(at, Member { value, ..member });
                } else {
                    members.push(member);
                }
            }
            Node::new(Value::Object(members), later.span)
        }
        (Value::Array(mut items), Value::Array(added)) => {
            items.extend(added);
            Node::new(Value::Array(items), later.span)
        }
        (_, value) => Node { value, ..later },
    }
}
