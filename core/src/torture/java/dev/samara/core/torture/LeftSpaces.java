// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.PageTableRef;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Spaces that end while CPUs are LAZY in them. Such a CPU returns, switches to another space, execs another program or
 * goes offline. If the space still has a user, the CPU finds its page unchanged; it never finds a page of a space that
 * ended.
 */
final class LeftSpaces {
    private static final int LEAVERS = 3;
    private static final int OWNER = 0x63;
    private static final long NUMBER = 0xfb;
    private static final long PLACE = 0x71_0000_0000L;

    private final TortureMachine setup;
    private final Checker contents;
    private final Checker lifetimes;
    private final EndedSpaces ended;
    private final AtomicLong sequence = new AtomicLong();

    /** The number of the latest space. Used only by the thread that ends spaces. */
    private long made;

    /** The current space, with one page for each CPU that leaves it. */
    private volatile StampedSpace current;

    LeftSpaces(TortureMachine setup, Checker contents, Checker lifetimes, EndedSpaces ended) {
        this.setup = setup;
        this.contents = contents;
        this.lifetimes = lifetimes;
        this.ended = ended;
        current = next();
    }

    private StampedSpace next() {
        return new StampedSpace(setup, sequence, OWNER, PLACE, made++, LEAVERS);
    }

    /** Closes the space, which ends it unless CPUs are in it, and replaces it with another one. */
    Actor ender() {
        return random -> {
            StampedSpace old = current;
            current = next();
            old.close(ended);
            setup.events.count("spaces closed beside LAZY CPUs");
            setup.failures.nap(2);
        };
    }

    /**
     * Leaves its CPU's current space, and continues in one of several ways.
     *
     * @param number the number of the CPU, from 0
     */
    Actor leaver(int number) {
        SpaceVisit visit = new SpaceVisit(setup, NUMBER);
        return random -> {
            StampedSpace left = current;
            if (!visit.goesTo(left.space)) {
                lifetimes.check(left.isClosing(), "a CPU is refused by an open space");
                return;
            }
            StampedPage page = left.pages.get(number);
            judge(page, page.access(visit, random, contents));
            if (random.nextInt(8) == 0) {
                execFromSpace(left, page, visit);
                return;
            }
            // Acquired before the CPU leaves, because the space may have ended later. Without this reference, only the
            // CPU keeps the root.
            PageTableRef held = random.nextInt(3) == 0 ? left.hold(lifetimes) : null;
            visit.cpu().enterLazy();
            refuses(visit, page);
            if (random.nextBoolean()) {
                setup.failures.nap(1);
            } else {
                setup.failures.linger();
            }
            if (left.hasEnded()) {
                setup.events.count("CPUs in LAZY beyond the end");
            }
            if (held == null) {
                goesOn(left, page, visit, random);
            } else {
                try (held) {
                    comesBack(left, held, page, visit);
                }
            }
        };
    }

    private void refuses(SpaceVisit visit, StampedPage page) {
        lifetimes.check(visit.isRefused(page.address()), "a CPU in LAZY has had an access");
    }

    private void goesOn(StampedSpace left, StampedPage page, SpaceVisit visit, Random random) {
        switch (random.nextInt(6)) {
            case 0 -> {
                visit.cpu().switchTo(setup.space);
                int result = visit.load(page.address());
                lifetimes.check(result == Fault.MAPERR, "a CPU finds elsewhere " + visit.say(result));
            }
            case 1 -> {
                setup.leave();
                setup.events.count("CPUs offline from LAZY");
            }
            case 2 -> {
                visit.cpu().switchTo(null);
                refuses(visit, page);
            }
            case 3 -> exec(left, page, visit);
            case 4 -> {
                boolean hadEnded = left.hasEnded();
                if (visit.goesTo(left.space)) {
                    isAsLeft(page, visit, hadEnded);
                } else {
                    lifetimes.check(left.isClosing(), "a CPU is refused by an open space");
                    setup.events.count("ways back refused");
                }
            }
            default -> refuses(visit, page);
        }
    }

    private void comesBack(StampedSpace left, PageTableRef held, StampedPage page, SpaceVisit visit) {
        boolean hadEnded = left.hasEnded();
        AddressSpace got = held.tryGet();
        if (got == null) {
            left.foundEnded();
            return;
        }
        try (got) {
            lifetimes.check(visit.goesTo(got), "a space with a user refuses a CPU");
            isAsLeft(page, visit, hadEnded);
        }
    }

    private void isAsLeft(StampedPage page, SpaceVisit visit, boolean hadEnded) {
        lifetimes.check(!hadEnded, "a space has ended, and a CPU comes back to it");
        judge(page, page.loadAll(visit, contents));
        setup.events.count("ways back from LAZY");
    }

    /** Checks an access to a CPU's page; a written page has a frame, so it cannot run out of memory. */
    private void judge(StampedPage page, int result) {
        boolean holds = result == Fault.NONE || (result == Fault.OUT_OF_MEMORY && !page.isWritten());
        contents.check(holds, holds ? "" : "the page of a CPU gave " + Fault.toString(result));
    }

    /** Execs into a space with pages of zeros at the same place, whose only user in the end is the CPU. */
    private void exec(StampedSpace left, StampedPage page, SpaceVisit visit) {
        AddressSpace next = setup.machine.newSpace(TortureSpace.GEOMETRY);
        try (next) {
            TortureSpace.succeed(left.map(next, 0, LEAVERS));
            visit.cpu().exec(next);
            findsZeros(page, visit);
        }
        ended.add(next);
        findsZeros(page, visit);
        setup.events.count("execs");
    }

    private void findsZeros(StampedPage page, SpaceVisit visit) {
        // Not recorded as an access to the page, because the page's own space may still contain a CPU.
        Cpu cpu = visit.cpu();
        int result = setup.done(cpu.memory().load(page.address(), Long.BYTES));
        boolean holds = result == Fault.OUT_OF_MEMORY || (result == Fault.NONE && visit.value() == 0);
        contents.check(holds, holds ? "" : "a CPU finds after exec " + visit.say(result));
    }

    /**
     * Execs from a space that the CPU entered by a reference. The exec closes this reference, although the old space
     * may still have other users.
     */
    private void execFromSpace(StampedSpace left, StampedPage page, SpaceVisit visit) {
        AddressSpace got = left.get(lifetimes);
        if (got == null) {
            return;
        }
        try (got) {
            lifetimes.check(visit.goesTo(got), "a space with a user refuses a CPU");
            exec(left, page, visit);
            lifetimes.check(
                    got.munmap(page.address() & -TortureSpace.PAGE, TortureSpace.PAGE) == Errno.ESRCH.result(),
                    "exec has left the reference open");
        }
    }

    /**
     * Makes calls that walk the page table of the space, or send requests to its CPUs, on a thread without a CPU in the
     * space.
     */
    Actor caller() {
        return random -> {
            StampedSpace left = current;
            long start = left.pages.get(0).address() & -TortureSpace.PAGE;
            long length = LEAVERS * TortureSpace.PAGE;
            setup.failures.nap(1);
            long result = switch (random.nextInt(4)) {
                case 0 -> left.space.membarrier();
                case 1 -> left.space.collectAccessed(start, length, page -> {});
                case 2 -> left.space.collectDirty(start, length, page -> {});
                default -> watch(left, start, length);
            };
            if (result == Errno.ESRCH.result()) {
                lifetimes.check(left.isClosing(), "an open space has ended");
                setup.events.count("calls after the end");
            } else {
                lifetimes.check(result >= 0 && result <= LEAVERS, "a call beside the end gave " + result);
                setup.events.count("calls beside the end");
            }
        };
    }

    private static long watch(StampedSpace left, long start, long length) {
        try {
            left.space.watch(start, length, (address, written) -> {}).close();
            return 0;
        } catch (MmException refused) {
            return refused.errno().result();
        }
    }

    /** Starts threads that end while their CPUs are in the space, or LAZY there. */
    Actor deserter() {
        return random -> {
            StampedSpace left = current;
            boolean isLazy = random.nextBoolean();
            FutureTask<Boolean> work = new FutureTask<>(() -> desert(left.space, isLazy));
            Thread thread = new Thread(work, "deserter");
            thread.start();
            try {
                boolean wasThere = work.get();
                thread.join();
                lifetimes.check(wasThere || left.isClosing(), "a CPU is refused by an open space");
            } catch (InterruptedException | ExecutionException failed) {
                throw new IllegalStateException(failed);
            }
            setup.events.count("CPUs of ended threads");
        };
    }

    private boolean desert(AddressSpace space, boolean isLazy) {
        Cpu cpu = setup.machine.claimCpu();
        try {
            cpu.switchTo(space);
        } catch (MmException refused) {
            cpu.close();
            if (refused.errno() != Errno.ESRCH) {
                throw refused;
            }
            return false;
        }
        cpu.enterGuest();
        cpu.leaveGuest();
        if (isLazy) {
            cpu.enterLazy();
        }
        return true;
    }

    /** Closes the last space, after all threads stopped. */
    void finish() {
        StampedSpace last = current;
        last.space.validate();
        last.close(ended);
    }
}
