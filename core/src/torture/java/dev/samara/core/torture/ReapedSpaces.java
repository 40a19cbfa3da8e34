// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.PageTableRef;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Spaces that several threads reap concurrently and close, while other threads use them. A private page is either
 * unchanged or gone for good; pages of shared and of locked mappings stay unchanged.
 */
final class ReapedSpaces {
    private static final int USERS = 2;
    private static final int OWNER = 0x62;
    private static final long NUMBER = 0xfc;
    private static final long PLACE = 0x6d_0000_0000L;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;

    /* The pages: one for each user, one that is locked temporarily, one that is shared, one that is always locked. */
    private static final int AT_TIMES = USERS;
    private static final int SHARED = USERS + 1;
    private static final int LOCKED = USERS + 2;

    private static final int PLACES = 1 << 12;
    private static final int LONGEST_STAY_NANOS = 2_000_000;
    private static final long TOUCH_NANOS = 20_000;
    private static final int MOST_LOCKS = 64;

    private final TortureMachine setup;
    private final Checker contents;
    private final Checker reaps;
    private final EndedSpaces ended;
    private final AtomicLong sequence = new AtomicLong();
    private final AtomicLong made = new AtomicLong();

    /** The current space; null if there was no memory for one. Set under the lock of this. */
    private volatile @Nullable Victim current;

    /** A private page. */
    private static final class PrivatePage {
        final StampedPage page;

        /** Whether the page was written and then found gone. Used only by the thread that writes the page. */
        boolean isGone;

        PrivatePage(StampedPage page) {
            this.page = page;
        }
    }

    /** A space to reap. */
    private final class Victim {
        final AddressSpace space = setup.machine.newSpace(TortureSpace.GEOMETRY);
        final PageTableRef table = space.hold();
        final long place = PLACE + ((made.getAndIncrement() % PLACES) << 21);
        final List<PrivatePage> pages = new ArrayList<>();

        /** Pages in which each user owns a part. */
        final List<StampedPage> shared = new ArrayList<>();

        final List<StampedPage> locked = new ArrayList<>();

        /** {@code isMarked} is set before the first reap starts, {@code isReaped} after a reap removed all pages. */
        volatile boolean isMarked;

        volatile boolean isReaped;

        Victim() {
            for (int page = 0; page <= AT_TIMES; page++) {
                pages.add(new PrivatePage(new StampedPage(sequence, OWNER, page, address(page), TortureMachine.PARTS)));
            }
            for (int user = 0; user < USERS; user++) {
                int part = TortureMachine.PARTS[user];
                shared.add(new StampedPage(sequence, OWNER, SHARED, address(SHARED), part));
                locked.add(new StampedPage(sequence, OWNER, LOCKED, address(LOCKED), part));
            }
        }

        long address(int page) {
            return place + page * TortureSpace.PAGE;
        }

        /** Maps the pages. Returns whether there was memory for the page that stays locked. */
        boolean map() {
            map(0, SHARED, Mman.PRIVATE);
            map(SHARED, 1, Mman.SHARED);
            map(LOCKED, 1, Mman.PRIVATE);
            return space.mlock(address(LOCKED), TortureSpace.PAGE) == 0;
        }

        private void map(int first, int pages, int flags) {
            int all = flags | Mman.ANONYMOUS | Mman.FIXED;
            TortureSpace.succeed(space.mmap(address(first), pages * TortureSpace.PAGE, WRITABLE, all, null, 0));
        }

        void close() {
            space.close();
            table.close();
            ended.add(space);
        }
    }

    ReapedSpaces(TortureMachine setup, Checker contents, Checker reaps, EndedSpaces ended) {
        this.setup = setup;
        this.contents = contents;
        this.reaps = reaps;
        this.ended = ended;
    }

    private void replace(@Nullable Victim old) {
        Victim next = new Victim();
        boolean isMade = next.map();
        boolean isFirst;
        synchronized (this) {
            isFirst = current == old;
            if (isFirst) {
                current = isMade ? next : null;
            }
        }
        if (!isMade || !isFirst) {
            next.close();
        }
        if (isFirst && old != null) {
            old.close();
        }
    }

    /** Reaps the space, repeatedly and concurrently with other reapers, and closes it, sometimes without a reap. */
    Actor reaper() {
        return random -> {
            Victim victim = current;
            if (victim == null) {
                replace(null);
                return;
            }
            setup.failures.nap(2);
            if (random.nextInt(4) != 0) {
                reap(victim);
            }
            setup.failures.nap(4);
            if (random.nextBoolean()) {
                replace(victim);
            }
        };
    }

    private void reap(Victim victim) {
        victim.isMarked = true;
        long result = victim.table.reap();
        if (result != 0) {
            reaps.check(
                    result == Errno.EAGAIN.result() || result == Errno.ESRCH.result(),
                    "a reap gave " + Errno.of(result));
            setup.events.count("reaps refused");
            return;
        }
        victim.isReaped = true;
        byte[] isResident = new byte[USERS];
        if (victim.space.mincore(victim.place, USERS * TortureSpace.PAGE, isResident) == 0) {
            reaps.check(isResident[0] == 0 && isResident[1] == 0, "a reap has left pages");
            setup.events.count("spaces reaped");
        }
    }

    /**
     * Uses the space, sometimes in GUEST, where it may keep using pages through cached translations until it polls.
     *
     * @param number the number of the user, from 0
     */
    Actor user(int number) {
        SpaceVisit visit = new SpaceVisit(setup, NUMBER);
        return random -> {
            Victim victim = current;
            if (victim == null || !visit.goesTo(victim.space)) {
                LockSupport.parkNanos(TOUCH_NANOS);
                return;
            }
            boolean inGuest = random.nextBoolean();
            if (inGuest) {
                visit.cpu().enterGuest();
            }
            try {
                long until = System.nanoTime() + random.nextInt(LONGEST_STAY_NANOS);
                do {
                    for (int n = random.nextInt(8); n >= 0; n--) {
                        access(victim, number, visit, random);
                    }
                    LockSupport.parkNanos(TOUCH_NANOS);
                    if (inGuest && random.nextInt(8) == 0) {
                        visit.cpu().poll();
                    }
                } while (until - System.nanoTime() > 0);
            } finally {
                if (inGuest) {
                    visit.cpu().leaveGuest();
                }
            }
            if (random.nextBoolean()) {
                visit.cpu().enterLazy();
            }
        };
    }

    private void access(Victim victim, int number, SpaceVisit visit, Random random) {
        switch (random.nextInt(6)) {
            case 0 -> stays("shared", victim.shared.get(number), visit, random);
            case 1 -> stays("locked", victim.locked.get(number), visit, random);
            case 2 -> {
                PrivatePage other = victim.pages.get((number + 1) % (AT_TIMES + 1));
                judge(victim, other.page.loadForeign(visit, random, contents), true);
            }
            default -> {
                boolean wasReaped = victim.isReaped;
                boolean isThere = accessOwn(victim, victim.pages.get(number), visit, random) == Fault.NONE;
                reaps.check(!wasReaped || !isThere, "a page was not gone after a reap");
            }
        }
    }

    /** Accesses a page that no reap removes: its content must be unchanged. */
    private void stays(String which, StampedPage page, SpaceVisit visit, Random random) {
        int result = page.access(visit, random, contents);
        boolean holds = result == Fault.NONE || (result == Fault.OUT_OF_MEMORY && !page.isWritten());
        reaps.check(holds, holds ? "" : "a " + which + " page of a reaped space gave " + Fault.toString(result));
    }

    private int accessOwn(Victim victim, PrivatePage own, SpaceVisit visit, Random random) {
        int result = own.page.access(visit, random, contents);
        judge(victim, result, !own.page.isWritten() || own.isGone);
        if (result == Fault.ADRERR) {
            // If the page was never written, the zero page may still be there, but only for loads.
            own.isGone |= own.page.isWritten();
            setup.events.count("pages found gone after a reap");
        } else {
            reaps.check(!own.isGone || result != Fault.NONE, own.page + " has come back after a reap");
        }
        return result;
    }

    private void judge(Victim victim, int result, boolean mayNeedFrame) {
        boolean holds = result == Fault.NONE
                || (result == Fault.OUT_OF_MEMORY && (mayNeedFrame || victim.isMarked))
                || (result == Fault.ADRERR && victim.isMarked);
        reaps.check(holds, holds ? "" : "a page beside a reap gave " + Fault.toString(result));
    }

    /** Locks its page temporarily. Once the call returned, no reap may remove the page. */
    Actor locker() {
        SpaceVisit visit = new SpaceVisit(setup, NUMBER);
        return random -> {
            Victim victim = current;
            if (victim == null || !visit.goesTo(victim.space)) {
                LockSupport.parkNanos(TOUCH_NANOS);
                return;
            }
            PrivatePage own = victim.pages.get(AT_TIMES);
            accessOwn(victim, own, visit, random);
            // Repeated often, because the window in which a reap could remove a page that is being locked is short.
            for (int n = random.nextInt(MOST_LOCKS); n >= 0 && locks(victim, own, visit, random); n--) {
                setup.events.count("pages locked beside a reap");
            }
        };
    }

    private boolean locks(Victim victim, PrivatePage own, SpaceVisit visit, Random random) {
        if (victim.space.mlock(victim.address(AT_TIMES), TortureSpace.PAGE) != 0) {
            return false;
        }
        for (int n = random.nextInt(4); n >= 0; n--) {
            int result = own.page.loadAll(visit, contents);
            reaps.check(result == Fault.NONE, "a page that was locked gave " + Fault.toString(result));
        }
        long unlocked = victim.space.munlock(victim.address(AT_TIMES), TortureSpace.PAGE);
        reaps.check(unlocked == 0 || unlocked == Errno.ESRCH.result(), "munlock gave " + unlocked);
        return unlocked == 0;
    }

    /** Reaps and closes the last space, after all threads stopped. */
    void finish() {
        Victim last = current;
        if (last != null) {
            last.space.validate();
            reap(last);
            last.close();
        }
    }
}
