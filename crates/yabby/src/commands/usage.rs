//! `yabby usage`: what hosted models cost.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yabby_config::Limit;
use yabby_core::{now, text};
use yabby_route::{
    Spending,
    spending::{Day, Entry, Spent, dollars},
};

use crate::{app::App, arguments::Usage, exit::Exit, table::table};

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

pub(crate) fn run(app: &App, arguments: &Usage) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let today = Day::of(now());
    let days: Vec<(Day, BTreeMap<String, Line>)> = (0..u64::from(arguments.days))
        .map(|ago| today.before(ago))
        .map(|day| (day, lines(&day.entries(&app.paths.state_dir))))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    let spent = Spending::open(&app.paths.state_dir, app.config().route.budget).today();
    let limit = app.config().route.budget.per_day;
    if arguments.json {
        let object = json!({
            "days": days.iter().map(|(day, lines)| json!({"day": day.name(), "models": as_json(lines)})).collect::<Vec<_>>(),
            "today": {"usd": spent.usd, "tokens": spent.tokens},
            "left": {
                "usd": limit.usd.map(|most| (most - spent.usd).max(0.0)),
                "tokens": limit.tokens.map(|most| most.saturating_sub(spent.tokens)),
            },
        });
        return app.print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&object).unwrap_or_default()
        ));
    }
    if days.is_empty() {
        return app.print(&format!(
            "{}\n",
            app.terminal.say(&text!("no hosted model has been used lately"))
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
    let mut out: Vec<String> = table(&head, &rows);
    out.extend(left(&limit, spent).map(say));
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

/// What is left of the day's limits.
fn left(limit: &Limit, spent: Spent) -> impl Iterator<Item = yabby_core::Text> {
    let money = limit.usd.map(|most| {
        text!(
            "today {spent} of {most} are spent (route.budget.perDay.usd)",
            spent = dollars(spent.usd),
            most = dollars(most)
        )
    });
    let tokens = limit.tokens.map(|most| {
        text!(
            "today {spent} of {most} tokens are used (route.budget.perDay.tokens)",
            spent = spent.tokens,
            most = most
        )
    });
    let none = (limit.usd.is_none() && limit.tokens.is_none())
        .then(|| text!("no limit is set; route.budget in the config sets one"));
    money.into_iter().chain(tokens).chain(none)
}
