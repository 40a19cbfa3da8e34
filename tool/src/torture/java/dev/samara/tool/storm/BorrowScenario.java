// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.AdoptedSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.PageTableRef;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A CPU that repeatedly replaces its space by exec. Two other CPUs borrow the space of that CPU until they are asked to
 * return it, or a little longer. Another thread reaps a space from time to time. A borrowed space keeps its pages until
 * it is reaped, even if its owner has closed it.
 */
final class BorrowScenario implements Group {
    private static final int PAGES = 8;
    private static final long BYTES = PAGES * PageModel.PAGE;
    private static final long BASE = 0x90_0000_0000L;
    private static final long MARK = 0x3D00_0000_0000_0000L;
    private static final int PAUSE_NANOS = 400_000;
    private static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    private final Scene scene;

    /**
     * The space of the owner's CPU, and its page table; null between two acts.
     *
     * <p>Words: {@code current}, {@code isReaped}.
     * Written: {@code current} by the owner of the lent spaces; {@code isReaped} by a thread that is about to reap a
     *     space (volatile).
     * Read: any thread (volatile).
     * Invariant: {@code current} is the space that can be borrowed, null between two acts; {@code isReaped} is never
     *     reset.
     */
    private volatile @Nullable LentSpace current;

    private long number;

    BorrowScenario(Scene scene) {
        this.scene = scene;
    }

    /** A space that may be borrowed. */
    private static final class LentSpace {
        final AddressSpace space;
        final PageTableRef table;
        final long stamp;

        /** Set before a thread reaps the space. */
        volatile boolean isReaped;

        LentSpace(AddressSpace space, long stamp) {
            this.space = space;
            this.stamp = stamp;
            table = space.hold();
        }
    }

    private LentSpace newSpace() {
        AddressSpace made = scene.machine().newSpace(Geometry.LINUX_X86_64);
        made.addNotifier((start, end, reason) -> scene.pauses().maybe());
        done(made.mmap(BASE, BYTES, READ | WRITE, ANONYMOUS, null, 0));
        return new LentSpace(made, MARK | ++number << 8);
    }

    private static void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("a call in a space that is lent fails with " + Errno.of(result));
        }
    }

    /** Repeatedly replaces the space with a new one whose pages were written, until the storm is over. */
    void replaces(Random random) {
        try (Cpu cpu = scene.machine().claimCpu()) {
            while (scene.course().goesOn()) {
                LentSpace next = newSpace();
                LentSpace before = current;
                if (before == null) {
                    cpu.switchTo(next.space);
                } else {
                    cpu.exec(next.space);
                }
                for (int page = 0; page < PAGES; page++) {
                    access(cpu, next, page, true);
                }
                current = next;
                if (before != null) {
                    before.table.close();
                }
                LockSupport.parkNanos(this, random.nextInt(PAUSE_NANOS));
            }
            LentSpace last = current;
            current = null;
            if (last != null) {
                last.space.close();
                last.table.close();
            }
        }
    }

    /**
     * Borrows the space of the owner for a number of accesses. From time to time, returns it through {@link
     * BorrowedSpace#putUsers}.
     */
    void borrows(Random random) {
        try (Cpu cpu = scene.machine().claimCpu()) {
            while (scene.course().goesOn()) {
                LentSpace lent = current;
                BorrowedSpace borrow = lent == null ? null : tryUse(cpu, lent);
                if (lent == null || borrow == null) {
                    Thread.onSpinWait();
                    continue;
                }
                try (borrow) {
                    use(cpu, lent, random, borrow);
                    if (random.nextInt(4) == 0) {
                        AdoptedSpace adopted = borrow.putUsers();
                        refuses(cpu);
                        adopted.leave().close();
                    }
                }
                if (random.nextInt(8) == 0) {
                    cpu.switchTo(null);
                }
            }
        }
    }

    private static @Nullable BorrowedSpace tryUse(Cpu cpu, LentSpace lent) {
        try {
            return cpu.tryUse(lent.table, () -> {});
        } catch (MmException refused) {
            if (refused.errno() != Errno.ESRCH) {
                throw refused;
            }
            return null;
        }
    }

    private void use(Cpu cpu, LentSpace lent, Random random, BorrowedSpace borrow) {
        for (int n = random.nextInt(64); n >= 0; n--) {
            cpu.enterGuest();
            try {
                for (int m = random.nextInt(8); m >= 0; m--) {
                    access(cpu, lent, random.nextInt(PAGES), random.nextBoolean());
                    cpu.poll();
                }
            } finally {
                cpu.leaveGuest();
            }
            if (borrow.isAsked() && random.nextInt(4) == 0) {
                return;
            }
        }
    }

    private void access(Cpu cpu, LentSpace lent, int page, boolean stores) {
        GuestMemory memory = cpu.memory();
        long address = BASE + page * PageModel.PAGE;
        long stamp = lent.stamp | page;
        int result = stores ? memory.store(address, Long.BYTES, stamp) : memory.load(address, Long.BYTES);
        boolean isRight = result == Fault.NONE ? stores || memory.value() == stamp : mayFail(lent, result);
        if (isRight) {
            scene.rules().lent.held();
        } else {
            scene.rules()
                    .lent
                    .broken("page " + page + " of a space " + (lent.isReaped ? "that is reaped" : "in use") + " gives "
                            + Fault.toString(result) + " and 0x" + Long.toHexString(memory.value()));
        }
    }

    private static boolean mayFail(LentSpace lent, int result) {
        return lent.isReaped && result == Fault.ADRERR;
    }

    /** Checks that an access by a CPU without users is rejected. */
    private void refuses(Cpu cpu) {
        try {
            cpu.memory().load(BASE, Long.BYTES);
            scene.rules().lent.broken("an access without users");
        } catch (IllegalStateException refused) {
            scene.rules().lent.held();
        }
    }

    /** Reaps the space of the owner from time to time. */
    void reaps(Random random) {
        while (scene.course().goesOn()) {
            LentSpace lent = current;
            if (lent != null && random.nextInt(4) == 0) {
                lent.isReaped = true;
                long result = lent.table.reap();
                // The owner may have closed the reference.
                if (result != 0 && result != Errno.EAGAIN.result() && result != Errno.ESRCH.result()) {
                    done(result);
                }
            }
            LockSupport.parkNanos(this, random.nextInt(2 * PAUSE_NANOS));
        }
    }

    @Override
    public void rest() {}

    @Override
    public void join(Crew crew) {
        crew.add("owner", this::replaces);
        crew.add("borrower-1", this::borrows);
        crew.add("borrower-2", this::borrows);
        crew.add("reaper", this::reaps);
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of();
    }

    @Override
    public List<Invariant> rules() {
        return List.of(scene.rules().lent);
    }
}
