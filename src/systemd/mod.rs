//! The service manager that has started the process: the sockets that it hands over, and what it is told.
//!
//! Both go by systemd's public interface (sd_listen_fds(3), sd_notify(3)), which others have, too. Without one, or with one
//! that asks for nothing, nothing happens.

pub mod notify;
pub mod sockets;

pub use notify::{Manager, Vitals};
pub use sockets::{HandedOver, SocketError};
