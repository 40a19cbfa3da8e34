// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A separate machine with fewer frames than its spaces need together. It reaps a space when a fault finds no free frame
 * ({@code lowMemory}). The thread of a reaped space closes the space and creates another one. One space must never be
 * reaped. Each thread hands over its CPU after a step, and claims it again.
 */
final class ShortMachine {
    private static final int FRAMES = 32;
    private static final int PAGES = 14;
    private static final int SPARED_PAGES = 3;
    private static final int OWNER = 0x64;
    private static final long PLACE = 0x75_0000_0000L;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;
    private static final long PAUSE_NANOS = 50_000;

    private final TortureMachine setup;
    private final Checker contents;
    private final Checker reaps;
    private final EndedSpaces ended;
    private final Machine machine;
    private final List<User> users = new ArrayList<>();
    private final AtomicLong sequence = new AtomicLong();

    ShortMachine(TortureMachine setup, TortureRun run, LifetimeChoices choices, Judges judges) {
        this.setup = setup;
        contents = judges.contents();
        reaps = judges.reaps();
        ended = judges.ended();
        machine = choices.apply(Machine.builder())
                .memory(FRAMES * TortureSpace.PAGE)
                .poisonFrames(true)
                .reportTo(run::reported)
                .lowMemory(this::score)
                .build();
    }

    /** The checkers of this machine, and the collection that checks its closed spaces at the end. */
    record Judges(Checker contents, Checker reaps, EndedSpaces ended) {}

    private long score(SpaceIdentity space, long residentPages) {
        if (!(space.attachment() instanceof Needed needed) || needed.isSpared) {
            return -1;
        }
        needed.isScored = true;
        setup.failures.linger();
        return residentPages;
    }

    /** The space of one thread. */
    private final class Needed {
        final boolean isSpared;
        final AddressSpace space = machine.newSpace(TortureSpace.GEOMETRY);
        final List<StampedPage> pages = new ArrayList<>();

        /** The pages that were written and then found gone. Used only by the space's thread. */
        final boolean[] isGone;

        /** Whether the machine requested the space's score; before that, it does not reap the space. */
        volatile boolean isScored;

        Needed(boolean isSpared) {
            this.isSpared = isSpared;
            int number = isSpared ? SPARED_PAGES : PAGES;
            isGone = new boolean[number];
            long length = number * TortureSpace.PAGE;
            TortureSpace.succeed(space.mmap(PLACE, length, WRITABLE, TortureSpace.FIXED, null, 0));
            for (int page = 0; page < number; page++) {
                long start = PLACE + page * TortureSpace.PAGE;
                pages.add(new StampedPage(sequence, OWNER, page, start, TortureMachine.PARTS));
            }
            try (SpaceIdentity identity = space.grab()) {
                identity.attach(this);
            }
        }

        void close() {
            space.close();
            ended.add(space);
        }
    }

    /** Returns an actor that needs many pages; of two such actors, one must lose its pages. */
    Actor needy() {
        return new User(false);
    }

    /** Returns an actor whose space must keep its pages. */
    Actor spared() {
        return new User(true);
    }

    private final class User implements Actor {
        private final SpaceVisit visit = new SpaceVisit(setup, 0, this::cpu);
        private final boolean isSpared;
        private @Nullable Cpu cpu;
        private Needed needed;

        private User(boolean isSpared) {
            this.isSpared = isSpared;
            needed = new Needed(isSpared);
            users.add(this);
        }

        private Cpu cpu() {
            if (cpu == null) {
                throw new IllegalStateException("before the first step");
            }
            return cpu;
        }

        @Override
        public void step(Random random) {
            Cpu mine = cpu;
            if (mine == null) {
                mine = machine.claimCpu();
                cpu = mine;
            } else {
                mine.claim();
            }
            try {
                reaps.check(visit.goesTo(needed.space), "an open space has ended");
                if (uses(random)) {
                    endsReaped(random);
                } else if (random.nextBoolean()) {
                    mine.enterLazy();
                }
            } finally {
                mine.handOver();
            }
        }

        /** Makes accesses. Returns whether a page was found gone. */
        private boolean uses(Random random) {
            for (int n = random.nextInt(32); n >= 0; n--) {
                int page = random.nextInt(needed.pages.size());
                int result = access(page, random);
                if (result == Fault.ADRERR) {
                    return true;
                }
                if (result == Fault.RETRY) {
                    setup.events.count("faults beside a reap for a frame");
                    LockSupport.parkNanos(PAUSE_NANOS);
                }
            }
            return false;
        }

        private int access(int number, Random random) {
            StampedPage page = needed.pages.get(number);
            int result = page.access(visit, random, contents);
            boolean mayWait = result == Fault.RETRY || result == Fault.OUT_OF_MEMORY;
            boolean holds = result == Fault.NONE
                    ? !needed.isGone[number]
                    : result == Fault.ADRERR
                            ? needed.isScored && !needed.isSpared
                            : mayWait && (!page.isWritten() || needed.isScored);
            reaps.check(
                    holds,
                    holds
                            ? ""
                            : page + " of a machine short of memory gave " + Fault.toString(result)
                                    + (needed.isSpared ? ", and is to be spared" : ""));
            if (result == Fault.ADRERR) {
                needed.isGone[number] |= page.isWritten();
            }
            return result;
        }

        /**
         * Checks a space from which the machine removed pages: each page must be unchanged or gone. Then replaces the
         * space.
         */
        private void endsReaped(Random random) {
            for (int page = 0; page < needed.pages.size(); page++) {
                access(page, random);
            }
            setup.events.count("spaces reaped for a frame");
            Needed old = needed;
            needed = new Needed(isSpared);
            if (random.nextBoolean()) {
                cpu().enterLazy();
            }
            old.close();
        }
    }

    /** Closes everything, after all threads stopped. */
    void finish(Checker leaks) throws InterruptedException {
        for (User each : users) {
            each.needed.close();
            Cpu cpu = each.cpu;
            if (cpu != null) {
                cpu.claim();
                cpu.close();
            }
        }
        machine.awaitQuiescence();
        long frames = machine.statistics().framesInUse();
        leaks.check(frames == 0, frames + " frames of the short machine are in use after its last space is closed");
        leaks.check(machine.references().isEmpty(), "references are left: " + machine.references());
        machine.close();
    }
}
