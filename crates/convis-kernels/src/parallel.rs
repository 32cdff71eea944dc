//! Threads that never change a result.
//!
//! Work is cut into items by the sizes of the data alone; threads only decide who does which item. Sums over
//! items are added in the order of the items.
//!
//! `CONVIS_NUM_THREADS` sets the number of threads (default: the processors that this process may use).
#![allow(unsafe_code)] // one global pointer: a lock might be held by nobody after a fork

use std::sync::atomic::{AtomicPtr, Ordering};

use rayon::prelude::*;

/// Work below which waking other threads costs more than it saves, in elementary pixel operations.
const WORTH_SHARING: usize = 32_768;

/// The threads of this process.
struct Pool {
    process: u32,
    threads: rayon::ThreadPool,
}

/// The pool in use, never freed.
static POOL: AtomicPtr<Pool> = AtomicPtr::new(std::ptr::null_mut());

/// The pool of this process. A forked child has the parent's memory but not its threads: it makes its own.
fn pool() -> &'static rayon::ThreadPool {
    let process = std::process::id();
    // SAFETY: the pointer is null or came from a box that was leaked below.
    if let Some(pool) = unsafe { POOL.load(Ordering::Acquire).as_ref() }
        && pool.process == process
    {
        return &pool.threads;
    }
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(threads_wanted())
        .thread_name(|i| format!("convis-{i}"))
        .build()
        .or_else(|_| rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build())
        .expect("a pool of the current thread alone needs no resources");
    let pool: &'static Pool = Box::leak(Box::new(Pool { process, threads }));
    POOL.store(std::ptr::from_ref(pool).cast_mut(), Ordering::Release);
    &pool.threads
}

/// `CONVIS_NUM_THREADS`, or 0 for all processors.
fn threads_wanted() -> usize {
    let Ok(text) = std::env::var("CONVIS_NUM_THREADS") else { return 0 };
    text.parse().unwrap_or_else(|_| {
        eprintln!("convis: CONVIS_NUM_THREADS={text} is no number of threads; using all processors");
        0
    })
}

/// Number of threads in use.
pub fn threads() -> usize {
    if rayon::current_thread_index().is_some() {
        rayon::current_num_threads()
    } else {
        pool().current_num_threads()
    }
}

/// Runs `f` with exactly `threads` threads (for tests and measurements).
///
/// # Panics
/// Where the system gives no further threads.
pub fn with_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads for a test").install(f)
}

/// Runs `f` inside our pool, so that everything below shares its threads.
pub fn install<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    if rayon::current_thread_index().is_some() { f() } else { pool().install(f) }
}

/// Whether so much work is shared between threads.
pub(crate) fn is_shared(work: usize) -> bool {
    work >= WORTH_SHARING && threads() > 1
}

/// Calls `f` on every item; `work` is the whole amount of work in elementary pixel operations.
pub fn for_each<I: Send>(items: Vec<I>, work: usize, f: impl Fn(I) + Sync + Send) {
    if items.len() < 2 || !is_shared(work) {
        items.into_iter().for_each(f);
    } else {
        install(|| items.into_par_iter().for_each(f));
    }
}

/// Calls `f` on every item and returns the results in the order of the items.
pub fn map<I: Send, R: Send>(items: Vec<I>, work: usize, f: impl Fn(I) -> R + Sync + Send) -> Vec<R> {
    if items.len() < 2 || !is_shared(work) {
        items.into_iter().map(f).collect()
    } else {
        install(|| items.into_par_iter().map(f).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        for threads in [1, 2, 5] {
            let got = with_threads(threads, || map((0..1000).collect(), 1_000_000, |i: usize| i * i));
            assert!(got.iter().enumerate().all(|(i, &x)| x == i * i));
        }
    }
}
