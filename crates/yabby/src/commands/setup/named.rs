//! The server and the model that the command line names.

use yabby_config::is_variable_name;
use yabby_core::{ModelRef, Text, text};
use yabby_servers::ModelState;

use super::{
    address::Refusal,
    row::{Row, rows},
    run::Steps,
    server::Server,
};
use crate::arguments::Setup;

/// What the command line may not say.
pub(super) fn check(arguments: &Setup) -> Result<(), Refusal> {
    if arguments.key_env.as_deref().is_some_and(|name| !is_variable_name(name)) {
        // It may be a key, so it is not repeated.
        return Err(Refusal {
            message: text!("--key-env takes the name of a variable in capitals, not the key itself"),
            hint: Some(text!(
                "write NAME=… into the .env file beside the config, and --key-env NAME here"
            )),
        });
    }
    if arguments
        .provider
        .as_deref()
        .is_some_and(|id| id.is_empty() || id.contains('/'))
    {
        return Err(Refusal {
            message: text!("a provider id is not empty and holds no slash"),
            hint: Some(text!("models are named provider/model, split at the first slash")),
        });
    }
    if arguments.provider.is_none() && arguments.base_url.is_none() {
        let needs = [
            ("--key-env", arguments.key_env.is_some()),
            ("--api", arguments.api.is_some()),
        ];
        if let Some((option, _)) = needs.into_iter().find(|(_, given)| *given) {
            return Err(Refusal {
                message: text!("{option} belongs to one server", option = option),
                hint: Some(text!("say which, with --provider or --base-url")),
            });
        }
    }
    Ok(())
}

fn unproved(server: &Server) -> Text {
    text!(
        "{provider} cannot be asked now, so nothing of it is proved",
        provider = server.endpoint.provider
    )
}

fn unknown(name: &str, has: impl Iterator<Item = String>) -> Refusal {
    let has: Vec<String> = has.take(8).collect();
    Refusal {
        message: text!("there is no model {model}", model = name),
        hint: Some(if has.is_empty() {
            text!("`yabby setup` without --model shows what there is")
        } else {
            text!("there is: {models}", models = has.join(", "))
        }),
    }
}

impl Steps<'_> {
    /// The row of the model that is named. Where the one server that was asked gives no list, its word is taken.
    pub(super) fn place(&mut self, name: &str, one: bool) -> Result<usize, Refusal> {
        match self.rows.as_slice() {
            [row] if row.state != ModelState::Absent => {
                if let Some(server) = row.server.map(|index| &self.found.servers[index])
                    && server.error().is_some()
                {
                    self.notes.push(unproved(server));
                }
                return Ok(0);
            }
            [_, _, ..] => {
                let names: Vec<String> = self.rows.iter().map(|row| row.model.to_string()).collect();
                return Err(Refusal {
                    message: text!("several servers have {model}", model = name),
                    hint: Some(text!(
                        "name one with --provider and --model: {models}",
                        models = names.join(", ")
                    )),
                });
            }
            _ => {}
        }
        let server = self.found.servers.first().filter(|_| one).ok_or_else(|| {
            let known = rows(self.app, &self.found, None).0;
            unknown(name, known.iter().map(|row| row.model.to_string()))
        })?;
        let lists = server.facts.models.iter().map(|model| model.id.clone());
        if server.runs_near() && server.facts.error.is_none() {
            return Err(unknown(name, lists));
        }
        self.notes.push(match server.error() {
            Some(_) => unproved(server),
            None => text!(
                "{provider} does not list {model}",
                provider = server.endpoint.provider,
                model = name
            ),
        });
        let model = ModelRef::new(&server.endpoint.provider, name).map_err(|_| unknown(name, std::iter::empty()))?;
        self.rows = vec![Row {
            near: server.runs_near(),
            state: if server.facts.error.is_some() {
                server.unanswered()
            } else {
                ModelState::Unknown
            },
            server: Some(0),
            window: None,
            role: None,
            proof: None,
            model,
        }];
        Ok(0)
    }
}
