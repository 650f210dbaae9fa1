//! `$include`: other files put in the place of an object.

use std::path::{Path, PathBuf};

use yabby_core::{Text, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, dotted},
    source::{Sources, Span},
    tree::{self, Member, Node, Value},
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
}

/// Why a file is not included.
enum Refusal {
    /// Said at the `$include`.
    Here(Text, Option<Text>),
    /// Said already, inside the included file.
    Inside,
}

// === impl Includer ===

impl Includer<'_> {
    /// Replaces every `$include` below `node`. `chain` holds the canonical files on the way here, this one last.
    pub(crate) fn expand(&mut self, node: Node, chain: &[PathBuf], path: &mut Vec<Seg>) -> Node {
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

    fn object(&mut self, members: Vec<Member>, span: Span, chain: &[PathBuf], path: &mut Vec<Seg>) -> Node {
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
    fn include(&mut self, include: &Node, chain: &[PathBuf], path: &mut Vec<Seg>) -> Option<Node> {
        let files = match &include.value {
            Value::String(_) => std::slice::from_ref(include),
            Value::Array(items) => items.as_slice(),
            _ => &[],
        };
        if files.is_empty() || files.iter().any(|file| file.as_str().is_none()) {
            let message = text!("$include needs a file name, or a list of file names");
            self.report(include.span, path, message, None);
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

    fn load(&mut self, name: &str, chain: &[PathBuf], path: &mut Vec<Seg>) -> Result<Node, Refusal> {
        let file = self.locate(name, chain)?;
        let unreadable = |error: std::io::Error| unreadable(name, &error);
        let size = std::fs::metadata(&file).map_err(unreadable)?.len();
        if size > MAX_BYTES {
            let message = text!("the included file {file} is larger than 2 MB", file = name);
            return Err(Refusal::Here(message, Some(text!("split it into smaller files"))));
        }
        let content = std::fs::read_to_string(&file).map_err(unreadable)?;
        let id = self.sources.add(&file, content);
        match tree::parse(self.sources, id) {
            Ok((node, duplicates)) => {
                for earlier in &duplicates {
                    let diagnostic = Diagnostic::duplicate_key(earlier, path);
                    self.diagnostics.push(diagnostic.at(self.sources, earlier.key_span));
                }
                let chain: Vec<PathBuf> = chain.iter().cloned().chain([file]).collect();
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

    /// The canonical path of an included file, if it may be read.
    fn locate(&self, name: &str, chain: &[PathBuf]) -> Result<PathBuf, Refusal> {
        let here = |message| Refusal::Here(message, None);
        if name.contains('\0') || name.len() >= MAX_PATH {
            return Err(here(text!("this is not a usable file name")));
        }
        let Some(folder) = chain.last().and_then(|file| file.parent()) else {
            return Err(here(text!("$include works only in a config that is a file")));
        };
        if chain.len() > MAX_DEPTH {
            let message = text!("files are included more than {depth} levels deep", depth = MAX_DEPTH);
            return Err(here(message));
        }
        let file = folder
            .join(name)
            .canonicalize()
            .map_err(|error| unreadable(name, &error))?;
        if !self.roots.iter().any(|root| file.starts_with(root)) {
            let message = text!("{file} lies outside the folder of the config", file = name);
            let help = text!("move it there, or list its folder in YABBY_INCLUDE_ROOTS");
            return Err(Refusal::Here(message, Some(help)));
        }
        if let Some(start) = chain.iter().position(|known| *known == file) {
            let round = chain[start..].iter().chain([&file]);
            let names: Vec<String> = round.map(|file| file_name(file)).collect();
            let message = text!("these files include each other: {chain}", chain = names.join(" → "));
            return Err(Refusal::Here(
                message,
                Some(text!("remove one of these $include lines")),
            ));
        }
        Ok(file)
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
    Refusal::Here(message, None)
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
