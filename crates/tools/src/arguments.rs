//! What a call asks for.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{ToolError, ToolErrorKind};

/// The arguments of a call as the tool wants them.
pub(crate) fn arguments<T: DeserializeOwned>(arguments: &Map<String, Value>) -> Result<T, ToolError> {
    T::deserialize(Value::Object(arguments.clone()))
        .map_err(|error| ToolError::new(ToolErrorKind::Invalid, format!("the arguments do not fit: {error}")))
}
