//! Opens the gateway over what a command has found.

use std::net::SocketAddr;

use yabby_core::{ModelRef, text};
use yabby_gateway::{Access, BindError, Gateway, House, Level, Office, Settings, Upkeep};
use yabby_servers::Fleet;
use yabby_store::Store;

use super::{address, certificate::Certificate, sign::Sign, token::Token};
use crate::{app::App, shared, stored};

/// What a gateway is opened over.
pub(crate) struct Over {
    /// All endpoints.
    pub(crate) fleet: Fleet,
    /// The model to use when the config names none.
    pub(crate) default: Option<ModelRef>,
    /// The assistant, where there is one.
    pub(crate) office: Option<Office>,
    /// Who may come in.
    pub(crate) access: Access,
    /// Yabby's own certificate, where the config wants one.
    pub(crate) certificate: Option<Certificate>,
}

/// A gateway that listens.
pub(crate) struct Opened {
    pub(crate) gateway: Gateway,
    /// As long as it is kept, other commands find the gateway.
    pub(crate) sign: Option<Sign>,
}

/// Listens at an address.
pub(crate) async fn open(app: &App, address: SocketAddr, over: Over) -> Result<Opened, BindError> {
    let house = House {
        config: app.config().clone(),
        fleet: over.fleet,
        http: app.http.clone(),
        default: over.default,
        spending: shared::spending(app),
        office: over.office,
        upkeep: Upkeep {
            tally: app.tally.clone(),
            log: app.log.clone(),
            settings: Settings::of(&app.loaded),
            telemetry: app.telemetry(),
        },
        access: over.access,
        certificate: over.certificate.as_ref().map(|own| own.path.clone()),
    };
    let gateway = Gateway::bind(address, house).await?;
    app.log.tell(
        Level::Info,
        "gateway",
        &text!("Yabby listens on {url}", url = gateway.url()),
    );
    if let (Some(own), Some(fingerprint)) = (&over.certificate, gateway.fingerprint()) {
        own.tell(app, fingerprint);
    }
    let reached = address::reached(gateway.address(), gateway.url().starts_with("https:"));
    let sign = Sign::put_up(&app.paths.state_dir, &reached, gateway.fingerprint()).unwrap_or_else(|error| {
        app.terminal.notice(&text!(
            "yabby keys link will not find this gateway: {path} cannot be written: {error}",
            path = app.paths.state_dir.display(),
            error = error
        ));
        None
    });
    Ok(Opened { gateway, sign })
}

/// Tells that nobody is asked for a key.
pub(crate) fn tell_unlocked(app: &App) {
    app.terminal.notice(&text!(
        "nobody is asked for a key: every program on this machine may use your models (gateway.auth.mode)"
    ));
}

/// Who may come in. Without the keys that are kept, the owner may.
pub(crate) async fn access(app: &App, token: &Token, store: Option<&Store>) -> Access {
    let opened = match store {
        Some(store) => Ok(store.keys()),
        // Another one has it for the assistant; keys are for all.
        None => stored::keys(app).await,
    };
    let keys = match opened {
        Ok(keys) => Some(keys),
        Err(error) => {
            app.terminal.notice(&text!(
                "keys of yabby keys do not count until the next start: {reason}",
                reason = error.message
            ));
            None
        }
    };
    Access {
        owners: vec![token.hash],
        keys,
    }
}
