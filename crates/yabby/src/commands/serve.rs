//! `yabby serve`: the gateway, until Ctrl-C or SIGTERM.

use std::sync::Arc;

use yabby_core::text;
use yabby_store as store;

use crate::{
    app::App,
    arguments::Serve,
    assistant::{Chosen, Working},
    exit::Exit,
    gateway::{
        address,
        certificate::Certificate,
        door,
        open::{Opened, Over, access, open, tell_unlocked},
        token::Token,
    },
    interrupt::Interrupt,
    models::{Look, here},
    serving::Following,
    shared, stored,
};

pub(crate) async fn run(app: &App, arguments: &Serve) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let token = match Token::of(&app.paths.state_dir) {
        Ok(token) => token,
        Err(unusable) => {
            app.terminal.error(&unusable.message, Some(&unusable.hint));
            return Exit::Usage;
        }
    };
    let Some(address) = address::of(app.config(), arguments.port) else {
        app.terminal.error(
            &text!("this machine has no address of Tailscale, where the gateway is to listen"),
            Some(&text!("connect it, or change gateway.bind in the config")),
        );
        return Exit::Usage;
    };
    let certificate = match Certificate::of(&app.paths.state_dir, &app.config().gateway, address.ip()) {
        Ok(certificate) => certificate,
        Err(unusable) => {
            app.terminal.error(&unusable.message, Some(&unusable.hint));
            return Exit::Usage;
        }
    };
    let address = match door::free(app, address, "serve").await {
        Ok(address) => address,
        Err(exit) => return exit,
    };
    let (mut interrupt, mut termination) = (Interrupt::listen(), Interrupt::termination());
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
    app.begin_telemetry();
    let spending = shared::spending(app);
    let chosen = Chosen {
        fleet: Arc::new(here.fleet),
        default: here.default,
        named: None,
        reasoning: false,
        private: None,
    };
    let store = match stored::open(app, store::Access::Write).await {
        Ok(store) => Some(store),
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
    let (fleet, default) = (Arc::clone(&chosen.fleet), chosen.default.clone());
    let working = store.clone().map(|store| Working::start(app, store, chosen));
    let over = Over {
        fleet: (*fleet).clone(),
        default,
        office: working.as_ref().map(|working| working.office.clone()),
        access: access(app, &token, store.as_ref()).await,
        certificate,
    };
    let Opened { gateway, sign } = match open(app, address, over).await {
        Ok(opened) => opened,
        Err(error) => {
            let (message, hint) = door::told(address, &error, None);
            app.terminal.error(&message, Some(&hint));
            return Exit::Usage;
        }
    };
    // From here on SIGHUP ends nothing.
    let reload = gateway.reload();
    let mut following = Following::new(app, reload.clone(), working.as_ref());
    let listens = text!("Yabby listens on {url}", url = gateway.url());
    app.terminal.out(&app.terminal.say(&listens));
    if app.config().gateway.auth.open {
        tell_unlocked(app);
    } else {
        app.terminal.notice(&text!(
            "your key is in {path}; make others with: yabby keys add",
            path = token.path.display()
        ));
    }
    let end = async {
        tokio::select! {
            () = interrupt.pressed() => {}
            () = termination.pressed() => {}
            () = following.run() => {}
        }
    };
    // Other replicas are to know soon what this one has spent.
    tokio::select! {
        () = gateway.serve(end) => {}
        () = spending.keep_sharing() => {}
    }
    spending.hand_over(shared::HAND_OVER).await;
    drop(sign);
    if let Some(working) = working {
        working.end().await;
    }
    app.keep(&reload.fleet());
    Exit::Answered
}
