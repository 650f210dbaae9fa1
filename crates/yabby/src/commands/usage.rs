//! `yabby usage`: what hosted models cost.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yabby_config::Budget;
use yabby_core::{Text, now, text};
use yabby_route::spending::{Day, Entry, Spent, dollars};

use crate::{app::App, arguments::Usage, exit::Exit, shared, stored, table::table};

/// What one model had on one day.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    answers: u64,
    input: u64,
    cached: u64,
    output: u64,
    usd: f64,
    /// Whether the price of some answer was not known, or its tokens were estimated.
    about: bool,
}

pub(crate) async fn run(app: &App, arguments: &Usage) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let today = Day::of(now());
    // What an earlier run could not hand over is part of it.
    let spending = shared::spending(app);
    spending.look("").await;
    let mut days: Vec<(Day, BTreeMap<String, Line>)> = Vec::new();
    for day in (0..u64::from(arguments.days)).map(|ago| today.before(ago)) {
        match shared::entries(app, day).await {
            Ok(entries) if entries.is_empty() => {}
            Ok(entries) => days.push((day, lines(&entries))),
            Err(error) => return stored::tell(app, &error),
        }
    }
    let spent = spending.today();
    let budget = app.config().route.budget;
    let limit = budget.per_day;
    if arguments.json {
        let object = json!({
            "days": days.iter().map(|(day, lines)| json!({"day": day.name(), "models": as_json(lines)})).collect::<Vec<_>>(),
            "today": {"usd": spent.usd, "tokens": spent.tokens},
            "left": {
                "usd": limit.usd.map(|most| (most - spent.usd).max(0.0)),
                "tokens": limit.tokens.map(|most| most.saturating_sub(spent.tokens)),
            },
            "inDoubt": budget.in_doubt,
        });
        return app.print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&object).unwrap_or_default()
        ));
    }
    let say = |text| app.terminal.say(&text);
    let head = [
        say(text!("day")),
        say(text!("model")),
        say(text!("answers")),
        say(text!("input")),
        say(text!("cached")),
        say(text!("output")),
        say(text!("cost")),
    ];
    let rows: Vec<Vec<String>> = days
        .iter()
        .flat_map(|(day, lines)| lines.iter().map(|(model, line)| row(*day, model, line)))
        .collect();
    let mut out = if rows.is_empty() {
        vec![say(text!("no hosted model has been used lately"))]
    } else {
        table(&head, &rows)
    };
    out.extend(left(&budget, spent).into_iter().map(say));
    app.print(&format!("{}\n", out.join("\n")))
}

fn lines(entries: &[Entry]) -> BTreeMap<String, Line> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for entry in entries {
        let line = lines.entry(entry.model.to_string()).or_default();
        line.answers += 1;
        line.input += u64::from(entry.input);
        line.cached += u64::from(entry.cached);
        line.output += u64::from(entry.output);
        line.usd += entry.usd.unwrap_or(0.0);
        line.about |= entry.usd.is_none() || !entry.exact;
    }
    lines
}

fn row(day: Day, model: &str, line: &Line) -> Vec<String> {
    let about = if line.about { "≥ " } else { "" };
    vec![
        day.name(),
        model.to_owned(),
        line.answers.to_string(),
        line.input.to_string(),
        line.cached.to_string(),
        line.output.to_string(),
        format!("{about}{}", dollars(line.usd)),
    ]
}

fn as_json(lines: &BTreeMap<String, Line>) -> Vec<Value> {
    let one = |(model, line): (&String, &Line)| {
        json!({
            "model": model, "answers": line.answers, "input": line.input, "cached": line.cached,
            "output": line.output, "usd": line.usd, "exact": !line.about,
        })
    };
    lines.iter().map(one).collect()
}

/// The limits, and what is left of those of the day.
fn left(budget: &Budget, spent: Spent) -> Vec<Text> {
    if budget.in_doubt {
        return vec![text!(
            "route.budget has a mistake, so that no limit is known; models that cost something are not asked until it is corrected (`yabby config check`)"
        )];
    }
    let (day, session) = (budget.per_day, budget.per_session);
    let limits = [
        day.usd.map(|most| {
            text!(
                "today {spent} of {most} are spent (route.budget.perDay.usd)",
                spent = dollars(spent.usd),
                most = dollars(most)
            )
        }),
        day.tokens.map(|most| {
            text!(
                "today {spent} of {most} tokens are used (route.budget.perDay.tokens)",
                spent = spent.tokens,
                most = most
            )
        }),
        session.usd.map(|most| {
            text!(
                "a session may cost {most} (route.budget.perSession.usd)",
                most = dollars(most)
            )
        }),
        session.tokens.map(|most| {
            text!(
                "a session may use {most} tokens (route.budget.perSession.tokens)",
                most = most
            )
        }),
    ];
    let limits: Vec<Text> = limits.into_iter().flatten().collect();
    if limits.is_empty() {
        return vec![text!("no limit is set; route.budget in the config sets one")];
    }
    limits
}
