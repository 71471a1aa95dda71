//! Requests of a size that a server takes (decision D22).

/// What a batch must not exceed; the first limit that is reached ends it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Recipients. The default is 500, the campaign API's limit.
    pub recipients: usize,
    /// Bytes of the request body. The default is 1 MiB.
    pub bytes: usize,
    /// Form fields. The default is 900: a PHP server drops silently what is past its
    /// `max_input_vars`, by default 1000, and the request's own parameters count, too.
    pub fields: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            recipients: 500,
            bytes: 1 << 20,
            fields: 900,
        }
    }
}

/// What one recipient adds to a request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Size {
    /// Bytes as they travel.
    pub bytes: usize,
    /// Form fields: one for the number and one for each value.
    pub fields: usize,
}

/// Tells where batches end, for a caller that gathers them itself.
///
/// ```
/// use recipients_batcher::{Filling, Limits, Size};
///
/// let mut filling = Filling::new(Limits { recipients: 2, ..Limits::default() });
/// let size = Size { bytes: 26, fields: 1 };
/// assert!(filling.takes(size) && filling.takes(size));
/// assert!(!filling.takes(size)); // it is the first of the next batch
/// assert!(filling.takes(size));
/// assert!(!filling.takes(size));
/// ```
#[derive(Clone, Debug)]
pub struct Filling {
    limits: Limits,
    recipients: usize,
    size: Size,
}

impl Filling {
    /// An empty batch.
    pub fn new(limits: Limits) -> Filling {
        Filling {
            limits,
            recipients: 0,
            size: Size::default(),
        }
    }

    /// Whether the next recipient belongs to this batch; otherwise it is the first of the next one,
    /// which has begun. A recipient that exceeds a limit by itself travels in a batch of its own.
    pub fn takes(&mut self, next: Size) -> bool {
        let size = Size {
            bytes: self.size.bytes.saturating_add(next.bytes),
            fields: self.size.fields.saturating_add(next.fields),
        };
        let fits = self.recipients < self.limits.recipients
            && size.bytes <= self.limits.bytes
            && size.fields <= self.limits.fields;
        if fits || self.recipients == 0 {
            self.recipients += 1;
            self.size = size;
            return true;
        }
        self.recipients = 1;
        self.size = next;
        false
    }
}

/// Cuts recipients into batches, in order, so that none is lost ([`Filling`]).
///
/// ```
/// use recipients_batcher::{Batches, Limits, Size};
///
/// let sizes = Batches::new(0..1200, Limits::default(), |_| Size { bytes: 26, fields: 1 })
///     .map(|batch| batch.len())
///     .collect::<Vec<_>>();
/// assert_eq!(sizes, [500, 500, 200]);
/// ```
#[derive(Debug)]
pub struct Batches<I: Iterator, F> {
    recipients: I,
    /// The first of the next batch: it did not fit into the last one.
    next: Option<I::Item>,
    filling: Filling,
    size: F,
}

impl<I: Iterator, F: FnMut(&I::Item) -> Size> Batches<I, F> {
    /// `size` tells what a recipient adds to a request.
    pub fn new(
        recipients: impl IntoIterator<IntoIter = I>,
        limits: Limits,
        size: F,
    ) -> Batches<I, F> {
        Batches {
            recipients: recipients.into_iter(),
            next: None,
            filling: Filling::new(limits),
            size,
        }
    }
}

impl<I: Iterator, F: FnMut(&I::Item) -> Size> Iterator for Batches<I, F> {
    type Item = Vec<I::Item>;

    fn next(&mut self) -> Option<Vec<I::Item>> {
        let mut batch: Vec<I::Item> = self.next.take().into_iter().collect();
        for recipient in self.recipients.by_ref() {
            if !self.filling.takes((self.size)(&recipient)) {
                self.next = Some(recipient);
                break;
            }
            batch.push(recipient);
        }
        (!batch.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// D22: the defaults, of which each can be the one that ends a batch.
    #[test]
    fn d22_defaults() {
        let first = |bytes, fields| {
            Batches::new(0..5000, Limits::default(), move |_| Size { bytes, fields })
                .next()
                .map_or(0, |batch| batch.len())
        };
        assert_eq!(first(26, 1), 500); // recipients
        assert_eq!(first(26, 6), 150); // 900 fields
        assert_eq!(first(10_000, 1), 104); // 1 MiB
    }

    proptest! {
        #[test]
        fn d22_nothing_lost_nothing_over(
            sizes in prop::collection::vec((0usize..60, 1usize..6), 0..200),
            recipients in 1usize..20,
            bytes in 1usize..200,
            fields in 1usize..30,
        ) {
            let limits = Limits { recipients, bytes, fields };
            let size = |&(bytes, fields): &(usize, usize)| Size { bytes, fields };
            let batches: Vec<_> = Batches::new(sizes.clone(), limits, size).collect();
            prop_assert_eq!(batches.concat(), sizes);
            let over = |batch: &[(usize, usize)]| {
                batch.len() > recipients
                    || batch.iter().map(|s| s.0).sum::<usize>() > bytes
                    || batch.iter().map(|s| s.1).sum::<usize>() > fields
            };
            for (at, batch) in batches.iter().enumerate() {
                prop_assert!(batch.len() == 1 || !over(batch));
                // Greedy: the next recipient would not have fitted.
                if let Some(next) = batches.get(at + 1) {
                    prop_assert!(over(&[batch.as_slice(), &next[..1]].concat()));
                }
            }
        }
    }
}
