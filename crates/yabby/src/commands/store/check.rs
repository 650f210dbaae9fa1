//! `yabby store check`.

use serde_json::json;
use yabby_core::text;
use yabby_store::{Access, Checked, ProblemKind, Repaired, SecretsKey, Store, StoreError, StoreErrorKind};

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
        let repaired = if repair { Some(store.repair().await?) } else { None };
        Ok::<_, StoreError>((store.check().await?, repaired, locked(app, &store).await?))
    };
    let (checked, repaired, locked) = match looking.await {
        Ok(found) => found,
        Err(error) => {
            stored::tell(app, &error);
            let is_finding = error.kind == StoreErrorKind::Damaged;
            return if is_finding { Exit::Findings } else { Exit::Usage };
        }
    };
    let printed = if as_json {
        print_json(app, &checked, repaired, &locked)
    } else {
        print(app, &checked, repaired, &locked)
    };
    match printed {
        Exit::Answered if !checked.is_good() || !locked.is_empty() => Exit::Findings,
        exit => exit,
    }
}

/// The secrets that cannot be read with `store.secretsKey`, and why. Only trying tells: a key that comes from a keyring may
/// have been replaced there.
async fn locked(app: &App, store: &Store) -> Result<Vec<StoreError>, StoreError> {
    let key = app.config().store.secrets_key.as_ref();
    let key = key.map(SecretsKey::new).transpose()?;
    let mut locked = Vec::new();
    for kept in store.secrets().await? {
        if kept.is_sealed
            && let Err(error) = store.secret(key.as_ref(), &kept.name).await
        {
            if !matches!(error.kind, StoreErrorKind::Denied | StoreErrorKind::Damaged) {
                return Err(error);
            }
            locked.push(error);
        }
    }
    Ok(locked)
}

fn print(app: &App, checked: &Checked, repaired: Option<Repaired>, locked: &[StoreError]) -> Exit {
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
    for secret in locked {
        lines.push(format!(
            "{} {}",
            terminal.mark(Mark::Bad),
            terminal.say(&secret.message)
        ));
    }
    if checked.is_good() && locked.is_empty() {
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
    if let Some(hint) = locked.iter().find_map(|secret| secret.hint.as_ref()) {
        terminal.hint(hint);
    }
    exit
}

fn print_json(app: &App, checked: &Checked, repaired: Option<Repaired>, locked: &[StoreError]) -> Exit {
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
        "lockedSecrets": locked.len(),
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
