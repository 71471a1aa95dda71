//! Connections: request lines longer than the HTTP library takes, and clients that do not read.
//!
//! Some clients send everything by GET, 64 KiB of it and more, and the `http` crate ends a URI at
//! 65,534 bytes. The query of a longer line is moved into a header of our own before the library
//! sees it. A client that takes nothing of an answer for a while loses its connection.

use super::guests::Guest;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The header that carries a long query; no client knows its name.
pub(super) fn long_query() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let unknown = || RandomState::new().hash_one(0u8);
        format!("x-long-query-{:016x}{:016x}", unknown(), unknown())
    })
}

/// Lines up to here are left to the library.
const SHORT: usize = 32 << 10;

/// Lines from here on are left to it, too: it refuses them.
const LONG: usize = 160 << 10;

/// Bytes read while the end of a line is looked for.
const STEP: usize = 8 << 10;

/// A connection whose long request lines are parted, and which does not wait for ever to write.
pub(super) struct Connection<T> {
    io: T,
    state: State,
    /// How long the client may take nothing.
    patience: Duration,
    /// Runs while it takes nothing.
    waits: Option<Pin<Box<Sleep>>>,
    /// Whose it is.
    guest: Arc<Guest>,
}

enum State {
    /// A request begins; what came of it so far.
    Line(Vec<u8>),
    /// Bytes that are handed out before anything is read again, from a place on.
    Rest(Vec<u8>, usize),
}

impl<T> Connection<T> {
    /// Once the guest is cut off, it breaks off.
    pub(super) fn new(io: T, patience: Duration, guest: Arc<Guest>) -> Connection<T> {
        Connection {
            io,
            guest,
            state: State::Line(Vec::new()),
            patience,
            waits: None,
        }
    }

    /// What became of an attempt to write these bytes.
    fn wrote(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            self.waits = None;
            let written = written?;
            self.answered(bytes, written);
            return Poll::Ready(Ok(written));
        }
        self.guest.was_given();
        self.waited(context).map(Err)
    }

    /// The client takes nothing at the moment; what is to be said once it has done so for too long.
    fn waited(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let patience = self.patience;
        let waits = self
            .waits
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(waits.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// What became of an attempt to get rid of what was written: TLS holds some of it.
    fn emptied(
        &mut self,
        emptied: Poll<io::Result<()>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match emptied {
            Poll::Ready(emptied) => {
                self.waits = None;
                Poll::Ready(emptied)
            }
            Poll::Pending => self.waited(context).map(Err),
        }
    }

    /// So many bytes were written, of which these are the first. What follows an answer is the next
    /// request.
    fn answered(&mut self, bytes: &[u8], written: usize) {
        self.guest.was_given();
        // `100 Continue` is none; an answer may follow it at once.
        let is_interim = bytes.starts_with(b"HTTP/1.1 1")
            && memchr::memmem::find(bytes, b"\r\n\r\n").is_none_or(|end| end + 4 >= written);
        if let State::Rest(held, at) = &self.state
            && *at == held.len()
            && !is_interim
        {
            self.state = State::Line(Vec::new());
        }
    }
}

/// What the library is to see, once that can be told.
fn parted(held: &[u8]) -> Option<Vec<u8>> {
    let is_request = [&b"GET /"[..], b"POST /"].iter().any(|start| {
        let length = start.len().min(held.len());
        held[..length] == start[..length]
    });
    if !is_request {
        return Some(held.to_vec());
    }
    let end = match memchr::memchr(b'\n', held) {
        Some(end) => end,
        None if held.len() > LONG => return Some(held.to_vec()),
        None => return None,
    };
    let whole = || Some(held.to_vec());
    if end <= SHORT || end > LONG {
        return whole();
    }
    let line = held[..end].strip_suffix(b"\r").unwrap_or(&held[..end]);
    let Some(query) = memchr::memchr(b'?', line) else {
        return whole();
    };
    let Some(version) = memchr::memrchr(b' ', line).filter(|&version| version > query) else {
        return whole();
    };
    let mut out = Vec::with_capacity(held.len() + 32);
    for part in [
        &line[..query],
        &line[version..],
        b"\r\n",
        long_query().as_bytes(),
        b": ",
        &line[query + 1..version],
        b"\r\n",
        &held[end + 1..],
    ] {
        out.extend_from_slice(part);
    }
    Some(out)
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Connection { io, state, .. } = &mut *self;
        loop {
            match state {
                State::Rest(held, at) if *at < held.len() => {
                    let length = (held.len() - *at).min(out.remaining());
                    out.put_slice(&held[*at..*at + length]);
                    *at += length;
                    return Poll::Ready(Ok(()));
                }
                State::Rest(..) => return Pin::new(io).poll_read(context, out),
                State::Line(held) => {
                    let mut bytes = [0; STEP];
                    let mut read = ReadBuf::new(&mut bytes);
                    ready!(Pin::new(&mut *io).poll_read(context, &mut read))?;
                    held.extend_from_slice(read.filled());
                    if read.filled().is_empty() {
                        // The end: what came is all there is.
                        *state = State::Rest(std::mem::take(held), 0);
                    } else if let Some(rest) = parted(held) {
                        *state = State::Rest(rest, 0);
                    }
                }
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.guest.cut.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.wrote(written, context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.guest.cut.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.wrote(written, context, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.guest.cut.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.emptied(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(context);
        self.emptied(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(query: &str) -> Vec<u8> {
        format!("GET /service/a/b?{query} HTTP/1.1\r\nHost: x\r\n\r\nrest").into_bytes()
    }

    #[test]
    fn long_queries_become_a_header() {
        let query = format!("a=%20?{}", "b".repeat(SHORT));
        let expected = format!(
            "GET /service/a/b HTTP/1.1\r\n{}: {query}\r\nHost: x\r\n\r\nrest",
            long_query()
        );
        assert_eq!(parted(&request(&query)).unwrap(), expected.as_bytes());
        for whole in [
            request("a=1"),
            request(&"b".repeat(LONG + 1)),
            format!("GET /{} HTTP/1.1\r\n", "b".repeat(SHORT)).into_bytes(),
            b"\x16\x03\x01 no HTTP at all".to_vec(),
            b"a=1&b=2".to_vec(),
        ] {
            assert_eq!(parted(&whole), Some(whole));
        }
        assert_eq!(parted(b"PO"), None);
    }

    proptest! {
        /// Whatever pieces the bytes come in.
        #[test]
        fn pieces_make_no_difference(size in 1usize..70_000, length in 1usize..100_000) {
            let bytes = request(&"b".repeat(length));
            let mut held = Vec::new();
            let mut out = Vec::new();
            let mut is_told = false;
            for piece in bytes.chunks(size) {
                match is_told {
                    true => out.extend_from_slice(piece),
                    false => {
                        held.extend_from_slice(piece);
                        if let Some(rest) = parted(&held) {
                            out = rest;
                            is_told = true;
                        }
                    }
                }
            }
            prop_assert_eq!(Some(out), parted(&bytes));
        }
    }
}
