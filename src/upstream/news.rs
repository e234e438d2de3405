//! What is told of an endpoint to whoever runs the process: in the configuration's words and those of a closed list.

use super::connect::ConnectError;

/// What has become of an address of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointNews<'n> {
    /// As the configuration calls it.
    pub upstream: &'n str,
    /// As the configuration writes it: behind `srv` that is the name, and not what DNS says of it.
    pub endpoint: &'n str,
    pub change: EndpointChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointChange {
    /// It is passed over, as it could not be connected to again and again, the last time for this.
    Ejected(ConnectError),
    /// It could be connected to again.
    Back,
}

/// Who hears it.
pub type Tell = fn(EndpointNews<'_>);
