//! Panics as messages: a failing test reports one text with its place, whatever thread it failed in.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A message that already names its place.
struct Described(String);

/// Keeps the default hook from printing into the report; the place is remembered for [`describe`].
pub fn quiet_panics() {
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        PLACE.with_borrow_mut(|p| *p = place);
    }));
}

/// The text of a caught panic of this thread.
pub fn describe(payload: &(dyn Any + Send)) -> String {
    if let Some(Described(text)) = payload.downcast_ref() {
        return text.clone();
    }
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("panic");
    PLACE.with_borrow(|place| format!("{text}\n  at {place}"))
}

/// Passes a described panic on to the thread that waits.
pub fn raise(message: String) -> ! {
    panic::resume_unwind(Box::new(Described(message)))
}
