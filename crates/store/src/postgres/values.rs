//! Statements and values as PostgreSQL wants them.

use std::{borrow::Cow, error::Error, str};

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::sql::Value;

/// `?1` becomes `$1`. A question mark in a quoted text stays.
pub(super) fn placeholders(sql: &str) -> Cow<'_, str> {
    if !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    let mut is_quoted = false;
    let mut all = String::with_capacity(sql.len());
    let mut rest = sql.chars().peekable();
    while let Some(char) = rest.next() {
        is_quoted ^= char == '\'';
        let is_placeholder = char == '?' && !is_quoted && rest.peek().is_some_and(char::is_ascii_digit);
        all.push(if is_placeholder { '$' } else { char });
    }
    Cow::Owned(all)
}

/// The server says which type it expects; what is not one of our own goes as text, which it reads itself. So a text can
/// be given for a `tsvector`, and a number for an `integer`.
impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(value) if *ty == Type::INT8 => out.extend_from_slice(&value.to_be_bytes()),
            Self::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Real(value) if *ty == Type::FLOAT8 => out.extend_from_slice(&value.to_be_bytes()),
            Self::Real(value) => out.extend_from_slice(value.to_string().as_bytes()),
            // PostgreSQL keeps no NUL in a text.
            Self::Text(value) if value.contains('\0') => {
                out.extend_from_slice(value.replace('\0', "\u{fffd}").as_bytes());
            }
            Self::Text(value) => out.extend_from_slice(value.as_bytes()),
            Self::Bytes(value) => out.extend_from_slice(value),
        }
        Ok(IsNull::No)
    }

    fn encode_format(&self, ty: &Type) -> Format {
        match self {
            Self::Int(_) if *ty == Type::INT8 => Format::Binary,
            Self::Real(_) if *ty == Type::FLOAT8 => Format::Binary,
            Self::Bytes(_) => Format::Binary,
            _ => Format::Text,
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_be_bytes(raw.try_into()?)),
            Type::INT4 => Self::Int(i32::from_be_bytes(raw.try_into()?).into()),
            Type::INT2 => Self::Int(i16::from_be_bytes(raw.try_into()?).into()),
            Type::BOOL => Self::Int((raw != [0]).into()),
            Type::FLOAT8 => Self::Real(f64::from_be_bytes(raw.try_into()?)),
            Type::FLOAT4 => Self::Real(f32::from_be_bytes(raw.try_into()?).into()),
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            _ => Self::Text(str::from_utf8(raw)?.to_owned()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        const TYPES: [Type; 11] = [
            Type::INT8,
            Type::INT4,
            Type::INT2,
            Type::BOOL,
            Type::FLOAT8,
            Type::FLOAT4,
            Type::BYTEA,
            Type::TEXT,
            Type::VARCHAR,
            Type::NAME,
            Type::UNKNOWN,
        ];
        TYPES.contains(ty) || *ty == Type::VOID
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_placeholders_are_changed() {
        for (sql, expected) in [
            ("SELECT ?1, ?12 WHERE a = ?1", "SELECT $1, $12 WHERE a = $1"),
            ("SELECT '?1', 'it''s ?2', ?3", "SELECT '?1', 'it''s ?2', $3"),
            ("SELECT a ? b", "SELECT a ? b"),
        ] {
            assert_eq!(placeholders(sql), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_changed(sql in "[ a-z?0-9$']{0,40}") {
            prop_assert_eq!(placeholders(&sql).replace('$', "?"), sql.replace('$', "?"));
        }
    }
}
