//! The gatekeeper's HTTP interface: the Enlistment API, and what an operator of the sandbox can see and do.

use std::io;
use std::sync::Arc;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::{Shared, enlistment, operator};
use crate::sandbox::http::Server;

pub(super) fn start(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    shared: Arc<Shared>,
) -> io::Result<Server> {
    let operator = operator::routes(&shared);
    let router = Router::new().merge(enlistment::routes()).merge(operator).with_state(shared);
    Server::start(listener, tls, router)
}
