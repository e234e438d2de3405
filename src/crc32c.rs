//! The checksum in headers of the PROXY protocol, which are read on one side and written on the other.

/// The checksum of RFC 4960, appendix B. Headers are short, and there is one for a connection: bit by bit is enough.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82F6_3B78 & 0_u32.wrapping_sub(crc & 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    /// RFC 3720, appendix B.4: 32 bytes of zeros, of ones, and counting upwards.
    #[test]
    fn it_is_that_of_the_specification() {
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(crc32c(&Vec::from_iter(0..32)), 0x46DD_794E);
    }
}
