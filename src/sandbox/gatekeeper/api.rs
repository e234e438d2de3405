//! The gatekeeper's HTTP interface: the Enlistment API, media, and what an operator of the sandbox can see and do.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::{Shared, enlistment, media, operator};
use crate::sandbox::http::Server;

const DESCRIPTION: &str = include_str!("../../../docs/openapi/gatekeeper.yaml");

pub(super) fn start(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    shared: Arc<Shared>,
) -> io::Result<Server> {
    let own = Router::new().route("/openapi.yaml", get(description));
    let operator = operator::routes(&shared);
    let router = own.merge(enlistment::routes()).merge(media::routes()).merge(operator).with_state(shared);
    Server::start(listener, tls, router)
}

/// RFC 9512 has the media type.
async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml")], DESCRIPTION)
}
