//! Memory for long bodies.
//!
//! A long body does not lie among the small pieces of other requests: the C library's allocator gives nothing back that
//! lies between pieces in use, and a busy minute would be paid for ever. It lies in memory of its own from the system.
//! Getting that costs more than everything else that is done with a body, so that it is used again until it is idle.

use std::{
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hyper::body::Bytes;
use memmap2::MmapMut;

use crate::budget::LONGEST;

/// What is longer has memory of its own.
const SHORT: usize = 32 << 10;
/// What is used again has this size; pages of it that nothing was written to cost nothing.
const ROOM: usize = 256 << 10;
/// So many are kept.
const MOST_KEPT: usize = 256;

/// Memory that is free for the next body.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Free>);

#[derive(Debug, Default)]
struct Free {
    rooms: Vec<MmapMut>,
    /// So many of them nobody has needed since the last sweep.
    unused: usize,
}

/// A body as far as it has come.
pub(crate) struct Collected {
    pool: Arc<Pool>,
    all: All,
}

enum All {
    Short(Vec<u8>),
    Long(Mapped),
}

struct Mapped {
    pool: Arc<Pool>,
    memory: Option<MmapMut>,
    length: usize,
}

// === impl Pool ===

impl Pool {
    /// Gives back what nobody has needed since the last call.
    pub(crate) fn sweep(&self) {
        let mut free = self.lock();
        let kept = free.rooms.len().saturating_sub(free.unused);
        let unneeded = free.rooms.split_off(kept);
        free.unused = free.rooms.len();
        if free.rooms.is_empty() {
            free.rooms.shrink_to_fit();
        }
        drop(free);
        drop(unneeded);
    }

    fn room(self: &Arc<Self>, size: usize) -> io::Result<Mapped> {
        let kept = if size <= ROOM { self.lock().take() } else { None };
        let memory = match kept {
            Some(memory) => memory,
            None => MmapMut::map_anon(size.max(ROOM))?,
        };
        Ok(Mapped {
            pool: Arc::clone(self),
            memory: Some(memory),
            length: 0,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Free ===

impl Free {
    fn take(&mut self) -> Option<MmapMut> {
        let room = self.rooms.pop();
        self.unused = self.unused.min(self.rooms.len());
        room
    }
}

// === impl Collected ===

impl Collected {
    pub(crate) fn new(pool: &Arc<Pool>) -> Self {
        Self {
            pool: Arc::clone(pool),
            all: All::Short(Vec::new()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.all {
            All::Short(bytes) => bytes.len(),
            All::Long(mapped) => mapped.length,
        }
    }

    /// Adds a piece; `told` is how long it will all be, where that is known.
    pub(crate) fn push(&mut self, piece: &[u8], told: usize) -> io::Result<()> {
        let length = self.len() + piece.len();
        match &mut self.all {
            All::Short(bytes) if length.max(told) <= SHORT => {
                bytes.reserve_exact(told.saturating_sub(bytes.len()));
                bytes.extend_from_slice(piece);
            }
            All::Short(bytes) => {
                let mut mapped = self.pool.room(length)?;
                mapped.add(bytes);
                mapped.add(piece);
                self.all = All::Long(mapped);
            }
            All::Long(mapped) => {
                if length > mapped.room() {
                    // What a client says that it will send is believed no further than what has come.
                    let mut larger = self.pool.room((4 * length).min(told.max(2 * length)).min(LONGEST))?;
                    larger.add((*mapped).as_ref());
                    *mapped = larger;
                }
                mapped.add(piece);
            }
        }
        Ok(())
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self.all {
            All::Short(bytes) => bytes.into(),
            All::Long(mapped) => Bytes::from_owner(mapped),
        }
    }
}

// === impl Mapped ===

impl Mapped {
    fn room(&self) -> usize {
        self.memory.as_ref().map_or(0, |memory| memory.len())
    }

    fn add(&mut self, piece: &[u8]) {
        let end = self.length + piece.len();
        let place = self.memory.as_mut().and_then(|memory| memory.get_mut(self.length..end));
        if let Some(place) = place {
            place.copy_from_slice(piece);
            self.length = end;
        }
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        let memory = self.memory.as_ref();
        memory.and_then(|memory| memory.get(..self.length)).unwrap_or_default()
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let Some(memory) = mem::take(&mut self.memory).filter(|memory| memory.len() == ROOM) else {
            return;
        };
        let mut free = self.pool.lock();
        if free.rooms.len() < MOST_KEPT {
            free.rooms.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_come_together() {
        for told in [0, 1, SHORT + 1, 3 << 20] {
            for piece in [1_000, SHORT, SHORT + 1, ROOM + 7] {
                let mut all = Collected::new(&Arc::default());
                let mut wanted = Vec::new();
                for number in 0..7_u8 {
                    let bytes = vec![number; piece];
                    all.push(&bytes, told).unwrap();
                    wanted.extend(bytes);
                }
                assert!(all.into_bytes() == wanted, "{told} {piece}");
            }
        }
    }

    #[test]
    fn what_is_not_needed_goes_back() {
        let pool = Arc::<Pool>::default();
        let two = || [pool.room(SHORT).unwrap(), pool.room(ROOM).unwrap()];
        let kept = || pool.lock().rooms.len();
        drop(two());
        assert_eq!(kept(), 2);
        // They were new when the last sweep was.
        pool.sweep();
        assert_eq!(kept(), 2);
        drop(pool.room(SHORT).unwrap());
        pool.sweep();
        assert_eq!(kept(), 1);
        pool.sweep();
        assert_eq!(kept(), 0);
        drop(pool.room(ROOM + 1).unwrap());
        assert_eq!(kept(), 0);
    }
}
