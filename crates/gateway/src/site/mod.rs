//! The web page: files that are part of the binary, and nothing else of this machine.
//!
//! A path is looked up as it was written; nothing is decoded, joined or opened. Every file but the page itself has the hash
//! of all of them in its path, so that it may be kept for ever, and an old page never gets half of a new one.

mod assets;
mod headers;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY},
};

use crate::passing::Out;
use assets::{Asset, Assets};

/// Where all files but the page itself are.
const FOLDER: &str = "/assets/";

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::new);

/// The answer to a GET or HEAD of a path, when it is one of the page's.
pub(crate) fn respond(path: &str, headers: &HeaderMap) -> Option<Response<Out>> {
    let mut response = match path.strip_prefix(FOLDER) {
        _ if path == "/" => found(&ASSETS.index, headers, "no-cache"),
        Some(rest) => match ASSETS.find(rest) {
            Some(asset) => found(asset, headers, "public, max-age=31536000, immutable"),
            None => nothing(),
        },
        None => return None,
    };
    headers::protect(response.headers_mut());
    Some(response)
}

fn found(asset: &Asset, headers: &HeaderMap, keep: &'static str) -> Response<Out> {
    let has_it = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|known| headers::names(known, &asset.etag));
    let mut response = if has_it {
        let mut response = Response::new(Out::Whole(None));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else if headers::takes_gzip(headers) {
        let mut response = Response::new(Out::Whole(Some(asset.compressed())));
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(CONTENT_ENCODING, gzip);
        response
    } else {
        Response::new(Out::Whole(Some(asset.bytes.clone())))
    };
    let to = response.headers_mut();
    to.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    to.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    to.insert(VARY, HeaderValue::from_static("accept-encoding"));
    to.insert(ETAG, asset.etag.clone());
    response
}

fn nothing() -> Response<Out> {
    let text = "There is no such file in this version of the page.\n";
    let mut response = Response::new(Out::Whole(Some(text.into())));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let to = response.headers_mut();
    to.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    to.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
