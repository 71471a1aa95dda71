//! Compressed files, told by their first bytes.

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};

/// How a file is packed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    pub(crate) fn of(head: &[u8]) -> Option<Compression> {
        if head.starts_with(&[0x1f, 0x8b]) {
            Some(Compression::Gzip)
        } else if let [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] = head {
            // The second begins a frame to be skipped, as pzstd writes.
            Some(Compression::Zstd)
        } else {
            None
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    pub(crate) fn reader(self, packed: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let packed = BufReader::with_capacity(1 << 16, packed);
        match self {
            Compression::Gzip => Box::new(Gzip(Some(GzDecoder::new(packed)))),
            Compression::Zstd => Box::new(Zstd::new(packed)),
        }
    }
}

/// A gzip file may hold several members one after the other, and zeros behind the last that fill a block
/// of a tape or a disk.
struct Gzip<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let count = member.read(buf)?;
            if count > 0 || buf.is_empty() {
                return Ok(count);
            }
            // The member has ended, and stays ended if reading on is interrupted.
            let packed = member.get_mut();
            loop {
                let bytes = packed.fill_buf()?;
                let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
                if bytes.is_empty() {
                    return Ok(0);
                }
                if zeros == 0 {
                    break;
                }
                packed.consume(zeros);
            }
            self.0 = self
                .0
                .take()
                .map(|ended| GzDecoder::new(ended.into_inner()));
        }
        Ok(0)
    }
}

/// A zstd file may hold several frames one after the other (`cat a.zst b.zst`, parallel
/// compressors); `ruzstd` reads one at a time.
struct Zstd<R> {
    packed: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

/// The most memory that a frame may ask for (its window): the limit of the reference
/// implementation's command line.
const WINDOW: u64 = 128 << 20;

impl<R: BufRead> Zstd<R> {
    fn new(packed: R) -> Zstd<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Zstd {
            packed,
            decoder,
            in_frame: false,
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !buf.is_empty() {
            if !self.in_frame {
                if self.packed.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                match self.decoder.reset(&mut self.packed) {
                    Ok(()) => self.in_frame = true,
                    Err(FrameDecoderError::ReadFrameHeaderError(
                        ReadFrameHeaderError::SkipFrame { length, .. },
                    )) => {
                        let mut skipped = (&mut self.packed).take(u64::from(length));
                        match io::copy(&mut skipped, &mut io::sink())? == u64::from(length) {
                            true => continue,
                            false => return Err(io::ErrorKind::UnexpectedEof.into()),
                        }
                    }
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let count = self.decoder.read(buf)?;
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
            let (stored, counted) = (
                self.decoder.get_checksum_from_data(),
                self.decoder.get_calculated_checksum(),
            );
            if stored.is_some() && counted.is_some() && stored != counted {
                return Err(io::Error::other("the checksum does not match"));
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_flipped_byte_is_told_by_the_checksum() {
        let level = ruzstd::encoding::CompressionLevel::Uncompressed;
        let mut packed = ruzstd::encoding::compress_to_vec(&b"380971112233\n"[..], level);
        let read = |packed: &[u8]| {
            let mut text = String::new();
            let kind = Compression::of(packed).unwrap();
            let reader = kind.reader(Box::new(io::Cursor::new(packed.to_vec())));
            { reader }.read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read(&packed).unwrap(), "380971112233\n");
        let at = memchr::memmem::find(&packed, b"3809").unwrap();
        packed[at] = b'4';
        assert!(read(&packed).is_err());
    }

    #[test]
    fn frames_of_zstd_are_skipped_as_a_whole() {
        let level = ruzstd::encoding::CompressionLevel::Uncompressed;
        let packed = ruzstd::encoding::compress_to_vec(&b"380971112233\n"[..], level);
        let skipped =
            |length: u8| [&[0x53, 0x2a, 0x4d, 0x18, length, 0, 0, 0][..], b"12345"].concat();
        let read = |packed: &[u8]| {
            let kind = Compression::of(packed).unwrap();
            let mut text = String::new();
            let mut reader = kind.reader(Box::new(io::Cursor::new(packed.to_vec())));
            reader.read_to_string(&mut text).map(|_| text)
        };
        let whole = [skipped(5), packed.clone(), skipped(5), packed.clone()].concat();
        assert_eq!(read(&whole).unwrap(), "380971112233\n380971112233\n");
        assert!(read(&[packed, skipped(6)].concat()).is_err());
    }

    #[test]
    fn gzip_members_follow_each_other() {
        let mut packed = Vec::new();
        for part in ["one ", "two"] {
            let mut encoder = flate2::write::GzEncoder::new(&mut packed, Default::default());
            encoder.write_all(part.as_bytes()).unwrap();
            encoder.finish().unwrap();
        }
        let kind = Compression::of(&packed).unwrap();
        let mut text = String::new();
        kind.reader(Box::new(io::Cursor::new(packed)))
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "one two");
    }

    #[test]
    fn zeros_behind_gzip_are_no_damage() {
        let member = |text: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let read = |packed: Vec<u8>| {
            let mut text = String::new();
            let mut reader = Compression::Gzip.reader(Box::new(io::Cursor::new(packed)));
            reader.read_to_string(&mut text).map(|_| text)
        };
        let padded = [
            member(b"one "),
            member(b""),
            member(b"two"),
            vec![0; 100_000],
        ]
        .concat();
        assert_eq!(read(padded.clone()).unwrap(), "one two");
        assert!(read([padded, b"three".to_vec()].concat()).is_err());
        // Interruptions at any place change nothing.
        struct Interrupted(io::Cursor<Vec<u8>>, bool);
        impl Read for Interrupted {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                match self.1 {
                    true => Err(io::ErrorKind::Interrupted.into()),
                    false => self.0.read(&mut buf[..1]),
                }
            }
        }
        let twice = [member(b"one "), vec![0; 3], member(b"two"), vec![0; 3]].concat();
        let mut text = String::new();
        let packed = Interrupted(io::Cursor::new(twice), false);
        let mut reader = Compression::Gzip.reader(Box::new(packed));
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
        let whole = member(b"one two");
        for cut in 1..whole.len() {
            assert!(read(whole[..cut].to_vec()).is_err(), "{cut}");
        }
    }

    #[test]
    fn zstd_frames_follow_each_other_and_skippable_ones_are_skipped() {
        let frame = |text: &str| {
            ruzstd::encoding::compress_to_vec(
                text.as_bytes(),
                ruzstd::encoding::CompressionLevel::Fastest,
            )
        };
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let packed = [frame("one "), skippable, frame("two")].concat();
        let kind = Compression::of(&packed).unwrap();
        let mut text = String::new();
        kind.reader(Box::new(io::Cursor::new(packed.clone())))
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "one two");
        let cut = packed[..packed.len() - 3].to_vec();
        assert!(
            kind.reader(Box::new(io::Cursor::new(cut)))
                .read_to_string(&mut text)
                .is_err()
        );
    }
}
