//! From what was chosen to the edit of the config, and how the edit is shown.

use yabby_config::{Edit, NewModel, NewProvider};

use super::{
    row::{Role, Row},
    server::Found,
};
use crate::app::App;

/// The models that were chosen: places in the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) primary: Option<usize>,
    pub(super) fallback: Option<usize>,
}

/// What to write. What the config says already is left as it is written, in an alias or another case.
pub(super) fn edit(app: &App, found: &Found, rows: &[Row], chosen: Chosen) -> Edit {
    let picked = |place: Option<usize>| place.and_then(|place| rows.get(place));
    let (primary, fallback) = (picked(chosen.primary), picked(chosen.fallback));
    let name = |row: &Row| row.model.to_string();
    Edit {
        providers: primary
            .into_iter()
            .chain(fallback)
            .filter_map(|row| provider(app, found, row))
            .collect(),
        primary: primary.filter(|row| row.role != Some(Role::Primary)).map(name),
        fallback: fallback.filter(|row| row.role != Some(Role::Fallback)).map(name),
    }
}

/// What the config lacks for a model.
fn provider(app: &App, found: &Found, row: &Row) -> Option<NewProvider> {
    let server = &found.servers[row.server?];
    let model = NewModel {
        id: row.model.model().to_owned(),
        context_window: None,
    };
    match app.config().provider(row.model.provider()) {
        // A provider without a list has what its server has; with a list of one, the others would look forgotten.
        Some(known) if known.models.is_empty() || known.model(&model.id).is_some() => server.new.clone(),
        Some(known) => Some(NewProvider {
            id: known.id.clone(),
            models: vec![model],
            ..server.new.clone().unwrap_or_default()
        }),
        None => Some(NewProvider {
            models: vec![model],
            ..server.new.clone()?
        }),
    }
}

/// A line that goes or comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) comes: bool,
    pub(super) text: String,
}

/// The lines that differ between two texts, in the order of the file: what goes before what comes.
pub(super) fn lines(before: &str, after: &str) -> Vec<Line> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    // How many lines two ends have in common, from each pair of places on.
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            common[i * width + j] = if left == right {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            i += 1;
            j += 1;
        } else if i < old.len() && (j == new.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            found.push(Line {
                number: i + 1,
                comes: false,
                text: old[i].to_owned(),
            });
            i += 1;
        } else {
            found.push(Line {
                number: j + 1,
                comes: true,
                text: new[j].to_owned(),
            });
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_and_what_comes() {
        let shown = |before: &str, after: &str| {
            let lines = lines(before, after).into_iter();
            lines
                .map(|line| format!("{}{}{}", line.number, if line.comes { '+' } else { '-' }, line.text))
                .collect::<Vec<_>>()
        };
        assert_eq!(shown("a\nb\nc\n", "a\nb\nc\n"), Vec::<String>::new());
        assert_eq!(shown("", "a\n"), ["1+a"]);
        assert_eq!(shown("a\nb\nc\n", "a\nx\ny\nc\n"), ["2-b", "2+x", "3+y"]);
        assert_eq!(shown("a\nb\n", "x\na\nb\ny\n"), ["1+x", "4+y"]);
        assert_eq!(shown("a\nb\nc\n", "c\n"), ["1-a", "2-b"]);
    }
}
