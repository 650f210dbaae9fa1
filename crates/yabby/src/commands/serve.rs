//! `yabby serve`: the gateway, until Ctrl-C.

use std::{net::Ipv4Addr, sync::Arc};

use yabby_core::text;
use yabby_gateway::{BindError, Gateway, House};
use yabby_store::Access;

use crate::{
    app::App,
    arguments::Serve,
    assistant::{Chosen, Working},
    exit::Exit,
    interrupt::Interrupt,
    models::{Look, here},
    shared, stored,
};

pub(crate) async fn run(app: &App, arguments: &Serve) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let mut interrupt = Interrupt::listen();
    let here = match here(app, None, Look::Needed).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    for notice in &here.notices {
        app.terminal.notice(notice);
    }
    let spending = shared::spending(app);
    let fleet = here.fleet.clone();
    let chosen = Chosen {
        fleet: Arc::new(here.fleet),
        default: here.default.clone(),
        named: None,
        reasoning: false,
        private: None,
    };
    let working = match stored::open(app, Access::Write).await {
        Ok(store) => Some(Working::start(app, store, chosen)),
        Err(error) => {
            app.terminal.notice(&text!(
                "the models are served, and the assistant is not: {reason}",
                reason = error.message
            ));
            if let Some(hint) = &error.hint {
                app.terminal.notice(hint);
            }
            None
        }
    };
    let house = House {
        config: app.config().clone(),
        fleet: fleet.clone(),
        http: app.http.clone(),
        default: here.default,
        spending: spending.clone(),
        office: working.as_ref().map(|working| working.office.clone()),
    };
    // Others on the network could use the models, and nothing asks them who they are.
    let address = (Ipv4Addr::LOCALHOST, arguments.port).into();
    let gateway = match Gateway::bind(address, house).await {
        Ok(gateway) => gateway,
        Err(error) => {
            cannot_listen(app, &error);
            return Exit::Usage;
        }
    };
    let url = format!("http://{}", gateway.address());
    app.terminal
        .out(&app.terminal.say(&text!("Yabby listens on {url}", url = url)));
    // Other replicas are to know soon what this one has spent.
    tokio::select! {
        () = gateway.serve(interrupt.pressed()) => {}
        () = spending.keep_sharing() => {}
    }
    spending.hand_over(shared::HAND_OVER).await;
    drop(working);
    app.keep(&fleet);
    Exit::Answered
}

fn cannot_listen(app: &App, error: &BindError) {
    match error {
        BindError::Io { address, error } => app.terminal.error(
            &text!("cannot listen on {address}: {error}", address = address, error = error),
            Some(&text!(
                "end the program that has the port, or choose another one with --port"
            )),
        ),
        BindError::NotLoopback(address) => app.terminal.error(
            &text!("{address} is not an address of this machine alone", address = address),
            Some(&text!("use 127.0.0.1")),
        ),
    }
}
