//! Random bytes and names, for what must not be guessed or met twice: salts, nonces, stream ids, resources.

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct RandomError;

pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// A name of 32 hexadecimal digits.
pub fn token() -> Result<String, RandomError> {
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes()?)))
}
