//! Bytes to text, strictly (decision D15).

use encoding_rs::{
    DecoderResult, IBM866, KOI8_R, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1251, WINDOWS_1252,
};
use std::fmt;
use std::str::FromStr;

/// An encoding of the campaign API, and the two byte orders of UCS-2.
///
/// The meanings are exact: ISO-8859-1 is byte = code point (not windows-1252), ASCII has no byte
/// above 0x7F, and the bytes that windows-1251 and windows-1252 leave undefined are undefined.
///
/// ```
/// use recipients_ingest::Encoding;
///
/// assert_eq!("windows-1251".parse(), Ok(Encoding::Windows1251));
/// assert_eq!(Encoding::Utf8.to_string(), "UTF-8");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// US-ASCII.
    Ascii,
    /// KOI8-R.
    Koi8R,
    /// DOS code page 866.
    Cp866,
    /// Windows Cyrillic.
    Windows1251,
    /// Windows Western.
    Windows1252,
    /// Latin-1.
    Iso8859_1,
    /// UCS-2 in the order that its byte order mark or its bytes tell.
    Ucs2,
    /// UCS-2, least significant byte first.
    Ucs2Le,
    /// UCS-2, most significant byte first.
    Ucs2Be,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 10] = [
        Encoding::Utf8,
        Encoding::Ascii,
        Encoding::Koi8R,
        Encoding::Cp866,
        Encoding::Windows1251,
        Encoding::Windows1252,
        Encoding::Iso8859_1,
        Encoding::Ucs2,
        Encoding::Ucs2Le,
        Encoding::Ucs2Be,
    ];

    /// The name in the campaign API.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Ascii => "ASCII",
            Encoding::Koi8R => "KOI8-R",
            Encoding::Cp866 => "CP866",
            Encoding::Windows1251 => "WINDOWS-1251",
            Encoding::Windows1252 => "WINDOWS-1252",
            Encoding::Iso8859_1 => "ISO-8859-1",
            Encoding::Ucs2 => "UCS-2",
            Encoding::Ucs2Le => "UCS-2LE",
            Encoding::Ucs2Be => "UCS-2BE",
        }
    }

    /// The byte order mark that belongs to the encoding, if it has one.
    pub const fn bom(self) -> &'static [u8] {
        match self {
            Encoding::Utf8 => b"\xef\xbb\xbf",
            Encoding::Ucs2 | Encoding::Ucs2Le => b"\xff\xfe",
            Encoding::Ucs2Be => b"\xfe\xff",
            _ => b"",
        }
    }

    /// The text in this encoding; `None` if a character is not in it. Without a byte order mark;
    /// [`Encoding::Ucs2`] means the least significant byte first.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Utf8 => Some(text.as_bytes().to_vec()),
            Encoding::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
            Encoding::Iso8859_1 => text.chars().map(|c| u8::try_from(c).ok()).collect(),
            Encoding::Ucs2 | Encoding::Ucs2Le => {
                Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
            }
            Encoding::Ucs2Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Encoding::Koi8R | Encoding::Cp866 | Encoding::Windows1251 | Encoding::Windows1252 => {
                let (bytes, _, unmappable) = self.table().encode(text);
                // The tables map the undefined bytes to C1 controls.
                let undefined = self.undefined();
                (!unmappable && !bytes.iter().any(|b| undefined.contains(b)))
                    .then(|| bytes.into_owned())
            }
        }
    }

    /// How long text of this encoding was before it was decoded, whatever is in it.
    pub(crate) const fn source_len(self) -> SourceLen {
        match self {
            Encoding::Utf8 | Encoding::Ascii => SourceLen::Same,
            Encoding::Ucs2 | Encoding::Ucs2Le | Encoding::Ucs2Be => SourceLen::Units,
            _ => SourceLen::Chars,
        }
    }

    /// Whether bytes can be decoded, ASCII standing for itself among them, and nothing need be told of
    /// them: to know so is quicker than to decode them.
    pub(crate) fn is_plain(self, bytes: &[u8]) -> bool {
        match self {
            Encoding::Utf8 => std::str::from_utf8(bytes).is_ok(),
            Encoding::Ascii | Encoding::Iso8859_1 => bytes.is_ascii(),
            Encoding::Ucs2 | Encoding::Ucs2Le | Encoding::Ucs2Be => false,
            Encoding::Koi8R | Encoding::Cp866 | Encoding::Windows1251 | Encoding::Windows1252 => {
                let undefined = self.undefined();
                undefined
                    .iter()
                    .all(|&byte| memchr::memchr(byte, bytes).is_none())
            }
        }
    }

    fn table(self) -> &'static encoding_rs::Encoding {
        match self {
            Encoding::Utf8 | Encoding::Ascii | Encoding::Iso8859_1 => UTF_8,
            Encoding::Koi8R => KOI8_R,
            Encoding::Cp866 => IBM866,
            Encoding::Windows1251 => WINDOWS_1251,
            Encoding::Windows1252 => WINDOWS_1252,
            Encoding::Ucs2 | Encoding::Ucs2Le => UTF_16LE,
            Encoding::Ucs2Be => UTF_16BE,
        }
    }

    /// Bytes that `encoding_rs` lets through as control characters, as the web does, but that
    /// the code pages do not define.
    fn undefined(self) -> &'static [u8] {
        match self {
            Encoding::Windows1251 => &[0x98],
            Encoding::Windows1252 => &[0x81, 0x8d, 0x8f, 0x90, 0x9d],
            _ => &[],
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many bytes a text took in the file that it was decoded from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SourceLen {
    /// As many as here.
    Same,
    /// One for each character.
    Chars,
    /// Two for each UTF-16 unit.
    Units,
}

impl SourceLen {
    pub(crate) fn of(self, text: &str) -> u64 {
        let len = match self {
            SourceLen::Same => text.len(),
            SourceLen::Chars => text.chars().count(),
            SourceLen::Units => 2 * text.chars().map(char::len_utf16).sum::<usize>(),
        };
        len as u64
    }
}

/// A name that is none of the encodings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownEncoding(String);

impl fmt::Display for UnknownEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Encoding::ALL.iter().map(|e| e.name()).collect();
        write!(
            f,
            "`{}` is no encoding; use one of {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for UnknownEncoding {}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Encoding, UnknownEncoding> {
        Encoding::ALL
            .into_iter()
            .find(|encoding| encoding.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownEncoding(name.to_owned()))
    }
}

/// Decodes a file piece by piece and stops at the first byte that does not belong.
pub(crate) struct Decoder {
    encoding: Encoding,
    inner: encoding_rs::Decoder,
    /// Bytes taken so far.
    read: u64,
}

/// The first byte that the encoding does not have, as an offset from the decoder's start.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Undecodable(pub(crate) u64);

impl Decoder {
    /// `encoding` is not [`Encoding::Ucs2`]: the order has to be known.
    pub(crate) fn new(encoding: Encoding) -> Decoder {
        Decoder {
            encoding,
            inner: encoding.table().new_decoder_without_bom_handling(),
            read: 0,
        }
    }

    /// Decodes `bytes` onto the end of `out`; `last` when no more will come.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        last: bool,
        out: &mut String,
    ) -> Result<(), Undecodable> {
        let undefined = self.encoding.undefined();
        let bad = match self.encoding {
            Encoding::Ascii => bytes.iter().position(|b| !b.is_ascii()),
            _ => {
                let places = undefined.iter().filter_map(|&b| memchr::memchr(b, bytes));
                places.min()
            }
        };
        let good = &bytes[..bad.unwrap_or(bytes.len())];
        match self.encoding {
            Encoding::Iso8859_1 => {
                out.extend(good.iter().map(|&b| char::from(b)));
                self.read += good.len() as u64;
            }
            _ => self.decode_by_table(good, last && bad.is_none(), out)?,
        }
        match bad {
            None => Ok(()),
            Some(_) => Err(Undecodable(self.read)),
        }
    }

    fn decode_by_table(
        &mut self,
        bytes: &[u8],
        last: bool,
        out: &mut String,
    ) -> Result<(), Undecodable> {
        let most = self
            .inner
            .max_utf8_buffer_length_without_replacement(bytes.len());
        out.reserve(most.unwrap_or(bytes.len()));
        let (result, read) = self
            .inner
            .decode_to_string_without_replacement(bytes, out, last);
        self.read += read as u64;
        match result {
            DecoderResult::InputEmpty => Ok(()),
            DecoderResult::Malformed(bad, after) => {
                Err(Undecodable(self.read - u64::from(bad) - u64::from(after)))
            }
            DecoderResult::OutputFull => unreachable!("the longest possible output was reserved"),
        }
    }
}

/// The text that bytes of UTF-8 are; what is not the `whole` of it may end within a character, which is left
/// out.
pub(crate) fn utf8(bytes: &[u8], whole: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && !whole => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(encoding: Encoding, bytes: &[u8], chunk: usize) -> Result<String, Undecodable> {
        let mut decoder = Decoder::new(encoding);
        let mut out = String::new();
        for piece in bytes.chunks(chunk) {
            decoder.decode(piece, false, &mut out)?;
        }
        decoder.decode(&[], true, &mut out)?;
        Ok(out)
    }

    proptest! {
        // D15: what an encoding can write, it reads back, wherever the pieces end.
        #[test]
        fn d15_round_trip(text in "[ -~]{0,30}[а-яА-ЯёЁєіїґçéãüß€№—₴😀\\x00-\\x7f\u{80}-\u{ff}]{0,30}", chunk in 1usize..9) {
            for encoding in Encoding::ALL {
                if encoding == Encoding::Ucs2 {
                    continue;
                }
                if let Some(bytes) = encoding.encode(&text) {
                    prop_assert_eq!(decode(encoding, &bytes, chunk).unwrap(), text.as_str());
                    prop_assert_eq!(encoding.source_len().of(&text), bytes.len() as u64);
                }
            }
        }

        // D15: every byte string either decodes to text that encodes back to it, or is refused.
        #[test]
        fn d15_strict(bytes in prop::collection::vec(any::<u8>(), 0..40), chunk in 1usize..9) {
            for encoding in Encoding::ALL {
                if encoding == Encoding::Ucs2 {
                    continue;
                }
                match decode(encoding, &bytes, chunk) {
                    Ok(text) => prop_assert_eq!(encoding.encode(&text).unwrap(), bytes.as_slice()),
                    Err(Undecodable(at)) => {
                        // All before it is fine.
                        prop_assert!(at <= bytes.len() as u64);
                        prop_assert!(decode(encoding, &bytes[..at as usize], chunk).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn d15_exact_meanings() {
        assert_eq!(
            decode(Encoding::Iso8859_1, b"\x93\xe9", 1).unwrap(),
            "\u{93}é"
        );
        assert_eq!(decode(Encoding::Windows1252, b"\x93\xe9", 1).unwrap(), "“é");
        assert_eq!(
            decode(Encoding::Windows1252, b"a\x81", 9),
            Err(Undecodable(1))
        );
        assert_eq!(
            decode(Encoding::Windows1251, b"\xff\x98", 9),
            Err(Undecodable(1))
        );
        assert_eq!(decode(Encoding::Ascii, b"abc\xe9", 2), Err(Undecodable(3)));
        assert_eq!(decode(Encoding::Utf8, b"ab\xd0(", 1), Err(Undecodable(2)));
        assert_eq!(decode(Encoding::Utf8, b"ab\xd0", 9), Err(Undecodable(2)));
        assert_eq!(decode(Encoding::Koi8R, b"\xf0\xd2\xc9", 1).unwrap(), "При");
        assert_eq!(decode(Encoding::Cp866, b"\x8f\xe0\xa8", 1).unwrap(), "При");
        // A surrogate pair is accepted, half of one is not.
        assert_eq!(
            decode(Encoding::Ucs2Le, b"\x3d\xd8\x00\xde", 3).unwrap(),
            "😀"
        );
        assert_eq!(
            decode(Encoding::Ucs2Be, b"\x00a\xd8\x3d\x00b", 1),
            Err(Undecodable(2))
        );
        assert_eq!(
            decode(Encoding::Ucs2Be, b"\x00a\x00", 1),
            Err(Undecodable(2))
        );
    }
}
