//! What a client is told instead of an answer.

use hyper::Response;
use yabby_wire::clients::{Failure, InvalidRequest};

use crate::{
    api::{Api, Refusal},
    assistant::failed,
    passing::Out,
    relay::refused,
};

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Told {
    Refusal(Box<Refusal>),
    Failure(Box<Failure>),
}

impl Told {
    pub(super) fn response(&self, api: Api) -> Response<Out> {
        match self {
            Self::Refusal(refusal) => refused(api, refusal),
            Self::Failure(failure) => failed(api, failure),
        }
    }
}

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(Box::new(refusal))
    }
}

impl From<Failure> for Told {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

impl From<InvalidRequest> for Told {
    fn from(invalid: InvalidRequest) -> Self {
        Failure::from(invalid).into()
    }
}
