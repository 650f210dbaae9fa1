//! The config as the rest of Yabby meets it: through the public functions.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests stand outside the test functions"
)]

mod suite {
    mod assistant;
    mod assistant_closed;
    mod assistant_less;
    mod budget;
    mod diagnostics;
    mod env;
    mod examples;
    mod explain;
    mod gateway;
    mod include;
    mod kept;
    mod keys;
    mod names;
    mod otel;
    mod privacy;
    mod properties;
    mod search;
    mod secrets;
    mod session;
    mod store;
    pub(crate) mod support;
}
