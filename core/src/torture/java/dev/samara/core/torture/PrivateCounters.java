// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.Awake;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Counters in private pages, to which several threads add while the pages are copied for children, narrowed, widened
 * and moved. No addition may be lost: a counter equals the sum of all additions, and in a child the sum at an instant
 * during the fork.
 */
final class PrivateCounters {
    private static final int PAGES = 6;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;
    private static final int OFFSET = 1024;

    private final TortureMachine setup;
    private final Checker sums;
    private final Checker rights;
    private final Checker forks;
    private final Checker leaks;
    private final AtomicLongArray begun = new AtomicLongArray(PAGES);
    private final AtomicLongArray done = new AtomicLongArray(PAGES);
    private final AtomicLong at = new AtomicLong();
    private long other;

    PrivateCounters(TortureMachine setup, Checker sums, Checker rights, Checker forks, Checker leaks) {
        this.setup = setup;
        this.sums = sums;
        this.rights = rights;
        this.forks = forks;
        this.leaks = leaks;
        long[] places = setup.area(PAGES);
        at.set(places[0]);
        other = places[1];
        TortureSpace.succeed(
                setup.space.mmap(places[0], PAGES * TortureSpace.PAGE, WRITABLE, TortureSpace.FIXED, null, 0));
    }

    private long address(int page) {
        return at.get() + page * TortureSpace.PAGE + OFFSET;
    }

    /** Adds to the counters. If the pages are gone or not writable, the addition fails and is not counted. */
    Actor adder() {
        TortureMachine.View view = setup.view();
        return random -> {
            if (random.nextInt(4) == 0) {
                add(view, random.nextInt(PAGES), false);
                return;
            }
            view.enterGuest();
            try {
                for (int n = random.nextInt(32); n >= 0; n--) {
                    add(view, random.nextInt(PAGES), random.nextBoolean());
                    if (random.nextInt(4) == 0) {
                        view.poll();
                    }
                }
            } finally {
                view.leaveGuest();
            }
            if (random.nextInt(4) == 0) {
                view.enterLazy();
                setup.failures.linger();
            }
        };
    }

    private void add(TortureMachine.View view, int page, boolean inOneStep) {
        begun.incrementAndGet(page);
        int result = inOneStep ? view.addInOneStep(address(page), 1) : view.add(address(page), 1);
        if (result == Fault.NONE) {
            long before = inOneStep ? view.seen() : view.value();
            long added = done.incrementAndGet(page);
            sums.check(before < begun.get(page), "a counter had " + before + " of " + added);
        } else {
            begun.decrementAndGet(page);
            Awake.turn();
            boolean expected = result == Fault.ACCERR || result == Fault.MAPERR || result == Fault.OUT_OF_MEMORY;
            sums.check(expected, "an addition gave " + Fault.toString(result));
        }
    }

    /**
     * Narrows the rights of a page, checks that no addition succeeds any more, and widens the rights again; also moves
     * the pages.
     */
    Actor changer() {
        TortureMachine.View view = setup.view();
        return random -> {
            if (random.nextInt(4) == 0) {
                long from = at.get();
                TortureSpace.succeed(setup.space.mremap(
                        from, PAGES * TortureSpace.PAGE, PAGES * TortureSpace.PAGE, TortureSpace.MOVE_TO, other));
                at.set(other);
                other = from;
            }
            int page = random.nextInt(PAGES);
            long start = at.get() + page * TortureSpace.PAGE;
            TortureSpace.succeed(setup.space.mprotect(start, TortureSpace.PAGE, Mman.READ));
            long before = read(view, page);
            setup.failures.linger();
            long after = read(view, page);
            boolean stands = before == after || before < 0 || after < 0;
            rights.check(stands, before + " has become " + after + " in a page that may not be written");
            TortureSpace.succeed(setup.space.mprotect(start, TortureSpace.PAGE, WRITABLE));
        };
    }

    private long read(TortureMachine.View view, int page) {
        return view.load(address(page)) == Fault.NONE ? view.value() : -1;
    }

    /** Forks, checks the child's counters, adds to them, and ends the child. */
    Actor forker() {
        return random -> {
            long[] least = new long[PAGES];
            for (int page = 0; page < PAGES; page++) {
                least[page] = done.get(page);
            }
            long place = at.get();
            AddressSpace child;
            try {
                child = setup.space.fork();
            } catch (MmException refused) {
                forks.check(refused.errno() == Errno.ENOMEM, refused.toString());
                return;
            }
            TortureMachine.View view = setup.new View(child);
            for (int page = 0; page < PAGES; page++) {
                long most = begun.get(page);
                long address = place + page * TortureSpace.PAGE + OFFSET;
                if (view.load(address) == Fault.NONE) {
                    long read = view.value();
                    boolean holds = read >= least[page] && read <= most;
                    forks.check(
                            holds,
                            holds
                                    ? ""
                                    : "a child has " + TortureMachine.say(read) + " of " + least[page] + " to " + most);
                    addTo(view, address, read, random);
                }
            }
            child.validate();
            child.close();
            view.leave();
            int tables = TortureMachine.tablesLeft(child);
            leaks.check(tables == 0, tables + " page tables of a child are left after close");
        };
    }

    private void addTo(TortureMachine.View view, long address, long read, Random random) {
        for (int n = random.nextInt(3); n > 0; n--) {
            if (view.add(address, 1L << 40) == Fault.NONE) {
                boolean holds = view.value() == read;
                forks.check(holds, holds ? "" : "a child's page changed from " + read + " to " + view.value());
                return;
            }
        }
    }

    /** Compares the counters with the sums, after all threads stopped. */
    void finish() {
        TortureMachine.View view = setup.view();
        for (int page = 0; page < PAGES; page++) {
            int result = view.load(address(page));
            boolean holds = result == Fault.NONE ? view.value() == done.get(page) : result == Fault.OUT_OF_MEMORY;
            sums.check(holds, holds ? "" : "a counter is " + view.value() + " after " + done.get(page) + " additions");
        }
        setup.leave();
    }
}
