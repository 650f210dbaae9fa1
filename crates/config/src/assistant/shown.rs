//! How settings are written where they are shown: with the words of the config, and without secrets.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use yabby_core::Secret;

use crate::{ApiKey, ModelPolicy};

/// The value without what is null or empty in it.
pub(crate) fn without_nothing(value: Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let members = members.into_iter().map(|(key, value)| (key, without_nothing(value)));
    let is_something = |(_, value): &(String, Value)| match value {
        Value::Null => false,
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    Value::Object(members.filter(is_something).collect())
}

/// Whether nothing is said, so that nothing is shown.
pub(crate) fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(crate) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}

pub(crate) fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX)
        .serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
pub(crate) fn some_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs()).serialize(serializer)
}

pub(crate) fn minutes<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64() / 60.0)
}

pub(crate) fn time<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{}s", time.as_secs_f64()))
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
pub(crate) fn key<S: Serializer>(key: &Option<ApiKey>, serializer: S) -> Result<S::Ok, S::Error> {
    let key = key.as_ref();
    key.map(|key| key.secret.to_string()).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
pub(crate) fn secret<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ToString::to_string).serialize(serializer)
}

pub(crate) fn secrets<S: Serializer>(named: &[(String, Secret)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(named.iter().map(|(name, secret)| (name, secret.to_string())))
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
pub(crate) fn policy<S: Serializer>(policy: &Option<ModelPolicy>, serializer: S) -> Result<S::Ok, S::Error> {
    let policy = policy.as_ref();
    policy
        .map(|policy| json!({ "primary": policy.primary, "fallbacks": policy.fallbacks }))
        .serialize(serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference to the field")]
pub(crate) fn injection<S: Serializer>(has_files: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *has_files { "always" } else { "never" })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference to the field")]
pub(crate) fn pruning<S: Serializer>(after_ttl: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *after_ttl { "cache-ttl" } else { "off" })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference to the field")]
pub(crate) fn enabled<S: Serializer>(enabled: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    json!({ "enabled": enabled }).serialize(serializer)
}
