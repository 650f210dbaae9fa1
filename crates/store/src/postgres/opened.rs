//! Opening.

use std::{
    io,
    rc::Rc,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::Instant,
};

use tokio::sync::watch;
use yabby_core::Secret;

use super::{
    Limits, Listener, Postgres, WORKERS,
    address::Address,
    errors::{Failure, Then},
    listener, migrate,
    patience::Patience,
    session::Session,
    wait,
    worker::{Shared, Worker},
};
use crate::{
    between::Between,
    error::{Result, StoreError, StoreErrorKind},
    ids::new_id,
    open::{Access, Place},
    store::Store,
    wakes::Wakes,
};

/// Opens the store of a database.
pub(crate) async fn open(place: &Place, url: &Secret, access: Access, limits: Limits) -> Result<Store> {
    let url = url.clone();
    let opening = tokio::task::spawn_blocking(move || opened(&url, access, limits));
    let backend = opening.await.map_err(|error| unusable(&error))??;
    Ok(Store::of(Box::new(backend), place.clone()))
}

fn opened(url: &Secret, access: Access, limits: Limits) -> Result<Postgres> {
    let address = Address::of(url)?;
    prepare(&address, access, limits)?;
    let (jobs, queue) = mpsc::channel();
    let queue = Arc::new(Mutex::new(queue));
    let me = new_id();
    let mut postgres = Postgres {
        between: Between::new(&me),
        me,
        access,
        wakes: Arc::new(Wakes::default()),
        jobs: Some(jobs),
        closing: watch::Sender::new(false),
        workers: Vec::new(),
        listener: None,
    };
    let shared = Shared {
        address,
        me: postgres.me.clone(),
        wakes: Arc::clone(&postgres.wakes),
        notes: Arc::default(),
        between: postgres.between.clone(),
        closing: postgres.closing.subscribe(),
        limits,
    };
    for number in 1..=WORKERS {
        let (shared, queue) = (shared.clone(), Arc::clone(&queue));
        let thread = start(&format!("store-{number}"), move || Worker::work(shared, &queue));
        postgres.workers.push(thread?);
    }
    // Who only reads waits for nothing.
    if access == Access::Write {
        let (closed, closing) = watch::channel(false);
        let thread = start("store-listener", move || listener::listen(&shared, closing))?;
        postgres.listener = Some(Listener { closed, thread });
    }
    Ok(postgres)
}

/// Makes sure, with a connection of its own, that everything is as it must be. A server that is just starting is waited for.
fn prepare(address: &Address, access: Access, limits: Limits) -> Result<()> {
    let runtime = wait::runtime().map_err(|error| unusable(&error))?;
    let address = Rc::new(address.clone());
    let mut patience = Patience::RECONNECT;
    let start = Instant::now();
    let once = || -> Result<(), Failure> {
        let mut session = Session::connect(&runtime, &address, limits)?;
        session.check_encoding()?;
        migrate::check(&mut session, &address.shown, access)?;
        session.close();
        Ok(())
    };
    loop {
        let Failure { error, then } = match once() {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let wait = patience.next();
        if then == Then::Stop || start.elapsed() + wait > limits.starting {
            return Err(error);
        }
        thread::sleep(wait);
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|error: io::Error| unusable(&error))
}

fn unusable(error: &dyn std::error::Error) -> StoreError {
    StoreError::unusable(StoreErrorKind::Other, &error.to_string())
}
