// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One page in its own leaf table, to which several threads add while its owner removes the page and the table in every
 * possible way. After a removal, earlier additions are gone and later additions are present. While nothing is mapped,
 * no addition succeeds.
 */
final class CounterPage implements Actor {
    private static final long PLACE = 0x60_0000_0000L;
    private static final long APART = 1L << 30;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;

    private final TortureMachine setup;
    private final TortureMachine.View view;
    private final long at;
    private final Checker sums;
    private final Checker rights;
    private final boolean shared;
    private final AtomicLong begun = new AtomicLong();
    private final AtomicLong done = new AtomicLong();

    CounterPage(TortureMachine setup, int number, boolean shared, Checker sums, Checker rights) {
        this.setup = setup;
        this.shared = shared;
        this.sums = sums;
        this.rights = rights;
        at = PLACE + number * APART;
        view = setup.view();
        map();
    }

    private void map() {
        int flags = Mman.FIXED | Mman.ANONYMOUS | (shared ? Mman.SHARED : Mman.PRIVATE);
        TortureSpace.succeed(setup.space.mmap(at, TortureSpace.PAGE, WRITABLE, flags, null, 0));
    }

    /** Adds to the page. */
    Actor adder() {
        TortureMachine.View mine = setup.view();
        return random -> {
            if (random.nextInt(4) == 0) {
                add(mine, random.nextBoolean(), false);
                return;
            }
            mine.enterGuest();
            try {
                for (int n = random.nextInt(32); n >= 0; n--) {
                    add(mine, random.nextInt(4) == 0, random.nextBoolean());
                    if (random.nextInt(4) == 0) {
                        mine.poll();
                    }
                }
            } finally {
                mine.leaveGuest();
            }
        };
    }

    private void add(TortureMachine.View mine, boolean loads, boolean inOneStep) {
        if (loads) {
            // So that the addition marks an existing entry as written.
            mine.load(at);
        }
        begun.incrementAndGet();
        int result = inOneStep ? mine.addInOneStep(at, 1) : mine.add(at, 1);
        if (result == Fault.NONE) {
            done.incrementAndGet();
        } else {
            begun.decrementAndGet();
            boolean expected = result == Fault.ACCERR || result == Fault.MAPERR || result == Fault.OUT_OF_MEMORY;
            sums.check(expected, "an addition gave " + Fault.toString(result));
        }
    }

    @Override
    public void step(Random random) {
        long before = done.get();
        switch (random.nextInt(8)) {
            case 0, 1 -> {
                // So that faults are in progress when the page is unmapped.
                discard();
                TortureSpace.succeed(setup.space.munmap(at, TortureSpace.PAGE));
                nothing(Fault.MAPERR);
                before = done.get();
                map();
            }
            case 2 -> {
                TortureSpace.succeed(setup.space.mprotect(at, TortureSpace.PAGE, Mman.NONE));
                nothing(Fault.ACCERR);
                TortureSpace.succeed(setup.space.munmap(at, TortureSpace.PAGE));
                map();
            }
            case 3 -> map();
            case 4, 5 -> {
                // The table is removed with its last entry, which is not the page's entry, while faults at the page may
                // be using the table.
                long beside = at + TortureSpace.PAGE;
                TortureSpace.succeed(
                        setup.space.mmap(beside, TortureSpace.PAGE, WRITABLE, TortureSpace.FIXED, null, 0));
                discard();
                TortureSpace.succeed(setup.space.munmap(beside, TortureSpace.PAGE));
            }
            default -> discard();
        }
        setup.events.count("pages taken from under adders");
        long started = begun.get();
        for (int n = random.nextInt(4); n >= 0; n--) {
            long least = done.get() - started;
            int result = view.load(at);
            long most = begun.get() - before;
            if (result == Fault.NONE) {
                boolean holds = view.value() >= least && view.value() <= most;
                sums.check(
                        holds,
                        holds
                                ? ""
                                : "a page taken away has " + TortureMachine.say(view.value()) + ", not " + least
                                        + " to " + most);
            } else {
                sums.check(result == Fault.OUT_OF_MEMORY, "a mapped page gave " + Fault.toString(result));
            }
            setup.failures.linger();
        }
    }

    private void discard() {
        TortureSpace.succeed(setup.space.madvise(at, TortureSpace.PAGE, shared ? Mman.REMOVE : Mman.DONTNEED));
    }

    /** Checks that accesses fail, so nothing can be added either. */
    private void nothing(int expected) {
        for (int n = 0; n < 3; n++) {
            int result = view.load(at);
            rights.check(result == expected, "after it was taken away, a page gave " + Fault.toString(result));
            setup.failures.linger();
        }
    }
}
