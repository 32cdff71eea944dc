//! Threads that never change a result.
//!
//! Work is cut into items by the sizes of the data alone; threads only decide who does which item. Sums over
//! items are added in the order of the items.
//!
//! `CONVIS_NUM_THREADS` sets the number of threads (default: the processors that this process may use).
#![allow(unsafe_code)] // one global pointer: a lock might be held by nobody after a fork

use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

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
        install(|| items.into_par_iter().with_max_len(1).for_each(f));
    }
}

/// Calls `f` on every item and returns the results in the order of the items.
pub fn map<I: Send, R: Send>(items: Vec<I>, work: usize, f: impl Fn(I) -> R + Sync + Send) -> Vec<R> {
    if items.len() < 2 || !is_shared(work) {
        items.into_iter().map(f).collect()
    } else {
        install(|| items.into_par_iter().with_max_len(1).map(f).collect())
    }
}

/// Calls `f` on every item in every step, all items of a step before any of the next; `work` is that of a step.
///
/// Who finds a step unfinished waits for the others awake: steps may be as short as some microseconds. Only items that
/// somebody works on are waited for, so that it does not matter when, or whether, the other threads come.
pub(crate) fn in_steps<I: Send>(
    items: &mut [I],
    steps: usize,
    work: usize,
    f: impl Fn(usize, &mut I) + Sync + Send,
) {
    if items.len() < 2 || !is_shared(work) {
        for step in 0..steps {
            for item in &mut *items {
                f(step, item);
            }
        }
        return;
    }
    let helpers = threads().min(items.len());
    // Every item with the step that is next.
    let items: Vec<_> = items.iter_mut().map(|item| Mutex::new((0, item))).collect();
    let done = AtomicUsize::new(0);
    let help = |helper: usize| {
        let _guard = EndOnPanic(&done);
        for step in 0..steps {
            if !wait_for(&done, step * items.len()) {
                return;
            }
            // Who comes late has missed some steps.
            if done.load(Ordering::Relaxed) >= (step + 1) * items.len() {
                continue;
            }
            // Helpers begin at different items, the same in every step: these are in their caches.
            let first = helper * items.len() / helpers;
            for item in items[first..].iter().chain(&items[..first]) {
                // Who holds the item will do it, or look for it in a moment, in its own turn.
                if let Ok(mut item) = item.try_lock()
                    && item.0 == step
                {
                    f(step, item.1);
                    item.0 += 1;
                    done.fetch_add(1, Ordering::Release);
                }
            }
        }
    };
    install(|| (0..helpers).into_par_iter().with_max_len(1).for_each(help));
}

/// Waits until so many items are done; false where that will not be, as something panicked.
fn wait_for(done: &AtomicUsize, wanted: usize) -> bool {
    let mut looks = 0;
    loop {
        let done = done.load(Ordering::Acquire);
        if done >= wanted {
            return done < ENDED;
        }
        looks += 1;
        if looks < 2000 { std::hint::spin_loop() } else { std::thread::yield_now() }
    }
}

/// As many items are never done.
const ENDED: usize = usize::MAX / 2;

/// Lets the others go, who would wait for ever for what a thread has not finished.
struct EndOnPanic<'a>(&'a AtomicUsize);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(ENDED, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_sees_all_of_the_one_before() {
        for threads in [1, 2, 3, 7] {
            let (items, steps) = (5, 400);
            let seen: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
            let mut own: Vec<usize> = (0..items).collect();
            with_threads(threads, || {
                in_steps(&mut own, steps, 1_000_000, |step, item| {
                    assert!(seen.iter().all(|n| [step, step + 1].contains(&n.load(Ordering::Relaxed))));
                    assert_eq!(seen[*item].fetch_add(1, Ordering::Relaxed), step);
                });
            });
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == steps));
        }
    }

    #[test]
    #[should_panic(expected = "in the third step")]
    fn a_panic_ends_all_steps() {
        with_threads(2, || {
            in_steps(&mut [0, 1, 2], 10, 1_000_000, |step, item| {
                assert!(step < 2 || *item != 1, "in the third step");
            });
        });
    }

    #[test]
    fn results_keep_the_order_of_the_items() {
        for threads in [1, 2, 5] {
            let got = with_threads(threads, || map((0..1000).collect(), 1_000_000, |i: usize| i * i));
            assert!(got.iter().enumerate().all(|(i, &x)| x == i * i));
        }
    }
}
