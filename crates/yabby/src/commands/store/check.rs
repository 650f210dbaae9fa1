//! `yabby store check`.

use serde_json::json;
use yabby_core::text;
use yabby_store::{Access, Checked, ProblemKind, Repaired, StoreError, StoreErrorKind};

use crate::{app::App, exit::Exit, stored, terminal::Mark};

pub(super) async fn run(app: &App, repair: bool, as_json: bool) -> Exit {
    let looking = async {
        let access = if repair { Access::Write } else { Access::Read };
        let store = match stored::open(app, access).await {
            // An older version has written it: whoever writes brings it up to date.
            Err(error) if error.kind == StoreErrorKind::Invalid && access == Access::Read => {
                stored::open(app, Access::Write).await?
            }
            opened => opened?,
        };
        if !repair {
            return Ok((store.check().await?, None));
        }
        let repaired = store.repair().await?;
        Ok::<_, StoreError>((store.check().await?, Some(repaired)))
    };
    let (checked, repaired) = match looking.await {
        Ok(found) => found,
        Err(error) => {
            stored::tell(app, &error);
            let is_finding = error.kind == StoreErrorKind::Damaged;
            return if is_finding { Exit::Findings } else { Exit::Usage };
        }
    };
    let printed = if as_json {
        print_json(app, &checked, repaired)
    } else {
        print(app, &checked, repaired)
    };
    match printed {
        Exit::Answered if !checked.is_good() => Exit::Findings,
        exit => exit,
    }
}

fn print(app: &App, checked: &Checked, repaired: Option<Repaired>) -> Exit {
    let terminal = app.terminal;
    let mut lines = Vec::new();
    if let Some(repaired) = repaired {
        let count = repaired.heads + repaired.sessions + repaired.searched + repaired.orphans;
        lines.push(format!(
            "{} {}",
            terminal.mark(Mark::Good),
            terminal.say(&text!("{count} things were mended or removed", count = count))
        ));
    }
    for problem in &checked.problems {
        lines.push(format!("{} {}", terminal.mark(Mark::Bad), terminal.say(&problem.text)));
    }
    if checked.more > 0 {
        let more = text!("{count} more problems like these", count = checked.more);
        lines.push(format!("{} {}", terminal.mark(Mark::Bad), terminal.say(&more)));
    }
    if checked.is_good() {
        let good = text!("everything fits together");
        lines.push(format!("{} {}", terminal.mark(Mark::Good), terminal.say(&good)));
    }
    if checked.plain_secrets > 0 {
        let plain = text!(
            "{count} secrets are not encrypted: store.secretsKey in the config has them encrypted when they are stored next",
            count = checked.plain_secrets
        );
        lines.push(format!("{} {}", terminal.mark(Mark::Note), terminal.say(&plain)));
    }
    let exit = app.print(&format!("{}\n", lines.join("\n")));
    if checked.problems.iter().any(|problem| problem.can_be_repaired) {
        terminal.hint(&text!("mend what can be mended: yabby store check --repair"));
    } else if !checked.is_good() {
        terminal.hint(&text!(
            "keep a copy (yabby store backup), and bring an earlier one in: yabby store import BACKUP"
        ));
    }
    exit
}

fn print_json(app: &App, checked: &Checked, repaired: Option<Repaired>) -> Exit {
    let problems: Vec<_> = checked
        .problems
        .iter()
        .map(|problem| {
            json!({
                "kind": name(problem.kind), "text": problem.text.english(), "canBeRepaired": problem.can_be_repaired,
            })
        })
        .collect();
    let object = json!({
        "problems": problems, "more": checked.more, "plainSecrets": checked.plain_secrets,
        "repaired": repaired.map(|done| json!({
            "heads": done.heads, "sessions": done.sessions, "searched": done.searched, "orphans": done.orphans,
        })),
    });
    let object = serde_json::to_string_pretty(&object).unwrap_or_default();
    app.print(&format!("{object}\n"))
}

fn name(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Database => "database",
        ProblemKind::Reference => "reference",
        ProblemKind::Head => "head",
        ProblemKind::Sequence => "sequence",
        ProblemKind::Attachment => "attachment",
        ProblemKind::Orphan => "orphan",
        ProblemKind::Search => "search",
        ProblemKind::State => "state",
        ProblemKind::Value => "value",
        _ => "other",
    }
}
