//! A voice message in WAV: PCM of 16 bits, one channel.

use std::f64::consts::TAU;

/// In samples a second.
const RATE: u32 = 8000;
/// Of each note, in samples.
const NOTE: u32 = 2000;
/// In Hertz.
const NOTES: [f64; 4] = [392.0, 440.0, 392.0, 329.6];

/// Somebody hums four notes. Returns how long that takes, too, in milliseconds.
pub fn melody() -> (Vec<u8>, u64) {
    let samples: Vec<u8> = NOTES.into_iter().flat_map(note).flat_map(i16::to_le_bytes).collect();
    let size = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let mut wav = b"RIFF".to_vec();
    wav.extend_from_slice(&(size + 36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    // PCM, one channel.
    wav.extend_from_slice(&[1, 0, 1, 0]);
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(RATE * 2).to_le_bytes());
    // Bytes and bits of a sample.
    wav.extend_from_slice(&[2, 0, 16, 0]);
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(&samples);
    (wav, u64::from(size) * 1000 / u64::from(RATE * 2))
}

/// One note, which grows and fades.
fn note(pitch: f64) -> impl Iterator<Item = i16> {
    (0..NOTE).map(move |place| {
        let fade = f64::from(place.min(NOTE - place).min(200)) / 200.0;
        let wave = (TAU * pitch * f64::from(place) / f64::from(RATE)).sin();
        #[allow(clippy::cast_possible_truncation, reason = "a quarter of the range at most")]
        let sample = (wave * fade * 8000.0) as i16;
        sample
    })
}
