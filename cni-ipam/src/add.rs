//! ADD: one address out of each range set.

use cni_common::spec::{Attachment, CniError, CniResult, Code, IpConfig, Request};
use ipnetwork::IpNetwork;

use crate::address::Addr;
use crate::config::Config;
use crate::host::Host;
use crate::life::NetnsNote;
use crate::range::{Range, RangeSet};
use crate::resolv;
use crate::store::{Cursor, Lease, Store};

/// Leases in the message of a full range.
const SHOWN_HOLDERS: usize = 5;

pub fn add(request: &Request, host: &Host) -> Result<CniResult, CniError> {
    let config = Config::read(request)?;
    let attachment = request.attachment()?;
    let dns = config.resolv_conf.as_deref().map(resolv::read).transpose()?.unwrap_or_default();
    let netns = request.netns.as_deref().and_then(|path| NetnsNote::take(path, &host.proc));
    let store = Store::create(&config.place, host)?;
    let mut call = Add { store, attachment, netns, made: Vec::new() };
    let ips = call.all_sets(&config).map_err(|error| call.undo(error))?;
    Ok(CniResult { interfaces: Vec::new(), ips, routes: config.routes, dns })
}

/// One ADD with the lock held.
struct Add<'a> {
    store: Store<'a>,
    attachment: &'a Attachment,
    netns: Option<NetnsNote>,
    /// What this call has leased.
    made: Vec<Lease>,
}

/// An address chosen out of a range.
struct Choice<'r> {
    addr: Addr,
    range: &'r Range,
}

impl Add<'_> {
    fn all_sets(&mut self, config: &Config) -> Result<Vec<IpConfig>, CniError> {
        let mut ips = Vec::with_capacity(config.sets.len());
        let mut cursors = Vec::with_capacity(config.sets.len());
        // Once, before anything is leased: what is there already.
        let present = if config.wanted.iter().all(Option::is_some) {
            Vec::new()
        } else {
            self.store.leases_of(self.attachment)?
        };
        for (number, (set, wanted)) in config.sets.iter().zip(&config.wanted).enumerate() {
            let cursor = Cursor::open(self.store.dir(), number)?;
            let choice = match wanted {
                Some(addr) => self.wanted(set, *addr),
                None => self.next(set, cursor.last, &present),
            };
            let choice = choice.map_err(|error| CniError {
                msg: format!("failed to allocate for range {number}: {}", error.msg),
                ..error
            })?;
            ips.push(ip_config(&choice)?);
            cursors.push((cursor, choice.addr));
        }
        // Last, so that an ADD that fails leaves the cursors where they were. A cursor that stays behind
        // costs the round robin a turn, and is no reason to refuse the pod its address.
        for (cursor, addr) in cursors {
            if let Err(error) = cursor.write(self.store.dir(), addr) {
                tracing::warn!(%error, "the round robin's cursor is not moved");
            }
        }
        Ok(ips)
    }

    /// Gives back what this call has leased; the cause of the failure stays first.
    fn undo(&mut self, cause: CniError) -> CniError {
        let mut error = cause;
        for lease in std::mem::take(&mut self.made) {
            if let Err(more) = self.store.release(&lease) {
                error = error.detail(&more.msg);
            }
        }
        error
    }

    fn reserve(&mut self, addr: Addr) -> Result<bool, CniError> {
        let lease = self.store.reserve(addr, self.attachment, self.netns.as_ref())?;
        let is_made = lease.is_some();
        self.made.extend(lease);
        Ok(is_made)
    }

    /// The address that somebody asked for.
    fn wanted<'r>(&mut self, set: &'r RangeSet, addr: Addr) -> Result<Choice<'r>, CniError> {
        let taken = || CniError::new(Code::CONFLICT, "");
        let range = set.range_for(addr).ok_or_else(taken)?;
        if self.reserve(addr)? {
            return Ok(Choice { addr, range });
        }
        if let Some(lease) = self.store.lease_of(addr)?
            && self.store.has_dead_owner(&lease)
        {
            self.reclaim(&lease)?;
            if self.reserve(addr)? {
                return Ok(Choice { addr, range });
            }
        }
        let path = self.store.dir().file(&addr.to_string());
        let holder = self.store.holder(addr).unwrap_or_else(|| "nobody that it names".into());
        Err(CniError::new(
            Code::CONFLICT,
            format!(
                "requested IP address {addr} is not available in range set {set}: {} says that it belongs to {holder}; \
                 DEL that attachment, or ask for another address",
                path.display()
            ),
        ))
    }

    /// The next address of the round robin.
    fn next<'r>(
        &mut self,
        set: &'r RangeSet,
        last: Option<Addr>,
        present: &[Lease],
    ) -> Result<Choice<'r>, CniError> {
        self.refuse_second(set, present)?;
        if let Some(choice) = self.first_free(set, last)? {
            return Ok(choice);
        }
        // Before giving up: is it true what the index says, and are all of them alive?
        if !self.store.is_fresh() {
            self.store.rescan()?;
            if let Some(choice) = self.first_free(set, last)? {
                return Ok(choice);
            }
        }
        if self.reclaim_dead(set)?
            && let Some(choice) = self.first_free(set, last)?
        {
            return Ok(choice);
        }
        Err(self.exhausted(set))
    }

    /// The specification has no second ADD without a DEL (plugins#328). A lease of a container that is dead
    /// for certain, with the same ID as this one, does not count (nerdctl#3355).
    fn refuse_second(&mut self, set: &RangeSet, present: &[Lease]) -> Result<(), CniError> {
        for lease in present.iter().filter(|lease| set.range_for(lease.addr()).is_some()) {
            if self.store.has_dead_owner(lease) {
                self.reclaim(lease)?;
                continue;
            }
            let addr = lease.addr();
            let path = self.store.dir().file(&addr.to_string());
            return Err(CniError::new(
                Code::CONFLICT,
                format!(
                    "{addr} has been allocated to {}, duplicate allocation is not allowed; DEL this attachment first \
                     (its lease is {})",
                    self.attachment.container_id,
                    path.display()
                ),
            ));
        }
        Ok(())
    }

    fn first_free<'r>(
        &mut self,
        set: &'r RangeSet,
        last: Option<Addr>,
    ) -> Result<Option<Choice<'r>>, CniError> {
        for (range, from, to) in set.pieces_after(last) {
            let mut at = Some(from);
            while let Some(from) = at.filter(|at| *at <= to) {
                let Some(addr) = self.store.next_free(from, to)? else { break };
                if range.gateway() != Some(addr) && self.reserve(addr)? {
                    return Ok(Some(Choice { addr, range }));
                }
                at = addr.plus(1);
            }
        }
        Ok(None)
    }

    fn reclaim(&mut self, lease: &Lease) -> Result<(), CniError> {
        let holder = self.store.holder(lease.addr()).unwrap_or_default();
        tracing::warn!(address = %lease.addr(), %holder, "lease freed: its network namespace is gone");
        self.store.release(lease)
    }

    /// Frees the leases of a set whose owners are dead for certain.
    fn reclaim_dead(&mut self, set: &RangeSet) -> Result<bool, CniError> {
        let mut any = false;
        for record in self.store.all()? {
            if set.range_for(record.addr).is_some()
                && self.store.is_dead(&record)
                && let Some(lease) = self.store.compare(&record)?
            {
                self.reclaim(&lease)?;
                any = true;
            }
        }
        Ok(any)
    }

    fn exhausted(&mut self, set: &RangeSet) -> CniError {
        let dir = self.store.dir().path().display().to_string();
        let mut taken = 0;
        for range in set.ranges() {
            taken += self.store.count_taken(range.start(), range.end()).unwrap_or(0);
        }
        let error = CniError::new(
            Code::EXHAUSTED,
            format!(
                "no IP addresses available in range set: {set}: {taken} of {} are taken; each file in {dir} names \
                 the container that has the address; DEL or GC those that are gone, or enlarge the range",
                set.size()
            ),
        );
        let mut records = self.store.all().unwrap_or_default();
        records.retain(|record| set.range_for(record.addr).is_some());
        records.sort_by_key(|record| record.addr);
        let shown = records.iter().take(SHOWN_HOLDERS);
        let lines = shown.map(|record| {
            format!(
                "{}: {}",
                record.addr,
                self.store.holder(record.addr).unwrap_or_else(|| "not readable".into())
            )
        });
        let error = lines.collect::<Vec<_>>().into_iter().fold(error, CniError::detail);
        match records.len().saturating_sub(SHOWN_HOLDERS) {
            0 => error,
            more => error.detail(format!("and {more} more")),
        }
    }
}

fn ip_config(choice: &Choice<'_>) -> Result<IpConfig, CniError> {
    let address = IpNetwork::new(choice.addr.ip(), choice.range.prefix())
        .map_err(|e| CniError::config(format!("invalid prefix of {}: {e}", choice.addr)))?;
    Ok(IpConfig { interface: None, address, gateway: choice.range.gateway().map(Addr::ip) })
}
