//! The dashboard: three files within the binary, and nothing from elsewhere.

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use super::Admin;

/// Nothing inline, nothing from elsewhere, and in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

pub(super) fn routes() -> Router<Arc<Admin>> {
    let html = "text/html; charset=utf-8";
    Router::new()
        .route(
            "/",
            get(async || file(html, include_str!("page/index.html"))),
        )
        .route(
            "/dashboard.css",
            get(async || {
                file(
                    "text/css; charset=utf-8",
                    include_str!("page/dashboard.css"),
                )
            }),
        )
        .route(
            "/dashboard.js",
            get(async || {
                file(
                    "text/javascript; charset=utf-8",
                    include_str!("page/dashboard.js"),
                )
            }),
        )
        .route(
            "/icon.svg",
            get(async || file("image/svg+xml", include_str!("page/icon.svg"))),
        )
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Another version may serve the next one.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, content).into_response()
}
