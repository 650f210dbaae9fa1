//! `yabby ask`: one question, the answer on standard output and nothing else there.

use std::{io, time::Instant};

use serde_json::{Value, json};
use yabby_core::{Attempt, Delivery, ModelRef, ModelRequest, Text, text};
use yabby_route::{Needs, Plan, PlanError, Recorder, TurnRecord, Wanted};
use yabby_servers::EndpointOrigin;

use crate::{
    app::App,
    arguments::Ask,
    exit::Exit,
    explain,
    interrupt::Interrupt,
    models::{Here, Look, here},
    privacy,
    question::question,
    saying::{Said, Show, say, tell_failure, unwritten},
    shared::HAND_OVER,
};

pub(crate) async fn run(app: &App, arguments: &Ask) -> Exit {
    let start = Instant::now();
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let question = match question(app, arguments.question.join(" "), &arguments.image).await {
        Ok(question) => question,
        Err(trouble) => {
            app.terminal.error(&trouble.reason(), Some(&trouble.hint()));
            return Exit::Usage;
        }
    };
    let Here {
        fleet,
        default,
        notices,
        ..
    } = match here(app, arguments.model.as_deref(), Look::Needed).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    let wanted = Wanted {
        model: arguments.model.as_deref(),
        default: default.as_ref(),
        needs: Needs {
            images: !arguments.image.is_empty(),
            tools: false,
        },
        rules: arguments
            .private
            .then(|| privacy::private("--private"))
            .into_iter()
            .collect(),
        ..Wanted::default()
    };
    let plan = match privacy::plan(app, &fleet, &wanted).await {
        Ok(plan) => plan,
        Err(error) => {
            for notice in &notices {
                app.terminal.notice(notice);
            }
            let turn = TurnRecord::unplanned(None, arguments.model.as_deref(), &error);
            app.record(&turn);
            if arguments.json {
                let printed = print(
                    app,
                    explained(arguments, &turn),
                    json!({
                        "text": null,
                        "partial": "",
                        "errors": [{
                            "model": null,
                            "kind": error.kind(),
                            "message": error.reason().english(),
                            "hint": error.hint().english(),
                        }],
                        "attempts": [],
                        "timings": timings(start, None),
                    }),
                );
                if let Err(exit) = printed {
                    return exit;
                }
            }
            let exit = no_plan(app, &error);
            explain(app, arguments, &turn);
            return exit;
        }
    };
    if let Some(notice) = found_by_itself(&plan, default.as_ref()) {
        app.terminal.notice(&notice);
    }
    let request = ModelRequest {
        system: arguments.system.clone(),
        messages: vec![question],
        max_output_tokens: arguments.max_tokens,
        bounded: true,
        temperature: arguments.temperature,
        thinking: arguments.think,
        delivery: if arguments.no_stream {
            Delivery::Whole
        } else {
            Delivery::Stream
        },
        ..ModelRequest::default()
    };
    let show = Show {
        text: !arguments.json,
        reasoning: arguments.show_reasoning,
    };
    let mut recorder = Recorder::start(None, &plan, &request);
    let (router, spending) = app.router();
    let events = router.answer(plan, request);
    let said = say(app.terminal, &mut Interrupt::listen(), events, show, &mut recorder).await;
    let turn = recorder.finish();
    app.record(&turn);
    app.keep(&fleet);
    spending.hand_over(HAND_OVER).await;
    match said {
        Said::Answered(answer) => {
            if arguments.json {
                let printed = print(
                    app,
                    explained(arguments, &turn),
                    json!({
                        "text": answer.text.as_str(),
                        "model": answer.model,
                        // Null unless the server names another model than was asked for.
                        "served_by": answer.served_by,
                        "end": answer.end,
                        "attempts": answer.attempts,
                        "usage": answer.usage,
                        "timings": timings(start, answer.attempts.last()),
                    }),
                );
                if let Err(exit) = printed {
                    return exit;
                }
            }
            explain(app, arguments, &turn);
            // A model that only calls tools has not answered.
            if answer.text.is_blank() {
                Exit::NoAnswer
            } else {
                Exit::Answered
            }
        }
        Said::Failed(failure) => {
            if arguments.json {
                let errors: Vec<Value> = failure
                    .errors
                    .iter()
                    .map(|(model, error)| {
                        json!({
                            "model": model,
                            "kind": error.kind,
                            "message": error.message.english(),
                            "hint": error.hint.as_ref().map(Text::english),
                        })
                    })
                    .collect();
                let timings = timings(start, failure.attempts.last());
                let printed = print(
                    app,
                    explained(arguments, &turn),
                    json!({
                        "text": null,
                        "partial": failure.partial,
                        "errors": errors,
                        "attempts": failure.attempts,
                        "timings": timings,
                    }),
                );
                if let Err(exit) = printed {
                    return exit;
                }
            }
            tell_failure(app.terminal, &failure);
            explain(app, arguments, &turn);
            Exit::NoAnswer
        }
        Said::Stopped => {
            explain(app, arguments, &turn);
            Exit::Stopped
        }
        Said::Unread => Exit::Answered,
        Said::Unwritten(error) => unwritten(app.terminal, &error),
    }
}

/// A request that cannot be planned is a mistake in the command line or the config, except that nothing is there.
pub(crate) fn no_plan(app: &App, error: &PlanError) -> Exit {
    app.terminal.error(&error.reason(), Some(&error.hint()));
    match error {
        PlanError::NoModel => Exit::NoAnswer,
        PlanError::UnknownModel { .. }
        | PlanError::NoEndpoint { .. }
        | PlanError::Routing { .. }
        | PlanError::OutOfZone { .. }
        | PlanError::Unable { .. } => Exit::Usage,
    }
}

/// What became of the turn, for a person who wants to know.
fn explain(app: &App, arguments: &Ask, turn: &TurnRecord) {
    if arguments.explain && !arguments.json {
        for line in explain::turn(app.terminal, turn) {
            app.terminal.line(&line);
        }
    }
}

/// The same as fields of the object that is printed.
fn explained(arguments: &Ask, turn: &TurnRecord) -> Option<(Value, Value)> {
    arguments.explain.then(|| explain::fields(turn))
}

/// One object, or the exit code of not being able to write it.
fn print(app: &App, explained: Option<(Value, Value)>, mut object: Value) -> Result<(), Exit> {
    if let (Some((plan, turn)), Some(fields)) = (explained, object.as_object_mut()) {
        fields.insert("plan".to_owned(), plan);
        fields.insert("turn".to_owned(), turn);
    }
    let text = serde_json::to_string_pretty(&object).unwrap_or_default();
    match app.terminal.answer(&format!("{text}\n")) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(app.terminal, &error)),
        _ => Ok(()),
    }
}

/// Who answers, when the person has not said who should: what runs on a port may send the question on.
fn found_by_itself(plan: &Plan, default: Option<&ModelRef>) -> Option<Text> {
    let first = plan.candidates.first()?;
    let found = matches!(first.endpoint.origin, EndpointOrigin::Discovered) && default == Some(&first.model);
    found.then(|| {
        text!(
            "answering with {model}, found at {url}; `yabby models set {model}` makes that permanent",
            model = first.model,
            url = first.endpoint.base_url
        )
    })
}

/// Milliseconds from the start of the command, and those of the last attempt.
fn timings(start: Instant, last: Option<&Attempt>) -> Value {
    json!({
        "command_ms": u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        "head_ms": last.and_then(|attempt| attempt.head_ms),
        "first_token_ms": last.and_then(|attempt| attempt.first_token_ms),
        "attempt_ms": last.map(|attempt| attempt.total_ms),
    })
}
