//! Which commands the owner has allowed before anybody asks.
//!
//! A list names programs by their paths, as OpenClaw's `exec-approvals.json` does. Here it counts for less: the command is one
//! program with its words, without anything that a shell would do to them, and neither a shell nor something that runs what it is
//! told. What is not certain is asked about.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use regex::Regex;

/// The programs that the owner has allowed.
#[derive(Clone, Debug, Default)]
pub struct AllowedPrograms {
    patterns: Vec<Regex>,
    /// Folders in which the agent may write: what is there is not what its owner has seen.
    never: Vec<PathBuf>,
}

/// What a shell does by itself, whatever a program of that name would do, and words of its grammar.
const BUILTINS: &str = ". : [ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc \
    declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for function \
    getopts hash help history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray \
    readonly return select set shift shopt source suspend test then time times trap true type typeset ulimit umask \
    unalias unset until wait while";

/// Programs that run what their words, their input or a file of the workspace says.
const RUNNERS: &str = "ash awk bash busybox bun bunx cargo chroot chrt cmake csh dash deno doas docker ed emacs env ex expect find \
    fish flock gawk gdb go gradle ionice java ksh ld.so ltrace lua luajit m4 make mawk mvn nawk nice ninja node \
    nodejs nohup npm npx nsenter osascript parallel perl php pip pipx pkexec pnpm podman pwsh python rscript ruby \
    rsh script sed setarch setpriv setsid sh socat ssh stdbuf strace su sudo systemd-run taskset tclsh tcsh time \
    timeout toybox unshare uv uvx vi vim watch xargs yarn zsh";

impl AllowedPrograms {
    /// Programs by their paths: absolute ones, or with `~/`; `*` stands for a part of a name, `**` for any folders. What is not
    /// written so, a name alone above all, allows nothing.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>, home: Option<&Path>, never: Vec<PathBuf>) -> Self {
        let patterns = patterns.into_iter().filter_map(|pattern| read(pattern, home)).collect();
        // Programs are compared with where these really are.
        let never = never
            .into_iter()
            .map(|folder| folder.canonicalize().unwrap_or(folder))
            .collect();
        Self { patterns, never }
    }

    /// Whether a command may run without a question; `path` is its `PATH`.
    pub(super) fn allows(&self, command: &str, path: &str) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let Some(words) = words(command) else { return false };
        let Some(found) = words.first().and_then(|program| found(program, path)) else {
            return false;
        };
        let Ok(real) = found.canonicalize() else { return false };
        let named = |path: &Path| {
            let path = path.to_str();
            path.is_some_and(|path| self.patterns.iter().any(|pattern| pattern.is_match(path)))
        };
        (named(&found) || named(&real))
            && !is_runner(&found)
            && !is_runner(&real)
            && !self
                .never
                .iter()
                .any(|folder| real.starts_with(folder) || found.starts_with(folder))
    }
}

/// The words of a command of which a shell makes the same words; `None` when it might do anything else with it.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.trim_matches(' ').chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' | '"' => {
                // Of the program itself nothing is hidden.
                if words.is_empty() {
                    return None;
                }
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '$' | '`' | '\\' | '!' if c == '"' => return None,
                        inner if inner.is_control() => return None,
                        inner => word.push(inner),
                    }
                }
            }
            // In front of a program, it would set a variable.
            '=' if words.is_empty() => return None,
            '_' | '-' | '.' | '/' | ':' | ',' | '@' | '%' | '+' | '=' => word.get_or_insert_default().push(c),
            c if c.is_alphanumeric() => word.get_or_insert_default().push(c),
            _ => return None,
        }
    }
    words.extend(word);
    (!words.is_empty()).then_some(words)
}

/// The program that a shell would run.
fn found(program: &str, path: &str) -> Option<PathBuf> {
    if program.contains('/') {
        let program = PathBuf::from(program);
        return (program.is_absolute() && is_program(&program)).then_some(program);
    }
    if lists(BUILTINS, program) {
        return None;
    }
    for folder in path.split(':') {
        let folder = Path::new(folder);
        if !folder.is_absolute() {
            // It would be looked for in the folder where the command runs.
            return None;
        }
        let there = folder.join(program);
        if is_program(&there) {
            return Some(there);
        }
    }
    None
}

fn lists(words: &str, word: &str) -> bool {
    words.split(' ').any(|listed| listed == word)
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| there.is_file() && there.permissions().mode() & 0o111 != 0)
}

/// Also with a version in its name: `python3.11`, `lua5.4`, `nodejs-20`.
fn is_runner(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return true;
    };
    let name = name.to_ascii_lowercase();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'));
    lists(RUNNERS, &name) || lists(RUNNERS, bare) || name.starts_with("ld-")
}

/// A pattern of the list.
fn read(pattern: &str, home: Option<&Path>) -> Option<Regex> {
    let pattern = pattern.trim();
    let whole = match pattern.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", home?.to_str()?),
        None => pattern.to_owned(),
    };
    if !whole.starts_with('/') {
        return None;
    }
    let mut written = String::from("^");
    let mut rest = whole.as_str();
    while !rest.is_empty() {
        let (says, left) = if let Some(left) = rest.strip_prefix("**/") {
            ("(?:.*/)?".to_owned(), left)
        } else if let Some(left) = rest.strip_prefix("**") {
            (".*".to_owned(), left)
        } else if let Some(left) = rest.strip_prefix('*') {
            ("[^/]*".to_owned(), left)
        } else if let Some(left) = rest.strip_prefix('?') {
            ("[^/]".to_owned(), left)
        } else {
            let end = rest.find(['*', '?']).unwrap_or(rest.len());
            let (text, left) = rest.split_at(end);
            (regex::escape(text), left)
        };
        written.push_str(&says);
        rest = left;
    }
    written.push('$');
    Regex::new(&written).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    /// A folder with programs that do nothing.
    fn programs(names: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn allowed(folder: &TempDir, patterns: &[&str]) -> AllowedPrograms {
        let whole: Vec<String> = patterns
            .iter()
            .map(|pattern| pattern.replace('%', folder.path().to_str().unwrap()))
            .collect();
        let never = vec![folder.path().join("workspace")];
        AllowedPrograms::new(whole.iter().map(String::as_str), Some(folder.path()), never)
    }

    #[test]
    fn a_program_of_the_list_with_plain_words_is_allowed() {
        let folder = programs(&["bin/rg", "bin/git"]);
        let list = allowed(&folder, &["%/bin/rg", "~/bin/g*"]);
        let path = folder.path().join("bin").display().to_string();
        for command in [
            "rg TODO src/main.rs",
            " rg  -n --max-count=3 '$(x) | > & ; *' \"two words\" ",
            "git log -5 --oneline origin/main",
            &format!("{path}/rg 柯基"),
        ] {
            assert!(list.allows(command, &path), "{command}");
        }
    }

    #[test]
    fn what_a_shell_would_do_something_with_is_asked_about() {
        let folder = programs(&["bin/rg", "bin/echo", "bin/x=y"]);
        let list = allowed(&folder, &["%/**"]);
        let path = folder.path().join("bin").display().to_string();
        assert!(list.allows("rg a", &path));
        for command in [
            "",
            " ",
            "rg a | sh",
            "rg a; rm b",
            "rg a & rm b",
            "rg a && rm b",
            "rg a || rm b",
            "rg a > b",
            "rg < b",
            "rg $HOME",
            "rg $(rm b)",
            "rg `rm b`",
            "rg \"$(rm b)\"",
            "rg \"`rm b`\"",
            "rg \"a\\\"",
            "rg a\nrm b",
            "rg a\r rm",
            "rg 'a\nb'",
            "rg a\trm",
            "rg *",
            "rg a?",
            "rg [a]",
            "rg {a,b}",
            "rg ~/a",
            "rg !!",
            "rg #a",
            "rg ^a",
            "rg (a)",
            "rg a\\ b",
            "rg 'a",
            "rg \"a",
            "A=b rg a",
            "x=y",
            "'rg' a",
            "r'g' a",
            "\"rg\" a",
            "./rg a",
            "bin/rg a",
            "../rg",
            "-rg",
            "unknown a",
            // The shell's own.
            "echo a",
            "eval rm",
            "exec rg",
            ". rg",
            "command rg",
            "time rg",
        ] {
            assert!(!list.allows(command, &path), "{command:?}");
        }
        // What is looked for in the folder of the command is not looked for here.
        for path in ["", ".", ":/bin", "relative:/bin"] {
            assert!(!list.allows("rg a", path), "{path:?}");
        }
    }

    #[test]
    fn what_runs_other_things_is_asked_about_by_any_name() {
        let folder = programs(&[
            "bin/python3.11",
            "bin/sh",
            "bin/env",
            "bin/xargs",
            "bin/ld-linux.so.2",
            "bin/rg",
        ]);
        symlink(folder.path().join("bin/sh"), folder.path().join("bin/harmless")).unwrap();
        symlink(folder.path().join("bin/rg"), folder.path().join("bin/search")).unwrap();
        let list = allowed(&folder, &["%/**"]);
        let path = folder.path().join("bin").display().to_string();
        for command in [
            "python3.11 a.py",
            "sh a",
            "env rg",
            "xargs rg",
            "ld-linux.so.2 rg",
            "harmless a",
        ] {
            assert!(!list.allows(command, &path), "{command}");
        }
        assert!(list.allows("search a", &path));
    }

    #[test]
    fn a_program_that_the_agent_may_have_written_is_asked_about() {
        let folder = programs(&["workspace/bin/rg", "bin/rg"]);
        symlink(folder.path().join("workspace/bin/rg"), folder.path().join("bin/find2x")).unwrap();
        let list = allowed(&folder, &["%/**"]);
        let path = |name: &str| folder.path().join(name).display().to_string();
        assert!(list.allows("rg a", &path("bin")));
        assert!(!list.allows("rg a", &path("workspace/bin")));
        assert!(!list.allows("find2x a", &path("bin")));
        // The first one counts.
        assert!(!list.allows("rg a", &format!("{}:{}", path("workspace/bin"), path("bin"))));
    }

    #[test]
    fn a_list_names_paths() {
        let folder = programs(&["bin/rg", "a/b/rg", "a.b"]);
        let path = folder.path().join("bin").display().to_string();
        let fits = |pattern: &str, command: &str| allowed(&folder, &[pattern]).allows(command, &path);
        let at = |name: &str| format!("{} x", folder.path().join(name).display());
        for (pattern, name, expected) in [
            ("%/bin/rg", "bin/rg", true),
            ("~/bin/*", "bin/rg", true),
            ("%/**/rg", "a/b/rg", true),
            ("%/*/rg", "a/b/rg", false),
            ("%/a?b", "a.b", true),
            ("%/a.b", "a.b", true),
            ("%/bin/r", "bin/rg", false),
            // A name alone allows nothing (OpenClaw, "Exec approvals").
            ("rg", "bin/rg", false),
            ("*", "bin/rg", false),
            ("bin/rg", "bin/rg", false),
            ("", "bin/rg", false),
        ] {
            assert_eq!(fits(pattern, &at(name)), expected, "{pattern} {name}");
        }
        // Without a home nothing is in it.
        assert!(!AllowedPrograms::new(["~/bin/rg"], None, Vec::new()).allows("rg a", &path));
    }

    proptest! {
        /// A real shell makes the same words of what is taken.
        #[test]
        fn a_shell_makes_the_same_words(command in "printf[ ]([a-z ='\"$*~;|&<>(){}\\\\!#-]{0,12})") {
            if let Some(words) = words(&command) {
                let script = format!("set -- {command}; for word do printf '%s\\n' \"$word\"; done");
                let said = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
                let mut expected = words.join("\n");
                expected.push('\n');
                prop_assert_eq!(String::from_utf8(said.stdout).unwrap(), expected);
            }
        }
    }
}
