//! A voice message as a wave form: how loud it is from beginning to end. For WAV with plain samples; other forms are
//! played by who can, and drawn by nobody here.

/// Columns of a wave form.
const COLUMNS: usize = 72;
/// The eight heights of a block.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const PLAIN_SAMPLES: u16 = 1;

/// The loudest of each column's samples, in percent of what can be said.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    pub seconds: f64,
    pub peaks: Vec<u8>,
}

/// What is said of samples.
struct Format {
    channels: u16,
    rate: u32,
    bits: u16,
}

impl Wave {
    /// `None` if it is no WAV with samples of 8 or 16 bits.
    pub fn of(wav: &[u8]) -> Option<Self> {
        let mut rest = wav.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
        let mut format = None;
        loop {
            let (name, length) = (rest.get(..4)?, usize::try_from(number32(rest.get(4..8)?)?).ok()?);
            let behind = rest.get(8..)?;
            let body = behind.get(..length.min(behind.len()))?;
            match name {
                b"fmt " => format = Some(Format::of(body)?),
                b"data" => return Self::drawn(&format?, body),
                _ => {}
            }
            // Each chunk begins at an even place.
            rest = behind.get(length.checked_next_multiple_of(2)?..)?;
        }
    }

    fn drawn(format: &Format, data: &[u8]) -> Option<Self> {
        let bytes = usize::from(format.bits / 8);
        let samples = data.chunks_exact(bytes).map(|sample| match sample {
            [low, high] => i16::from_le_bytes([*low, *high]).unsigned_abs(),
            // Samples of 8 bits have no sign, and silence in the middle.
            [byte] => (i16::from(*byte) - 128).unsigned_abs() * 256,
            _ => 0,
        });
        let samples: Vec<u16> = samples.collect();
        let moments = samples.len() / usize::from(format.channels);
        let in_column = samples.len().div_ceil(COLUMNS).max(1);
        let loudest = samples.chunks(in_column).map(|column| column.iter().max().copied().unwrap_or(0));
        let percent = loudest.map(|peak| u8::try_from(u32::from(peak) * 100 / 32_768).unwrap_or(100));
        let seconds = f64::from(u32::try_from(moments).ok()?) / f64::from(format.rate);
        (!samples.is_empty()).then(|| Self { seconds, peaks: percent.collect() })
    }

    /// One character for each column. What is quiet as a whole is drawn as if it was loud, to be seen.
    pub fn blocks(&self) -> String {
        let highest = usize::from(self.peaks.iter().max().copied().unwrap_or(0).max(1));
        let block = |peak: &u8| BLOCKS.get(usize::from(*peak) * (BLOCKS.len() - 1) / highest);
        self.peaks.iter().filter_map(block).collect()
    }
}

impl Format {
    fn of(body: &[u8]) -> Option<Self> {
        let format = Self {
            channels: number16(body.get(2..4)?)?,
            rate: number32(body.get(4..8)?)?,
            bits: number16(body.get(14..16)?)?,
        };
        let drawable = number16(body.get(..2)?)? == PLAIN_SAMPLES
            && format.channels > 0
            && format.rate > 0
            && matches!(format.bits, 8 | 16);
        drawable.then_some(format)
    }
}

fn number16(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn number32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
pub(in crate::sandbox::demo) mod tests {
    use super::*;

    /// A WAV with one channel of 16 bits.
    pub fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let length = u32::try_from(data.len()).unwrap();
        let mut wav =
            [b"RIFF".as_slice(), &(36 + length).to_le_bytes(), b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
        for number in [1_u16, 1] {
            wav.extend(number.to_le_bytes());
        }
        wav.extend([rate.to_le_bytes(), (rate * 2).to_le_bytes()].concat());
        wav.extend([2_u16.to_le_bytes(), 16_u16.to_le_bytes()].concat());
        wav.extend([b"data".as_slice(), &length.to_le_bytes(), &data].concat());
        wav
    }

    #[test]
    fn a_wave_form_is_as_long_and_as_loud_as_what_was_said() {
        let silent = vec![0; 720];
        let loud = vec![i16::MIN; 720];
        let wave = Wave::of(&wav(720, &[silent, loud].concat())).unwrap();
        assert_eq!(wave.seconds, 2.0);
        assert_eq!(wave.peaks, [vec![0; 36], vec![100; 36]].concat());
        assert_eq!(wave.blocks(), "▁".repeat(36) + &"█".repeat(36));
    }

    #[test]
    fn what_is_quiet_can_be_seen() {
        let wave = Wave::of(&wav(8000, &[0, 330])).unwrap();
        assert_eq!(wave.blocks(), "▁█");
    }

    #[test]
    fn what_is_no_wav_or_is_cut_is_not_drawn() {
        let whole = wav(8000, &[1, 2]);
        for length in 0..=44 {
            assert_eq!(Wave::of(&whole[..length]), None, "{length}");
        }
        // A length that is only said is not believed.
        let mut long = whole.clone();
        long[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Wave::of(&long).unwrap().peaks.len(), 2);
        let mut compressed = whole;
        compressed[20] = 85;
        assert_eq!(Wave::of(&compressed), None);
        assert_eq!(Wave::of(b"OggS"), None);
    }
}
