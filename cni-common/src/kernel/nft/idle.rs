//! Closing a socket when that makes nobody wait.

use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::Duration;

use super::NftSocket;
use crate::kernel::process;

/// Several grace periods of RCU.
const PAUSE: Duration = Duration::from_millis(100);
/// Then it is closed in any case.
const PAUSES: usize = 20;

impl NftSocket {
    /// Whether something was deleted through this socket.
    pub fn has_deleted(&self) -> bool {
        self.deleted
    }

    /// Returns when nobody has changed anything in nf_tables for a while, 2 s later at most: for a child process that
    /// has nothing to do but to close the socket. Its other descriptors, the container's namespace among them, are closed
    /// at once.
    ///
    /// While a socket is closed after a deletion, the kernel keeps all transactions of the namespace waiting for a
    /// grace period, and, as links that go look for their rules, every deletion of a link too
    /// (net/netfilter/nf_tables_api.c `nft_rcv_nl_event`). A hundred pods that go at once would wait for each
    /// other's sockets.
    pub fn wait_until_idle(&mut self) {
        process::keep_only(self.connection.socket().as_fd());
        let mut before = self.generation().ok();
        for _ in 0..PAUSES {
            sleep(PAUSE);
            let now = self.generation().ok();
            if now == before {
                return;
            }
            before = now;
        }
    }
}
