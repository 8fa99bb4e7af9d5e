//! Work on all cores, with results that do not depend on their number.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// `f(0)`, `f(1)`, …, in order.
///
/// # Panics
/// If one of them does.
pub fn parallel<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<T>>> = (0..n).map(|_| Mutex::new(None)).collect();
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = results.get(i) else { return };
            let value = f(i);
            *slot.lock().expect("no panic while locked") = Some(value);
        }
    };
    thread::scope(|scope| {
        for _ in 1..thread::available_parallelism()
            .map_or(1, |p| p.get())
            .min(n)
        {
            // Where the system gives no more threads, those that are there do the work: this one at
            // least.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    results
        .into_iter()
        .map(|slot| {
            slot.into_inner()
                .ok()
                .flatten()
                .expect("every index was run")
        })
        .collect()
}
