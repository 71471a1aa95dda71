//! How many searches go on at a time.
//!
//! A list of messages can take seconds and tens of megabytes. Without a limit, one key could take all
//! readers of the database and all memory from everybody else.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Searches that are carried out at a time.
const ALL: usize = 8;

/// Of the same key.
const OF_ONE: usize = 2;

/// The searches that go on.
pub(super) struct Searches {
    all: Arc<Semaphore>,
    /// By what is left of a key.
    keys: Mutex<HashMap<u64, Arc<Semaphore>>>,
    hasher: RandomState,
}

/// Leave to search, as long as it is kept.
pub(super) struct Leave {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Searches {
    fn default() -> Searches {
        Searches {
            all: Arc::new(Semaphore::new(ALL)),
            keys: Mutex::default(),
            hasher: RandomState::new(),
        }
    }
}

impl Searches {
    /// Waits until this key may search; `None` if that takes too long.
    pub(super) async fn leave(&self, key: &str, patience: Duration) -> Option<Leave> {
        let own = self.of_key(key);
        let both = async {
            Some(Leave {
                _own: own.acquire_owned().await.ok()?,
                _of_all: Arc::clone(&self.all).acquire_owned().await.ok()?,
            })
        };
        tokio::time::timeout(patience, both).await.ok().flatten()
    }

    fn of_key(&self, key: &str) -> Arc<Semaphore> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        // Keys that nobody searches with any more, wrong ones too.
        if keys.len() > 2 * ALL {
            keys.retain(|_, own| Arc::strong_count(own) > 1 || own.available_permits() < OF_ONE);
        }
        let own = keys
            .entry(self.hasher.hash_one(key))
            .or_insert_with(|| Arc::new(Semaphore::new(OF_ONE)));
        Arc::clone(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_key_has_them_all() {
        let searches = Searches::default();
        let soon = Duration::from_millis(20);
        let mut leaves = Vec::new();
        for _ in 0..OF_ONE {
            leaves.push(searches.leave("a", soon).await.unwrap());
        }
        assert!(searches.leave("a", soon).await.is_none());
        for n in 0..ALL - OF_ONE {
            let leave = searches.leave(&format!("b{}", n / OF_ONE), soon).await;
            leaves.push(leave.unwrap());
        }
        assert!(searches.leave("c", soon).await.is_none());
        leaves.truncate(OF_ONE);
        assert!(searches.leave("a", soon).await.is_none());
        drop(leaves);
        for n in 0..1000 {
            assert!(searches.leave(&n.to_string(), soon).await.is_some());
        }
        let kept = searches.keys.lock().unwrap().len();
        assert!(kept <= 2 * ALL + 1, "{kept}");
    }
}
