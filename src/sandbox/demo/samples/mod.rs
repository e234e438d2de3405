//! What people send each other in the demonstration: two pictures and a voice message, made here, so that they are
//! nobody's. They are files as any program opens them.

mod jpeg;
mod png;
mod wav;

pub use jpeg::sunset;
pub use png::fish;
pub use wav::melody;

/// How large a picture is, in pixels.
pub const WIDTH: u32 = 128;
pub const HEIGHT: u32 = 64;
