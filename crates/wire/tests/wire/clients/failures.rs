//! Errors for clients, in the shape of each API.

use serde_json::Value;
use yabby_core::{ErrorKind, ModelEvent};
use yabby_wire::{
    BodyKind, Expectation,
    clients::{Api, Failure, StreamEncoder},
};

use super::answers::meta;
use crate::fixtures::decode;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn each_api_has_its_shape() {
    let failure = Failure::new(404, "model_not_found", "no \"m\"");
    assert_eq!(
        text(failure.body(Api::Chat)),
        r#"{"error":{"message":"no \"m\"","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#
    );
    assert_eq!(
        text(failure.body(Api::Messages)),
        r#"{"type":"error","error":{"type":"not_found_error","message":"no \"m\""}}"#
    );
    assert_eq!(failure.body(Api::Responses), failure.body(Api::Chat));
}

#[test]
fn a_key_of_ours_is_no_fault_of_the_client() {
    let status = |kind| Failure::of_kind(kind, "").status;
    assert_eq!(
        [
            ErrorKind::Auth,
            ErrorKind::RateLimit,
            ErrorKind::ContextOverflow,
            ErrorKind::Resting
        ]
        .map(status),
        [502, 429, 400, 503]
    );
}

#[test]
fn what_cannot_be_read_names_its_field() {
    let error = Api::Chat
        .parse(br#"{"model": "m", "messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}"#)
        .unwrap_err();
    let body: Value = serde_json::from_slice(&Failure::from(error).body(Api::Chat)).unwrap();
    insta::assert_json_snapshot!(body, @r#"
    {
      "error": {
        "message": "`messages[0].content[0].type`: parts of type `input_audio` are not taken; text and pictures are",
        "type": "invalid_request_error",
        "param": "messages[0].content[0].type",
        "code": "unsupported_value"
      }
    }
    "#);
}

/// Our own decoder, which has read the errors of many servers, finds the words and the kind again; nothing is written
/// behind an error.
#[test]
fn an_error_in_the_middle_is_an_error() {
    for api in Api::ALL {
        let mut encoder = StreamEncoder::new(meta(api));
        let mut out = Vec::new();
        encoder.event(&ModelEvent::Text("Half an ans".to_owned()), &mut out);
        encoder.fail(&Failure::of_kind(ErrorKind::RateLimit, "too many requests"), &mut out);
        let length = out.len();
        encoder.event(&ModelEvent::Text("more".to_owned()), &mut out);
        encoder.fail(&Failure::of_kind(ErrorKind::Server, "again"), &mut out);
        assert_eq!(out.len(), length);
        let (events, error) = decode(
            api.dialect(),
            BodyKind::EventStream,
            &Expectation::default(),
            [out.as_slice()],
        );
        assert!(
            events.contains(&ModelEvent::Text("Half an ans".to_owned())),
            "{events:?}"
        );
        let error = error.unwrap();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::RateLimit, "too many requests"),
            "{api:?}"
        );
        // The same behind a stream of somebody else that was cut inside a line.
        let mut cut = br#"data: {"choices":[{"del"#.to_vec();
        cut.extend(Failure::of_kind(ErrorKind::RateLimit, "too many requests").event(api));
        let last = String::from_utf8(cut).unwrap();
        assert!(last.ends_with("\n\n") && last.contains("}\n\n") && last.contains("too many requests"));
    }
}
