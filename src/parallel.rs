//! Work shared out among the machine's processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

/// What `work` makes of each item, in the items' order. There are no more threads
/// than processors, since each has memory of its own to fill; a machine that has
/// none to give still works.
pub fn map<T: Sync, R: Send + Sync>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let done: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(done)) = (items.get(index), done.get(index)) else { break };
            done.get_or_init(|| work(item));
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 1..processors.min(items.len()) {
            let _ = thread::Builder::new().spawn_scoped(scope, run);
        }
        run();
    });
    done.into_iter().zip(items).map(|(done, item)| done.into_inner().unwrap_or_else(|| work(item))).collect()
}

/// What `other` and `here` make, at the same time where the machine has a thread to give.
pub fn both<A: Send, B>(other: impl Fn() -> A + Sync, here: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, &other);
        let here = here();
        match thread.map(ScopedJoinHandle::join) {
            Ok(Ok(made)) => (made, here),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => (other(), here),
        }
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<u64> = (0..1000).collect();
        assert_eq!(super::map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(super::map(&Vec::<u64>::new(), |item| item * 2), Vec::<u64>::new());
    }
}
