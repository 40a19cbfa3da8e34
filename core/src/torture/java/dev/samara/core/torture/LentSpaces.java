// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.AdoptedSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.PageTableRef;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Spaces that their owner closes while other threads borrow them. While a borrower is a user, it finds its pages
 * unchanged, even in a later borrow, whatever the owner closes. Once the borrower released its users, each of its
 * accesses is rejected. After the last user left, no borrow succeeds.
 */
final class LentSpaces {
    private static final int BORROWERS = 3;
    private static final int OWNER = 0x61;
    private static final long NUMBER = 0xfd;
    private static final long PLACE = 0x69_0000_0000L;

    private static final int LONGEST_STAY_NANOS = 4_000_000;
    private static final long TOUCH_NANOS = 20_000;

    private final TortureMachine setup;
    private final Checker contents;
    private final Checker lifetimes;
    private final EndedSpaces ended;
    private final AtomicLong sequence = new AtomicLong();

    /** The number of the latest space. Used only by the lender. */
    private long made;

    /**
     * The current space. The page after the borrowers' pages belongs to the owner, which writes it before it lends the
     * space.
     */
    private volatile StampedSpace current;

    LentSpaces(TortureMachine setup, Checker contents, Checker lifetimes, EndedSpaces ended) {
        this.setup = setup;
        this.contents = contents;
        this.lifetimes = lifetimes;
        this.ended = ended;
        current = next();
    }

    private StampedSpace next() {
        return new StampedSpace(setup, sequence, OWNER, PLACE, made++, BORROWERS + 1);
    }

    /** Lends a new space, and closes the previous one. Its CPU leaves the new space in one of several ways. */
    Actor lender() {
        SpaceVisit visit = new SpaceVisit(setup, NUMBER);
        return random -> {
            StampedSpace next = next();
            lifetimes.check(visit.goesTo(next.space), "a new space has ended");
            if (next.pages.get(BORROWERS).write(visit, random) == Fault.OUT_OF_MEMORY) {
                setup.events.count("spaces without a frame");
            }
            leave(visit.cpu(), random);
            StampedSpace old = current;
            current = next;
            old.close(ended);
            setup.events.count("lent spaces closed");
            setup.failures.nap(2);
        };
    }

    private static void leave(Cpu cpu, Random random) {
        switch (random.nextInt(3)) {
            case 0 -> cpu.switchTo(null);
            case 1 -> cpu.enterLazy();
            default -> {
                // The CPU stays, as a user without a reference.
            }
        }
    }

    /**
     * Borrows the space a few times, from another space or from none.
     *
     * @param number the number of the borrower, from 0
     */
    Actor borrower(int number) {
        SpaceVisit visit = new SpaceVisit(setup, NUMBER);
        return random -> {
            StampedSpace lent = current;
            PageTableRef held = lent.hold(lifetimes);
            if (held == null) {
                return;
            }
            try (held) {
                switch (random.nextInt(3)) {
                    case 0 -> visit.cpu().switchTo(setup.space);
                    case 1 -> visit.cpu().switchTo(null);
                    default -> {
                        // From the state in which the last step left the CPU.
                    }
                }
                for (int n = random.nextInt(5); n >= 0 && borrows(lent, held, number, visit, random); n--) {
                    setup.failures.linger();
                }
            }
        };
    }

    /** Returns whether the space had a user. */
    private boolean borrows(StampedSpace lent, PageTableRef held, int number, SpaceVisit visit, Random random) {
        boolean hadEnded = lent.hasEnded();
        AtomicInteger asked = new AtomicInteger();
        AddressSpace home = visit.cpu().space();
        BorrowedSpace borrow = visit.cpu().tryUse(held, () -> {
            int times = asked.incrementAndGet();
            lifetimes.check(
                    lent.isClosing() && times == 1, "a borrower is asked to end the borrow for the time " + times);
        });
        if (borrow == null) {
            lent.foundEnded();
            lifetimes.check(held.tryGet() == null, "a space has ended, and has a user again");
            setup.events.count("borrows refused after the end");
            return false;
        }
        lifetimes.check(!hadEnded, "a space is borrowed after its last user has left");
        try (borrow) {
            stay(lent, borrow, number, visit, random);
            if (random.nextInt(3) != 0) {
                AdoptedSpace adopted = borrow.putUsers();
                refuses(visit, lent);
                setup.failures.linger();
                refuses(visit, lent);
                adopted.leave().close();
                setup.events.count("borrowers without users");
            }
        }
        lifetimes.check(visit.cpu().space() == home, "a borrower came from another space than it goes to");
        if (home == null) {
            refuses(visit, lent);
        } else {
            int result = visit.load(lent.pages.get(number).address());
            lifetimes.check(result == Fault.MAPERR, "a borrower finds at home " + visit.say(result));
        }
        return true;
    }

    private void refuses(SpaceVisit visit, StampedSpace lent) {
        lifetimes.check(visit.isRefused(lent.pages.get(0).address()), "a borrower without users has had an access");
    }

    /** Uses the space as one of its users: sometimes until the owner requests it back, sometimes in GUEST. */
    private void stay(StampedSpace lent, BorrowedSpace borrow, int number, SpaceVisit visit, Random random) {
        boolean inGuest = random.nextBoolean();
        long until = System.nanoTime() + (random.nextInt(3) == 0 ? random.nextInt(LONGEST_STAY_NANOS) : 0);
        if (inGuest) {
            visit.cpu().enterGuest();
        } else if (random.nextInt(4) == 0) {
            replace(lent, number);
        }
        try {
            do {
                for (int n = random.nextInt(16); n >= 0; n--) {
                    access(lent, number, visit, random);
                }
                if (until - System.nanoTime() > 0) {
                    LockSupport.parkNanos(TOUCH_NANOS);
                }
                if (inGuest && random.nextBoolean()) {
                    visit.cpu().poll();
                }
            } while (!isAsked(lent, borrow) && until - System.nanoTime() > 0);
        } finally {
            if (inGuest) {
                visit.cpu().leaveGuest();
            }
        }
        // The last check before the users are released.
        judge(lent.pages.get(number), lent.pages.get(number).loadAll(visit, contents));
    }

    private boolean isAsked(StampedSpace lent, BorrowedSpace borrow) {
        boolean isAsked = borrow.isAsked();
        if (isAsked) {
            lifetimes.check(lent.isClosing(), "a borrower was asked to end the borrow, and the owner has not closed");
            setup.events.count("borrowers asked to end the borrow");
        }
        return isAsked;
    }

    /** Replaces the borrower's page. CPUs that are elsewhere now may have had translations of the old page. */
    private void replace(StampedSpace lent, int number) {
        long result = lent.map(lent.space, number, 1);
        if (result == Errno.ESRCH.result()) {
            lifetimes.check(lent.isClosing(), "an open space has ended");
        } else {
            TortureSpace.succeed(result);
            lent.pages.get(number).clear();
            setup.events.count("pages of borrowers replaced");
        }
    }

    private void access(StampedSpace lent, int number, SpaceVisit visit, Random random) {
        StampedPage own = lent.pages.get(number);
        switch (random.nextInt(4)) {
            case 0 -> {
                int result = lent.pages.get(random.nextInt(BORROWERS)).loadForeign(visit, random, contents);
                boolean holds = result == Fault.NONE || result == Fault.OUT_OF_MEMORY;
                contents.check(holds, holds ? "" : "a page of a borrowed space gave " + Fault.toString(result));
            }
            case 1 -> judge(lent.pages.get(BORROWERS), lent.pages.get(BORROWERS).loadAll(visit, contents));
            default -> judge(own, own.access(visit, random, contents));
        }
    }

    /** Checks an access to a page of the space; a written page has a frame, so it cannot run out of memory. */
    private void judge(StampedPage page, int result) {
        boolean holds = result == Fault.NONE || (result == Fault.OUT_OF_MEMORY && !page.isWritten());
        contents.check(holds, holds ? "" : "a page in a borrowed space gave " + Fault.toString(result));
    }

    /** Closes the last space, after all threads stopped. */
    void finish() {
        StampedSpace last = current;
        last.space.validate();
        last.close(ended);
    }
}
