// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.sync.RcuReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs of one machine, and the shootdown: telling those that may have a translation to drop it, and waiting until
 * they have. Thread-safe.
 */
public final class Cpus {
    private static final int SPINS = 2_000;
    private static final long SHORTEST_PARK = 1_000;
    private static final long LONGEST_PARK = 200_000;

    private final ShootdownReports signals;
    private final LongAdder shootdowns = new LongAdder();
    private final LongAdder targets = new LongAdder();

    /** By number; never changed in place. */
    private volatile @Nullable CpuState[] online = {};

    /**
     * Makes a table without CPUs, which find out that somebody waits for them when they poll.
     *
     * @param reportAfterNanos after what time a CPU that does not acknowledge is reported
     * @param reporter who is told; must not throw
     */
    public Cpus(long reportAfterNanos, Consumer<String> reporter) {
        this(reportAfterNanos, reporter, ShootdownDelivery.POLLED, thrown -> {});
    }

    /**
     * Makes a table without CPUs.
     *
     * @param reportAfterNanos after what time a CPU that does not acknowledge is reported, once, and kicked, again and
     *     again
     * @param reporter who is told; must not throw
     * @param delivery how CPUs are told that somebody waits for them
     * @param failures who is told what that has thrown; must not throw
     */
    public Cpus(
            long reportAfterNanos,
            Consumer<String> reporter,
            ShootdownDelivery delivery,
            Consumer<Throwable> failures) {
        signals = new ShootdownReports(reportAfterNanos, reporter, delivery, failures);
    }

    /**
     * Takes a CPU online for the calling thread, in KERNEL state with the empty space; takes those off whose threads
     * have ended.
     *
     * @param name its number for people, and for who delivers to it
     * @param acknowledge makes it catch up and say so; called on the calling thread only
     * @return the CPU, with the lowest number that is free
     */
    public CpuState claim(int name, Runnable acknowledge) {
        CpuState cpu;
        synchronized (this) {
            releaseDead();
            @Nullable CpuState[] known = online;
            int number = 0;
            while (number < known.length && known[number] != null) {
                number++;
            }
            @Nullable CpuState[] more = Arrays.copyOf(known, Math.max(known.length, number + 1));
            cpu = new CpuState(number, name, Thread.currentThread(), acknowledge);
            more[number] = cpu;
            online = more;
        }
        OwnedByThread.add(cpu);
        return cpu;
    }

    /**
     * The CPUs that have a context loaded; not those that are LAZY in it.
     *
     * @param context of a space
     * @return them, for people
     */
    public List<String> usersOf(TlbContext context) {
        List<String> users = new ArrayList<>(1);
        for (CpuState cpu : online) {
            if (cpu != null && cpu.uses(context.id())) {
                users.add(cpu.toString());
            }
        }
        return users.isEmpty() ? List.of("a CPU that has come and gone meanwhile") : users;
    }

    /** Takes those off whose threads have ended: nobody uses what they have loaded. */
    public void releaseDead() {
        for (CpuState cpu : online) {
            if (cpu != null && cpu.isDead()) {
                release(cpu);
            }
        }
    }

    /**
     * Has every CPU that is LAZY in a context fall back to the empty space.
     *
     * @param context that of a space that is closed
     * @return a CPU that has it loaded and is not LAZY, or null if there was none when it was looked at
     */
    public @Nullable CpuState takeOff(TlbContext context) {
        CpuState user = null;
        for (CpuState cpu : online) {
            if (cpu != null && !cpu.takeOff(context.id())) {
                user = cpu;
            }
        }
        return user;
    }

    /**
     * Takes a CPU off: it is OFFLINE then. Masks may still name its number. Called by its thread; or by any, once that
     * has ended.
     *
     * @param cpu one that is not GUEST, or whose thread has ended
     */
    public void release(CpuState cpu) {
        synchronized (this) {
            @Nullable CpuState[] known = online;
            if (known[cpu.number()] == cpu) {
                cpu.offline();
                @Nullable CpuState[] fewer = known.clone();
                fewer[cpu.number()] = null;
                online = fewer;
            }
        }
        if (cpu.owner() == Thread.currentThread()) {
            OwnedByThread.remove(cpu);
        }
    }

    /**
     * Makes sure that nobody waits for the calling thread, which is about to do what may wait. Called before anything
     * is changed.
     *
     * @param what what it is, for people
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or a reader of the thread in a section; or as
     *     {@link NoWaiting#check}, which is asked first and has the refusal reported
     */
    public static void checkMayWait(String what) {
        checkMayWait(what, null);
    }

    /**
     * Makes sure that nobody waits for the calling thread but for the end of a section that the caller leaves before it
     * waits.
     *
     * @param what what is about to be done, for people
     * @param own the reader of the section; null for none
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or another reader of the thread in a section;
     *     or as {@link NoWaiting#check}
     */
    public static void checkMayWait(String what, @Nullable RcuReader own) {
        NoWaiting.check(what);
        OwnedByThread thread = OwnedByThread.current();
        if (thread == null) {
            return;
        }
        CpuState cpu = thread.inGuest();
        if (cpu != null) {
            throw new IllegalStateException(what + " was called while " + cpu
                    + " is in GUEST: it has to leave it first, because others may wait for it");
        }
        RcuReader reader = thread.inSection(own);
        if (reader != null) {
            throw new IllegalStateException(what + " was called in a reader section of " + reader
                    + ", which must not wait for anything: every grace period waits for its end");
        }
    }

    /**
     * Whether nobody waits for the calling thread.
     *
     * @return true if no CPU of the thread is in GUEST, and no reader of the thread in a section
     */
    public static boolean mayWait() {
        OwnedByThread thread = OwnedByThread.current();
        return thread == null || (thread.inGuest() == null && thread.inSection(null) == null);
    }

    /**
     * Faults pages in on the calling thread with a reader that no CPU has: {@link #checkMayWait} looks at it meanwhile.
     *
     * @param reader that of a borrowed worker
     * @param faults what enters and leaves its sections
     * @return what that returns
     */
    public static int readAs(RcuReader reader, IntSupplier faults) {
        return OwnedByThread.readAs(reader, faults);
    }

    /**
     * How many shootdowns had somebody to wait for.
     *
     * @return a number that only grows
     */
    public long shootdowns() {
        return shootdowns.sum();
    }

    /**
     * How many CPUs were waited for, in all shootdowns.
     *
     * @return a number that only grows
     */
    public long targets() {
        return targets.sum();
    }

    /**
     * Waits until no CPU of a mask can use what a context had before a generation. The generation was advanced, and the
     * mask read after that. Caller's own CPUs catch up at once; he holds no lock that somebody in GUEST may wait for.
     *
     * @param context of the space
     * @param generation which
     * @param mask the bits of some
     */
    public void shoot(TlbContext context, long generation, long mask) {
        if (mask == 0) {
            return;
        }
        @Nullable CpuState[] all = online;
        if (!ask(all, context, generation, mask)) {
            return;
        }
        for (long left = mask; left != 0; left &= left - 1) {
            for (int n = Long.numberOfTrailingZeros(left); n < all.length; n = next(n)) {
                CpuState cpu = all[n];
                if (cpu != null) {
                    await(cpu, context, generation);
                }
            }
        }
    }

    /**
     * Begins what {@link #shoot} does, and does not wait.
     *
     * @param context of the space
     * @param generation which
     * @param mask the bits of some
     * @return what tells when it is over; null if it is over already
     */
    public @Nullable Shootdown begin(TlbContext context, long generation, long mask) {
        @Nullable CpuState[] all = online;
        return mask != 0 && ask(all, context, generation, mask)
                ? new Shootdown(this, context, generation, mask, all)
                : null;
    }

    /** Asks those CPUs of a mask that are behind; returns whether there are any but the caller's. */
    private boolean ask(@Nullable CpuState[] all, TlbContext context, long generation, long mask) {
        int asked = 0;
        for (long left = mask; left != 0; left &= left - 1) {
            for (int n = Long.numberOfTrailingZeros(left); n < all.length; n = next(n)) {
                CpuState cpu = all[n];
                if (cpu == null) {
                    continue;
                }
                if (!cpu.isDone(context.id(), generation)) {
                    asked += ask(cpu);
                } else if (cpu.isSwitching()) {
                    // Perhaps to this context. It reads the generation before it uses anything, so nobody waits.
                    cpu.request();
                }
            }
        }
        if (asked == 0) {
            return false;
        }
        shootdowns.increment();
        targets.add(asked);
        return true;
    }

    long reportAfterNanos() {
        return signals.reportAfterNanos();
    }

    /** Reports a CPU that has not acknowledged for so long, the first time, and has the embedder kick it. */
    void stalled(CpuState cpu, TlbContext context, long generation, long waited, boolean isFirst) {
        signals.stalled(cpu, context, generation, waited, isFirst);
    }

    /** The next number with the same bit. */
    static int next(int number) {
        return number < CpuState.SHARED ? Integer.MAX_VALUE : number + CpuState.SHARED;
    }

    /** Returns for how many CPUs there is to wait: none for one of the caller's. */
    private int ask(CpuState cpu) {
        if (cpu.owner() == Thread.currentThread()) {
            cpu.acknowledge();
            return 0;
        }
        cpu.request();
        signals.deliver(cpu);
        return 1;
    }

    private void await(CpuState cpu, TlbContext context, long generation) {
        for (int i = 0; i < SPINS; i++) {
            if (cpu.isDone(context.id(), generation)) {
                return;
            }
            Thread.onSpinWait();
        }
        long since = System.nanoTime();
        long park = SHORTEST_PARK;
        long report = signals.reportAfterNanos();
        boolean isFirst = true;
        boolean interrupted = false;
        while (!cpu.isDone(context.id(), generation)) {
            if (cpu.isDead()) {
                release(cpu);
                break;
            }
            interrupted |= Thread.interrupted();
            // Timed: a CPU does not look for who waits.
            LockSupport.parkNanos(this, park);
            park = Math.min(2 * park, LONGEST_PARK);
            long waited = System.nanoTime() - since;
            if (waited >= report) {
                signals.stalled(cpu, context, generation, waited, isFirst);
                isFirst = false;
                report = waited + signals.reportAfterNanos();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
