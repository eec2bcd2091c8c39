//! Password hashing on blocking threads, one hash at a time. Hashing is deliberately slow, and an Argon2id hash needs
//! 19 MiB of memory, so concurrent hashes could exhaust the machine. All hashes use the same memory.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::security::argon2id::Memory;

/// Maximum number of callers that wait while another caller's hash is computed. One hash takes about 60 ms, so the last
/// caller waits about a second.
const QUEUE_LENGTH: usize = 16;

/// Error returned if too many callers are waiting for the hasher, or if hashing panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

#[derive(Debug, Clone)]
pub struct Hasher {
    permit: Arc<Semaphore>,
    places: Arc<Semaphore>,
    memory: Arc<Mutex<Memory>>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            permit: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(1 + QUEUE_LENGTH)),
            memory: Arc::default(),
        }
    }
}

impl Hasher {
    /// Runs `work` on a blocking thread, after all callers that already wait. If this caller is cancelled while `work`
    /// runs, the next caller still waits until `work` has finished.
    ///
    /// # Errors
    /// `Busy` immediately if too many callers wait, or later if `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Busy)?;
        let permit = Arc::clone(&self.permit)
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        self.execute((place, permit), work).await
    }

    /// Runs `work` only if no other work is running. Returns `None` if other work is running or if `work` panics.
    pub async fn run_if_idle<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.permit).try_acquire_owned().ok()?;
        self.execute(permit, work).await.ok()
    }

    /// Runs `work` on a blocking thread. `held` is dropped when `work` has ended, even if the caller is cancelled before.
    async fn execute<T: Send + 'static>(
        &self,
        held: impl Send + 'static,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let memory = Arc::clone(&self.memory);
        tokio::task::spawn_blocking(move || {
            let _held = held;
            work(&mut memory.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
        .map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn one_at_a_time_a_bounded_queue_and_then_busy() {
        let hasher = Hasher::default();
        let (open, gate) = mpsc::channel::<()>();
        let running = Arc::new(AtomicUsize::new(0));
        let first = tokio::spawn({
            let hasher = hasher.clone();
            async move { hasher.run(move |_| gate.recv().is_ok()).await }
        });
        while hasher.permit.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting: Vec<_> = (0..QUEUE_LENGTH)
            .map(|_| {
                let (hasher, running) = (hasher.clone(), Arc::clone(&running));
                tokio::spawn(async move {
                    hasher
                        .run(move |_| {
                            let others = running.fetch_add(1, Ordering::SeqCst);
                            running.fetch_sub(1, Ordering::SeqCst);
                            others
                        })
                        .await
                })
            })
            .collect();
        while hasher.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.run(|_| ()).await, Err(Busy));
        assert_eq!(hasher.run_if_idle(|_| ()).await, None);
        open.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        for task in waiting {
            assert_eq!(task.await.unwrap(), Ok(0), "never two at once");
        }
        assert_eq!(hasher.run(|_| 7).await, Ok(7));
        assert_eq!(hasher.run_if_idle(|_| 7).await, Some(7));
    }
}
