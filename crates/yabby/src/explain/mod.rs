//! What became of a turn, as lines for a person.

mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yabby_core::{Attempt, ModelRef, Outcome, Text, Usage, now, text};
use yabby_route::{NotPlanned, PlanRecord, TurnEnd, TurnRecord, spending::dollars};

use crate::{
    table::{table, without_empty_columns},
    terminal::{Mark, Terminal, visible},
};

pub(crate) use words::{ago, why, words_of};

/// A turn in full: the plan, every attempt, the end.
pub(crate) fn turn(terminal: Terminal, turn: &TurnRecord) -> Vec<String> {
    let mut lines = Vec::new();
    if !turn.plan.candidates.is_empty() || !turn.plan.left_out.is_empty() {
        lines.push(heading(terminal, &text!("plan")));
        lines.extend(plan(terminal, &turn.plan));
    }
    if !turn.attempts.is_empty() || !turn.passed_over.is_empty() {
        lines.push(heading(terminal, &text!("attempts, in milliseconds")));
        lines.extend(attempts(terminal, turn));
    }
    lines.push(terminal.say(&end(turn)));
    lines
}

/// The same for programs, as two fields of an object.
pub(crate) fn fields(turn: &TurnRecord) -> (Value, Value) {
    let mut record = json!(turn);
    let plan = record.as_object_mut().and_then(|fields| fields.remove("plan"));
    (plan.unwrap_or_default(), record)
}

/// Turns with one line each, under a head.
pub(crate) fn list(terminal: Terminal, turns: &[TurnRecord]) -> Vec<String> {
    let head = [
        text!("TURN"),
        text!("WHEN"),
        text!("ASKED"),
        text!("ANSWERED BY"),
        text!("ATTEMPTS"),
        text!("MS"),
        text!("COST"),
    ];
    let rows = turns.iter().map(|turn| {
        vec![
            turn.id.clone(),
            terminal.say(&ago(now().saturating_sub(turn.at))),
            asked(turn),
            match turn.answered_by() {
                Some(model) => model.to_string(),
                None => format!("({})", terminal.say(&words::end(&turn.end))),
            },
            turn.attempts.len().to_string(),
            turn.total_ms.to_string(),
            turn.cost.map(dollars).unwrap_or_default(),
        ]
    });
    columns(terminal, &head, rows.collect())
}

/// A table without the columns in which nothing stands.
pub(crate) fn columns(terminal: Terminal, head: &[Text], mut rows: Vec<Vec<String>>) -> Vec<String> {
    let mut head: Vec<String> = head.iter().map(|text| terminal.say(text)).collect();
    without_empty_columns(&mut head, &mut rows);
    // Ids come from servers.
    table(&head, &rows).iter().map(|line| visible(line)).collect()
}

pub(crate) fn heading(terminal: Terminal, text: &Text) -> String {
    terminal.bold(&terminal.say(text))
}

/// What was asked for: a model, an agent, or the first of the chain.
fn asked(turn: &TurnRecord) -> String {
    let first = || {
        let left = turn.plan.left_out.first().map(|left| left.name.clone());
        // What was left out may have been the first, or come later: the primary says it.
        let planned = turn.plan.candidates.first();
        match planned {
            Some(first) if !matches!(first.why, yabby_route::Why::Fallback(_)) => Some(first.model.to_string()),
            first => left.or_else(|| first.map(|first| first.model.to_string())),
        }
    };
    let named = turn.asked.clone().or_else(|| turn.agent.clone());
    named.or_else(first).unwrap_or_default()
}

fn plan(terminal: Terminal, plan: &PlanRecord) -> Vec<String> {
    let rows: Vec<Vec<String>> = (1..)
        .zip(&plan.candidates)
        .map(|(at, planned): (usize, _)| {
            let mut zone = planned.zone.to_string();
            if planned.excepted {
                zone = format!("{zone} ({})", terminal.say(&text!("allowed by you")));
            }
            vec![
                at.to_string(),
                planned.model.to_string(),
                terminal.say(&why(planned.why)),
                zone,
                planned.endpoint.clone(),
            ]
        })
        .collect();
    let candidates = table(&[], &rows).into_iter().skip(1);
    let mut lines: Vec<String> = candidates.map(|line| format!("  {}", visible(&line))).collect();
    lines.extend(left_out(terminal, &plan.left_out));
    lines
}

/// The models that are no candidates, with their reasons.
pub(crate) fn left_out(terminal: Terminal, left_out: &[NotPlanned]) -> Vec<String> {
    let line = |left: &NotPlanned| {
        let reason = text!("{model} is left out: {reason}", model = left.name, reason = left.reason);
        format!("  –  {}", terminal.say(&reason))
    };
    left_out.iter().map(line).collect()
}

/// A line before the table, one for each attempt and each candidate that was passed over, and what servers said below.
fn attempts(terminal: Terminal, turn: &TurnRecord) -> Vec<String> {
    let planned: BTreeMap<&ModelRef, &str> = turn
        .plan
        .candidates
        .iter()
        .map(|planned| (&planned.model, planned.endpoint.as_str()))
        .collect();
    let head = [
        text!("MODEL"),
        text!("QUEUE"),
        text!("PREPARE"),
        text!("HEAD"),
        text!("FIRST TOKEN"),
        text!("WHOLE"),
        text!("TOKENS"),
        text!("COST"),
        text!("OUTCOME"),
        text!("NEXT"),
        text!("ENDPOINT"),
    ];
    let mut marks = Vec::new();
    let mut notes = Vec::new();
    let mut rows = Vec::new();
    let passed = |after: usize, asked: bool| {
        let all = turn.passed_over.iter();
        all.filter(move |passed| passed.after == after && passed.asked == asked)
    };
    for at in 0..=turn.attempts.len() {
        for passed in passed(at, false) {
            marks.push(Mark::Note);
            notes.push(Some(terminal.say(&passed.reason)));
            let mut row = vec![String::new(); head.len()];
            if let [model, .., outcome, next, _] = row.as_mut_slice() {
                *model = passed.model.to_string();
                *outcome = terminal.say(&text!("not asked: {why}", why = words_of(passed.error)));
                *next = terminal.say(&words::decision("next"));
            }
            rows.push(row);
        }
        let Some(attempt) = turn.attempts.get(at) else { continue };
        marks.push(match attempt.outcome {
            Outcome::Answered => Mark::Good,
            Outcome::Outrun | Outcome::PassedOver { .. } => Mark::Note,
            Outcome::Failed { .. } => Mark::Bad,
        });
        // The same in the person's language, where it was the candidate's last word.
        let reason = passed(at + 1, true).next().map(|passed| terminal.say(&passed.reason));
        notes.push(words::said(attempt).map(|said| reason.unwrap_or_else(|| said.to_owned())));
        let elsewhere = planned.get(&attempt.model) != Some(&attempt.endpoint.as_str());
        rows.push(row(terminal, attempt, elsewhere));
    }
    let mut lines = columns(terminal, &head, rows).into_iter();
    let head = lines.next().map(|head| format!("    {head}"));
    let rows = lines.zip(marks).zip(notes).flat_map(|((line, mark), note)| {
        let line = format!("  {} {line}", terminal.mark(mark));
        let note = note.map(|note| terminal.dim(&format!("      {}", visible(&note).replace('\n', " "))));
        std::iter::once(line).chain(note)
    });
    head.into_iter().chain(rows).collect()
}

fn row(terminal: Terminal, attempt: &Attempt, elsewhere: bool) -> Vec<String> {
    let number = |milliseconds: Option<u64>| milliseconds.map_or_else(|| "–".to_owned(), |number| number.to_string());
    let outcome = match &attempt.outcome {
        Outcome::Answered => text!("answered"),
        Outcome::Outrun => text!("another one was quicker"),
        Outcome::PassedOver { error, .. } => text!("not asked: {why}", why = words_of(*error)),
        Outcome::Failed { error, .. } => words_of(*error),
    };
    vec![
        attempt.model.to_string(),
        attempt.queued_ms.to_string(),
        number(attempt.sent_ms),
        number(attempt.head_ms),
        number(attempt.first_token_ms),
        attempt.total_ms.to_string(),
        match (attempt.usage.input_tokens, attempt.usage.output_tokens) {
            (None, None) => String::new(),
            (input, output) => {
                let known = |count: Option<u32>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
                format!("{} + {}", known(input), known(output))
            }
        },
        attempt.cost.or(attempt.usage.cost).map(dollars).unwrap_or_default(),
        terminal.say(&outcome),
        attempt
            .decision
            .as_deref()
            .map(|word| terminal.say(&words::decision(word)))
            .unwrap_or_default(),
        if elsewhere {
            attempt.endpoint.clone()
        } else {
            String::new()
        },
    ]
}

/// The last line: who answered, after how long, with how many tokens.
fn end(turn: &TurnRecord) -> Text {
    let outcome = match &turn.end {
        TurnEnd::Answered {
            model,
            served_by: Some(name),
            ..
        } => text!(
            "answered by {model}, which its server calls {name}",
            model = model,
            name = visible(name)
        ),
        TurnEnd::Answered { model, .. } => text!("answered by {model}", model = model),
        TurnEnd::Stopped { asking: Some(model) } => text!("stopped while {model} was asked", model = model),
        TurnEnd::Unplanned { reason, .. } => text!("nobody was asked: {reason}", reason = reason),
        other => words::end(other),
    };
    let mut line = match &turn.end {
        TurnEnd::Unplanned { .. } => outcome,
        _ => text!(
            "{outcome}, after {milliseconds} ms",
            outcome = outcome,
            milliseconds = turn.total_ms
        ),
    };
    line = with_tokens(line, &turn.usage);
    if let Some(cost) = turn.cost {
        line = text!("{before}; cost {sum}", before = line, sum = dollars(cost));
    }
    text!("{before}; turn {id}", before = line, id = turn.id)
}

fn with_tokens(line: Text, usage: &Usage) -> Text {
    let cached = usage.cached_tokens.filter(|cached| *cached > 0);
    match (usage.input_tokens, cached, usage.output_tokens) {
        (Some(input), None, Some(output)) => text!(
            "{before}; {input} tokens read, {output} written",
            before = line,
            input = input,
            output = output
        ),
        (Some(input), Some(cached), Some(output)) => text!(
            "{before}; {input} tokens read ({cached} from the cache), {output} written",
            before = line,
            input = input,
            cached = cached,
            output = output
        ),
        _ => line,
    }
}
