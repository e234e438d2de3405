//! What a decoder keeps and how its work grows. (Work is counted in bytes looked at, never in time.)

use super::super::FrameDecoder;
use super::stream;

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<FrameDecoder>() <= 300, "{} bytes", size_of::<FrameDecoder>());
    assert_eq!(stream().buffered(), 0);
}
