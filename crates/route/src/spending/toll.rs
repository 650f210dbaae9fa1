//! What is paid for questions that are asked beside a request, such as the search for tools that a server refuses.

use futures_util::{FutureExt, future::BoxFuture};
use yabby_core::{ErrorKind, ModelError, ModelRef, ModelRequest, Phase};
use yabby_servers::{Endpoint, Pays};

use super::{Payer, Price, Reservation, Spending};

/// Pays for questions to one model, for whoever pays for the request.
#[derive(Debug)]
pub struct Toll {
    spending: Spending,
    payer: Payer,
    endpoint: Endpoint,
    model: ModelRef,
    /// The question that is on its way. Given up, its prompt is paid.
    question: Option<Reservation>,
}

impl Toll {
    /// For questions to a model at an endpoint.
    pub fn new(spending: &Spending, payer: &Payer, endpoint: &Endpoint, model: &ModelRef) -> Self {
        Self {
            spending: spending.clone(),
            payer: payer.clone(),
            endpoint: endpoint.clone(),
            model: model.clone(),
            question: None,
        }
    }
}

impl Pays for Toll {
    fn begins<'a>(&'a mut self, question: &'a ModelRequest) -> BoxFuture<'a, Result<(), ModelError>> {
        async move {
            self.question = None;
            let model = self.model.model();
            let price = Price::known(&self.endpoint, model);
            let is_own = || self.endpoint.zone_of(model).is_own();
            if price.as_ref().map_or_else(is_own, Price::is_free) {
                return Ok(());
            }
            self.spending.look_for(&self.payer).await;
            let tokens = self.endpoint.estimate_tokens(model, question).tokens;
            let answer = question.max_output_tokens.unwrap_or(0);
            let reserved = self
                .spending
                .reserve_for(&self.model, &self.payer, price, tokens, answer);
            let reserved = reserved.map_err(|over| over.error(&self.model, &self.endpoint.base_url))?;
            reserved.sent();
            self.question = Some(reserved);
            Ok(())
        }
        .boxed()
    }

    fn ended(&mut self, came: Result<(), &ModelError>) {
        let Some(question) = self.question.take() else { return };
        if came.is_err_and(|error| !may_be_paid(error)) {
            question.free();
        }
    }
}

/// Whether a server that has failed like this before its answer began may ask for money: it has the request, and did not
/// refuse it.
pub(crate) const fn may_be_paid(error: &ModelError) -> bool {
    let silent = matches!(
        error.kind,
        ErrorKind::Hung | ErrorKind::Timeout | ErrorKind::Interrupted
    );
    silent && !matches!(error.phase, Phase::Connect)
}
