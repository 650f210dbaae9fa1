//! The words of a patch.

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) path: String,
    pub(super) operation: Operation,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    /// A new file with this content.
    Add(String),
    Delete,
    Update {
        to: Option<String>,
        hunks: Vec<Hunk>,
    },
}

/// Lines that follow each other, and what becomes of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Hunk {
    /// Lines that come before it, not necessarily right before.
    pub(super) after: Vec<String>,
    pub(super) lines: Vec<Line>,
    /// Whether it is at the end of the file.
    pub(super) at_end: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    Same(String),
    Gone(String),
    New(String),
}

/// Why a text is no patch.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    /// From 1.
    pub(super) line: usize,
    pub(super) what: &'static str,
}

impl Step {
    /// The files that it changes.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let to = match &self.operation {
            Operation::Update { to, .. } => to.as_deref(),
            _ => None,
        };
        std::iter::once(self.path.as_str()).chain(to)
    }

    /// What was done, for the model.
    pub(super) fn said(&self) -> String {
        match &self.operation {
            Operation::Add(_) => format!("added {}", self.path),
            Operation::Delete => format!("deleted {}", self.path),
            Operation::Update { to: None, .. } => format!("updated {}", self.path),
            Operation::Update { to: Some(to), .. } => format!("updated {} and moved it to {to}", self.path),
        }
    }
}

/// Reads a patch. What stands before its begin and after its end does not matter, so one in a code fence is read too.
pub(super) fn parse(input: &str) -> Result<Vec<Step>, Wrong> {
    let mut steps: Vec<Step> = Vec::new();
    let mut begun = false;
    let mut last = 0;
    for (at, line) in input.lines().enumerate() {
        last = at + 1;
        let wrong = |what| Err(Wrong { line: at + 1, what });
        let marker = line.trim_end();
        if !begun {
            begun = marker.trim_start() == "*** Begin Patch";
            continue;
        }
        if marker == "*** End Patch" {
            return finish(steps, at + 1);
        }
        if let Some((path, operation)) = header(marker) {
            if path.is_empty() {
                return wrong("the path is missing");
            }
            let path = path.to_owned();
            steps.push(Step { path, operation });
            continue;
        }
        match steps.last_mut().map(|step| &mut step.operation) {
            None => return wrong("*** Add File, *** Update File or *** Delete File is missing before it"),
            Some(Operation::Delete) if marker.is_empty() => {}
            Some(Operation::Delete) => return wrong("a deleted file has no lines"),
            Some(Operation::Add(content)) => match line.strip_prefix('+') {
                Some(text) => {
                    content.push_str(text);
                    content.push('\n');
                }
                None if marker.is_empty() => content.push('\n'),
                None => return wrong("each line of an added file begins with +"),
            },
            Some(Operation::Update { to, hunks }) => {
                if let Some(path) = marker.strip_prefix("*** Move to: ") {
                    if !hunks.is_empty() {
                        return wrong("*** Move to comes right after *** Update File");
                    }
                    *to = Some(path.trim().to_owned());
                } else if let Err(what) = update(hunks, line, marker) {
                    return wrong(what);
                }
            }
        }
    }
    let what = if begun {
        "*** End Patch is missing"
    } else {
        "*** Begin Patch is missing"
    };
    Err(Wrong {
        line: last.max(1),
        what,
    })
}

fn header(marker: &str) -> Option<(&str, Operation)> {
    let update = || Operation::Update {
        to: None,
        hunks: Vec::new(),
    };
    let path = |prefix: &str| marker.strip_prefix(prefix).map(str::trim);
    path("*** Add File:")
        .map(|path| (path, Operation::Add(String::new())))
        .or_else(|| path("*** Delete File:").map(|path| (path, Operation::Delete)))
        .or_else(|| path("*** Update File:").map(|path| (path, update())))
}

/// One line of an update.
fn update(hunks: &mut Vec<Hunk>, line: &str, marker: &str) -> Result<(), &'static str> {
    if marker == "*** End of File" {
        hunks.last_mut().ok_or("there is no hunk before it")?.at_end = true;
        return Ok(());
    }
    if let Some(after) = marker.strip_prefix("@@") {
        let after = Some(after.trim()).filter(|after| !after.is_empty() && !has_numbers(after));
        // Several of them lead to a place step by step.
        match hunks.last_mut().filter(|hunk| hunk.lines.is_empty() && !hunk.at_end) {
            Some(hunk) => hunk.after.extend(after.map(str::to_owned)),
            None => hunks.push(Hunk {
                after: after.map(str::to_owned).into_iter().collect(),
                ..Hunk::default()
            }),
        }
        return Ok(());
    }
    let line = match (line.chars().next(), line.get(1..)) {
        (None, _) => Line::Same(String::new()),
        (Some(' '), Some(text)) => Line::Same(text.to_owned()),
        (Some('-'), Some(text)) => Line::Gone(text.to_owned()),
        (Some('+'), Some(text)) => Line::New(text.to_owned()),
        _ => return Err("each line of a hunk begins with a space, - or +"),
    };
    match hunks.last_mut().filter(|hunk| !hunk.at_end) {
        Some(hunk) => hunk.lines.push(line),
        // An empty line between hunks and headers means nothing.
        None if line == Line::Same(String::new()) => {}
        None => hunks.push(Hunk {
            lines: vec![line],
            ..Hunk::default()
        }),
    }
    Ok(())
}

/// Whether it is what other kinds of patches have there: `-1,3 +1,4 @@`.
fn has_numbers(after: &str) -> bool {
    let is_range = |word: &str, sign| {
        word.strip_prefix(sign)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|char| char.is_ascii_digit() || char == ','))
    };
    let mut words = after.split_whitespace();
    words.next().is_some_and(|word| is_range(word, '-')) && words.next().is_some_and(|word| is_range(word, '+'))
}

fn finish(steps: Vec<Step>, line: usize) -> Result<Vec<Step>, Wrong> {
    let idle = |step: &Step| match &step.operation {
        Operation::Update { to, hunks } => to.is_none() && hunks.iter().all(|hunk| hunk.lines.is_empty()),
        _ => false,
    };
    let what = match steps.as_slice() {
        [] => "the patch changes nothing",
        steps if steps.iter().any(idle) => "an updated file has no lines that change",
        _ => return Ok(steps),
    };
    Err(Wrong { line, what })
}
