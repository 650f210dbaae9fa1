//! `yabby serve`: the gateway, until Ctrl-C.

use std::net::Ipv4Addr;

use yabby_core::text;
use yabby_gateway::{BindError, Gateway, House};

use crate::{
    app::App,
    arguments::Serve,
    exit::Exit,
    interrupt::Interrupt,
    models::{Look, here},
    shared,
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
    let house = House {
        config: app.config().clone(),
        fleet: here.fleet.clone(),
        http: app.http.clone(),
        default: here.default,
        spending: spending.clone(),
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
    app.keep(&here.fleet);
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
