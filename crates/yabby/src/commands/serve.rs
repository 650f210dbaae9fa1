//! `yabby serve`: the gateway, until Ctrl-C.

use std::{net::Ipv4Addr, sync::Arc};

use yabby_core::text;
use yabby_gateway::{BindError, Gateway, House, Level, Settings, Upkeep};
use yabby_store::Access;

use crate::{
    app::App,
    arguments::Serve,
    assistant::{Chosen, Working},
    exit::Exit,
    interrupt::Interrupt,
    models::{Look, here},
    serving::Following,
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
        fleet,
        http: app.http.clone(),
        default: here.default,
        spending: spending.clone(),
        office: working.as_ref().map(|working| working.office.clone()),
        upkeep: Upkeep {
            tally: app.tally.clone(),
            log: app.log.clone(),
            settings: Settings::of(&app.loaded),
        },
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
    // From here on SIGHUP ends nothing.
    let reload = gateway.reload();
    let mut following = Following::new(app, reload.clone(), working.as_ref());
    let listens = text!("Yabby listens on {url}", url = format!("http://{}", gateway.address()));
    app.log.tell(Level::Info, "gateway", &listens);
    app.terminal.out(&app.terminal.say(&listens));
    let end = async {
        tokio::select! {
            () = interrupt.pressed() => {}
            () = following.run() => {}
        }
    };
    // Other replicas are to know soon what this one has spent.
    tokio::select! {
        () = gateway.serve(end) => {}
        () = spending.keep_sharing() => {}
    }
    spending.hand_over(shared::HAND_OVER).await;
    drop(working);
    app.keep(&reload.fleet());
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
