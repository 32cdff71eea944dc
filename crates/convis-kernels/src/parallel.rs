//! Threads that never change a result.
//!
//! Work is cut into items by the sizes of the data alone; threads only decide who does which item. Sums over
//! items are added in the order of the items.
//!
//! `CONVIS_NUM_THREADS` sets the number of threads (default: the processors that this process may use).
//!
//! Who calls computes, and the other threads help: they look for what the caller offers to share, and go on looking for
//! a moment after there was something. A model offers a share of some microseconds of work every few hundred; waking a
//! thread takes tens.
#![allow(unsafe_code)] // one global pointer: a lock might be held by nobody after a fork; a task is shared for a while

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Work below which waking other threads costs more than it saves, in elementary pixel operations.
const WORTH_SHARING: usize = 32_768;

/// How long a helper looks for the next task.
const PATIENCE: Duration = Duration::from_micros(100);

/// Looks while nothing else is done, before other processes may go first.
const LOOKS: usize = 2000;

/// Threads that can be asked to help.
struct Helpers {
    process: u32,
    /// None where everybody works alone.
    pool: Option<rayon::ThreadPool>,
    /// With the one that asks.
    threads: usize,
    /// Calls for help that nobody has answered yet.
    calls: AtomicUsize,
}

impl Helpers {
    /// So many threads with the one that asks, or as many as there are processors.
    fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let builder = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("convis-{}", i + 1));
        let pool = (threads > 1).then(|| builder.num_threads(threads - 1).build()).transpose()?;
        Ok(Self { pool, threads, ..Self::none() })
    }

    fn none() -> Self {
        Self { process: std::process::id(), pool: None, threads: 1, calls: AtomicUsize::new(0) }
    }
}

/// The helpers of this process, never freed.
static HELPERS: AtomicPtr<Arc<Helpers>> = AtomicPtr::new(std::ptr::null_mut());

/// The helpers of this process. A forked child has the parent's memory but not its threads: it makes its own.
fn helpers() -> Arc<Helpers> {
    let process = std::process::id();
    let known = HELPERS.load(Ordering::Acquire);
    let ours = |helpers: *mut Arc<Helpers>| {
        // SAFETY: the pointer is null or came from a box that was leaked below.
        unsafe { helpers.as_ref() }.filter(|helpers| helpers.process == process).cloned()
    };
    if let Some(helpers) = ours(known) {
        return helpers;
    }
    // Where the system gives no threads, everybody works alone.
    let helpers = Arc::new(Helpers::new(threads_wanted()).unwrap_or_else(|_| Helpers::none()));
    let new = Box::into_raw(Box::new(helpers.clone()));
    match HELPERS.compare_exchange(known, new, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => helpers,
        // Another thread was first.
        Err(first) => {
            // SAFETY: it came from a box above, and nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
            ours(first).unwrap_or(helpers)
        }
    }
}

/// `CONVIS_NUM_THREADS`, or 0 for all processors.
fn threads_wanted() -> usize {
    let Ok(text) = std::env::var("CONVIS_NUM_THREADS") else { return 0 };
    text.parse().unwrap_or_else(|_| {
        eprintln!("convis: CONVIS_NUM_THREADS={text} is no number of threads; using all processors");
        0
    })
}

/// What a thread calls with its position, from 0 on, in the order of the threads.
type Task<'a> = &'a (dyn Fn(usize) + Sync);

/// A thread that shares its work, and those that help it.
struct Team {
    helpers: Arc<Helpers>,
    /// Whether its present task is not finished.
    is_busy: AtomicBool,
    /// Whether there will be no more tasks.
    is_over: AtomicBool,
    /// Helpers that were called and have not left.
    present: AtomicUsize,
    /// Tasks so far.
    tasks: AtomicUsize,
    /// The present one.
    task: Mutex<Option<Task<'static>>>,
    /// Helpers at work on it.
    working: AtomicUsize,
    /// What a helper panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

thread_local! {
    /// The team this thread works in.
    static TEAM: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
}

/// The team of this thread.
fn team() -> Arc<Team> {
    TEAM.with_borrow_mut(|team| match team {
        Some(team) if team.helpers.process == std::process::id() => team.clone(),
        _ => team.insert(Team::new(helpers())).clone(),
    })
}

/// Works in another team until it is dropped.
struct InTeam(Option<Arc<Team>>);

impl InTeam {
    fn new(team: &Arc<Team>) -> Self {
        Self(TEAM.replace(Some(team.clone())))
    }
}

impl Drop for InTeam {
    fn drop(&mut self) {
        TEAM.set(self.0.take());
    }
}

impl Team {
    fn new(helpers: Arc<Helpers>) -> Arc<Self> {
        Arc::new(Self {
            helpers,
            is_busy: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            present: AtomicUsize::new(0),
            tasks: AtomicUsize::new(0),
            task: Mutex::new(None),
            working: AtomicUsize::new(0),
            panic: Mutex::new(None),
        })
    }

    /// Works at a task together with at most so many helpers. When this returns, nobody works at it; what somebody panicked
    /// with is the error.
    fn lead(self: &Arc<Self>, helpers: usize, task: Task<'_>) -> std::thread::Result<()> {
        // SAFETY: the task is taken back below, and helpers that have it are waited for.
        let shared = unsafe { std::mem::transmute::<Task<'_>, Task<'static>>(task) };
        *lock(&self.task) = Some(shared);
        self.tasks.fetch_add(1, Ordering::Release);
        if let Some(pool) = &self.helpers.pool {
            for _ in self.present.load(Ordering::Relaxed)..helpers {
                // Where nobody answers, more calls would but pile up: no task needs a helper to come.
                if self.helpers.calls.load(Ordering::Relaxed) >= pool.current_num_threads() {
                    break;
                }
                self.helpers.calls.fetch_add(1, Ordering::Relaxed);
                self.present.fetch_add(1, Ordering::Relaxed);
                let team = self.clone();
                pool.spawn(move || team.help());
            }
        }
        let result = catch_unwind(AssertUnwindSafe(|| task(0)));
        *lock(&self.task) = None;
        wait_until(|| self.working.load(Ordering::Acquire) == 0);
        let panic = lock(&self.panic).take();
        result.and(panic.map_or(Ok(()), Err))
    }

    /// Works at one task after the other until there has been none for some time.
    fn help(self: &Arc<Self>) {
        self.helpers.calls.fetch_sub(1, Ordering::Relaxed);
        let _place = InTeam::new(self);
        let position = 1 + rayon::current_thread_index().unwrap_or(0);
        let (mut seen, mut looks, mut since) = (None, 0, Instant::now());
        while !self.is_over.load(Ordering::Relaxed) {
            let tasks = Some(self.tasks.load(Ordering::Acquire));
            if tasks == seen {
                look_again(&mut looks);
                // The clock costs more than a look.
                if looks % 64 == 0 && since.elapsed() > PATIENCE {
                    break;
                }
                continue;
            }
            seen = tasks;
            let task = {
                let task = lock(&self.task);
                self.working.fetch_add(usize::from(task.is_some()), Ordering::Relaxed);
                *task
            };
            if let Some(task) = task {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| task(position))) {
                    *lock(&self.panic) = Some(panic);
                }
                self.working.fetch_sub(1, Ordering::Release);
            }
            (looks, since) = (0, Instant::now());
        }
        self.present.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nothing is left half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lock that is held for moments, or none where it stays held: a forked child may wait for a thread that it does not have.
pub fn lock_soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..LOOKS {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
        }
    }
    None
}

/// Waits awake, as mostly what is waited for takes microseconds.
fn wait_until(is_so: impl Fn() -> bool) {
    let mut looks = 0;
    while !is_so() {
        look_again(&mut looks);
    }
}

fn look_again(looks: &mut usize) {
    *looks += 1;
    match *looks / LOOKS {
        0 => std::hint::spin_loop(),
        // Some milliseconds.
        1..10 => std::thread::yield_now(),
        _ => std::thread::sleep(PATIENCE),
    }
}

/// Calls `f` with the positions of at most so many threads, at the same time.
fn share(threads: usize, f: impl Fn(usize) + Sync) {
    let mut team = team();
    let is_within_another = team.is_busy.swap(true, Ordering::Relaxed);
    // A task within a task has a team of its own.
    if is_within_another {
        team = Team::new(team.helpers.clone());
        team.is_busy.store(true, Ordering::Relaxed);
    }
    let place = InTeam::new(&team);
    let result = team.lead(threads - 1, &f);
    drop(place);
    team.is_busy.store(false, Ordering::Relaxed);
    team.is_over.store(is_within_another, Ordering::Relaxed);
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

/// Number of threads in use.
pub fn threads() -> usize {
    team().helpers.threads
}

/// Runs `f` with exactly `threads` threads.
///
/// # Errors
/// Where the system gives no further threads.
pub fn try_with_threads<R>(threads: usize, f: impl FnOnce() -> R) -> Result<R, Box<dyn std::error::Error>> {
    let _place = InTeam::new(&Team::new(Arc::new(Helpers::new(threads)?)));
    Ok(f())
}

/// Runs `f` with exactly `threads` threads (for tests and measurements).
///
/// # Panics
/// Where the system gives no further threads.
pub fn with_threads<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    try_with_threads(threads, f).expect("threads for a test")
}

/// Whether so much work is shared between threads.
pub(crate) fn is_shared(work: usize) -> bool {
    work >= WORTH_SHARING && threads() > 1
}

/// Calls `f` on every item; `work` is the whole amount of work in elementary pixel operations.
pub fn for_each<I: Send>(items: Vec<I>, work: usize, f: impl Fn(I) + Sync) {
    if items.len() < 2 || !is_shared(work) {
        items.into_iter().for_each(f);
        return;
    }
    let threads = threads().min(items.len());
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    share(threads, |position| {
        for item in in_turn(&items, position, threads) {
            let item = item.try_lock().ok().and_then(|mut item| item.take());
            if let Some(item) = item {
                f(item);
            }
        }
    });
}

/// All items. Threads begin at different ones, the same in every task: what belongs to these is in their caches.
fn in_turn<I>(items: &[I], position: usize, threads: usize) -> impl Iterator<Item = &I> {
    let first = position % threads * items.len() / threads;
    items[first..].iter().chain(&items[..first])
}

/// Calls `f` on every item and returns the results in the order of the items.
pub fn map<I: Send, R: Send>(items: Vec<I>, work: usize, f: impl Fn(I) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for_each(items.into_iter().zip(&mut results).collect(), work, |(item, result)| *result = Some(f(item)));
    results.into_iter().flatten().collect()
}

/// Calls `f` on every item in every step, all items of a step before any of the next; `work` is that of a step.
///
/// Who finds a step unfinished waits for the others awake: steps may be as short as some microseconds. Only items that
/// somebody works on are waited for, so that it does not matter when, or whether, the other threads come.
pub(crate) fn in_steps<I: Send>(
    items: &mut [I],
    steps: usize,
    work: usize,
    f: impl Fn(usize, &mut I) + Sync,
) {
    if items.len() < 2 || !is_shared(work) {
        for step in 0..steps {
            for item in &mut *items {
                f(step, item);
            }
        }
        return;
    }
    let threads = threads().min(items.len());
    // Every item with the step that is next.
    let items: Vec<_> = items.iter_mut().map(|item| Mutex::new((0, item))).collect();
    let done = AtomicUsize::new(0);
    share(threads, |position| {
        let guard = EndOnPanic(&done);
        for step in 0..steps {
            if !wait_for(&done, step * items.len()) {
                return;
            }
            // Who comes late has missed some steps.
            if done.load(Ordering::Relaxed) >= (step + 1) * items.len() {
                continue;
            }
            for item in in_turn(&items, position, threads) {
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
        std::mem::forget(guard);
    });
}

/// Waits until so many items are done; false where that will not be, as something panicked.
fn wait_for(done: &AtomicUsize, wanted: usize) -> bool {
    wait_until(|| done.load(Ordering::Acquire) >= wanted);
    done.load(Ordering::Acquire) < ENDED
}

/// As many items are never done.
const ENDED: usize = usize::MAX / 2;

/// Lets the others go, who would wait for ever for what a thread has not finished.
struct EndOnPanic<'a>(&'a AtomicUsize);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        self.0.store(ENDED, Ordering::Release);
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
    fn a_panic_of_a_helper_reaches_the_caller_and_the_team_goes_on() {
        with_threads(3, || {
            let caller = std::thread::current().id();
            let everybody = std::sync::Barrier::new(3);
            let panics = catch_unwind(AssertUnwindSafe(|| {
                for_each(vec![0, 1, 2], 1_000_000, |_| {
                    everybody.wait();
                    assert!(std::thread::current().id() == caller, "a helper");
                });
            }));
            let message = panics.unwrap_err();
            assert_eq!(message.downcast_ref::<&str>(), Some(&"a helper"));
            assert_eq!(map(vec![1, 2, 3], 1_000_000, |i| 2 * i), [2, 4, 6]);
        });
    }

    #[test]
    fn tasks_within_tasks_and_callers_side_by_side() {
        let sums = |n: u64| {
            map((0..n).collect(), 1_000_000, |i| {
                assert_eq!(threads(), 3);
                map((0..50).collect(), 1_000_000, |j| i * j).into_iter().sum::<u64>()
            })
        };
        let expected: Vec<u64> = (0..40).map(|i| i * 1225).collect();
        with_threads(3, || {
            let team = team();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let _place = InTeam::new(&Team::new(team.helpers.clone()));
                        (0..50).for_each(|_| assert_eq!(sums(40), expected));
                    });
                }
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
