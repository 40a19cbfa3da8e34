// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.internal.sync.Backoff;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The shootdowns of one machine: requests to the CPUs that may have a translation, and the wait until they have dropped
 * it. A CPU that is not in GUEST in the space, e.g. a LAZY CPU, gets no request ({@link CpuState#isDone}). Thread-safe.
 */
public final class Shootdowns {
    private static final int SPINS = 2_000;
    private static final long SHORTEST_PARK = 1_000;
    private static final long LONGEST_PARK = 200_000;

    /** The cpumask of all CPUs. */
    private static final long ALL = -1;

    private final Cpus cpus;
    private final RequestDelivery delivery;
    private final boolean elides;

    /**
     * Words: {@code count}, {@code targets}.
     * Written: a shooter, before it waits (adder).
     * Read: any thread (sum).
     * Invariant: counts for statistics; they order nothing.
     */
    private final LongAdder count = new LongAdder();

    private final LongAdder targets = new LongAdder();

    /**
     * Creates the shootdowns of CPUs that notice requests when they poll.
     *
     * @param cpus the CPUs of the machine
     * @param reportAfterNanos the time after which a CPU that does not acknowledge is reported, in nanoseconds
     * @param reporter is given the reports; must not throw
     */
    public Shootdowns(Cpus cpus, long reportAfterNanos, Consumer<String> reporter) {
        this(cpus, reportAfterNanos, reporter, ShootdownDelivery.POLLED, thrown -> {}, false);
    }

    /**
     * Creates the shootdowns of a machine.
     *
     * @param cpus the CPUs of the machine
     * @param reportAfterNanos the time in nanoseconds after which a CPU that does not acknowledge is reported, once,
     *     and kicked. It is kicked again after each further period of this length
     * @param reporter is given the reports; must not throw
     * @param delivery delivers requests to CPUs
     * @param failures is called with the exceptions that {@code delivery} throws; must not throw
     * @param elides whether a shootdown for several CPUs skips all of them if only the caller's CPU is in the space,
     *     outside GUEST
     */
    public Shootdowns(
            Cpus cpus,
            long reportAfterNanos,
            Consumer<String> reporter,
            ShootdownDelivery delivery,
            Consumer<Throwable> failures,
            boolean elides) {
        this.cpus = cpus;
        this.delivery = new RequestDelivery(reportAfterNanos, reporter, delivery, failures);
        this.elides = elides;
    }

    /** Returns the CPUs of the machine. */
    public Cpus cpus() {
        return cpus;
    }

    /** Returns the number of shootdowns that had to wait for a CPU of another thread. Never decreases. */
    public long count() {
        return count.sum();
    }

    /** Returns the number of CPUs that all shootdowns together had to wait for. Never decreases. */
    public long targets() {
        return targets.sum();
    }

    /**
     * Flushes a range without a generation, if no CPU may have a translation of it, or if only the caller's CPU may,
     * which is in the context outside GUEST. Such a flush is not visible to other threads, and needs no shared word.
     *
     * <p>A CPU that is not in the cpumask sets its bit later, and then reads an entry that the caller has already
     * changed (see {@link FlushLog} and {@code CpuTlb}). So it has nothing to drop.
     *
     * @param context the context of the space
     * @param mask the cpumask of the range. The caller changed the entries, and executed a full fence, before it read
     *     the cpumask
     * @param start the first address
     * @param end the end of the range, exclusive
     * @return false, without a flush, if another CPU may have a translation
     */
    public boolean flushLocally(TlbContext context, long mask, long start, long end) {
        if (!elides || (mask & (mask - 1)) != 0) {
            return false;
        }
        if (mask == 0) {
            return true;
        }
        ThreadCpus thread = ThreadCpus.current();
        CpuState own = thread == null ? null : thread.inKernel(context.id());
        // A bit that several CPUs share may be set for another CPU, which would also have to flush.
        return own != null && own.bit() == mask && !own.sharesBit() && own.drop(start, end);
    }

    /**
     * Waits until no CPU in a cpumask can use translations of a context from before a generation. The caller advanced
     * the generation, and read the cpumask after that. The caller's own CPUs catch up immediately. The caller holds no
     * lock that a CPU in GUEST may wait for.
     *
     * @param context the context of the space
     * @param generation the generation to reach
     * @param mask a cpumask
     */
    public void shoot(TlbContext context, long generation, long mask) {
        if (mask == 0 || isElided(context, mask)) {
            return;
        }
        @Nullable CpuState[] all = cpus.online();
        BegunEvent recorded = Tracepoints.beginShootdown();
        int asked = ask(all, context, generation, mask);
        if (asked == 0) {
            return;
        }
        for (long left = mask; left != 0; left &= left - 1) {
            for (int n = Long.numberOfTrailingZeros(left); n < all.length; n = CpuState.nextOfBit(n)) {
                CpuState cpu = all[n];
                if (cpu != null) {
                    await(cpu, context, generation);
                }
            }
        }
        Tracepoints.endShootdown(recorded, context.space(), context.id(), generation, asked, false);
    }

    /**
     * Waits until each CPU that is in GUEST in a context has executed a full fence ({@code membarrier(2)}). Earlier
     * actions of the CPU are then visible to the caller, and earlier actions of the caller are visible to the CPU. They
     * are also visible to a CPU that enters GUEST during this call. The caller holds no lock that a CPU in GUEST may
     * wait for.
     *
     * @param context the context of the space
     */
    public void fence(TlbContext context) {
        // Advances the generation without a change of entries. The acknowledgement of a generation acts as the fence,
        // in both directions: the CPU reads the generation (volatile) after this thread advanced it, and then stores a
        // word that this thread reads. The generation gets a record in the log, although it has no range, because
        // without a record, each CPU that reads the log would assume that a range is missing, and flush everything.
        long generation = context.generation().advance();
        context.log(generation, 0, 0, 0, MmuNotifier.Reason.UNMAPPED);
        shoot(context, generation, ALL);
    }

    /**
     * Starts a shootdown as {@link #shoot} does, but does not wait.
     *
     * @param context the context of the space
     * @param generation the generation to reach
     * @param mask a cpumask
     * @return the shootdown, which can be polled for its completion; null if it is already complete
     */
    public @Nullable BegunShootdown begin(TlbContext context, long generation, long mask) {
        if (mask == 0 || isElided(context, mask)) {
            return null;
        }
        @Nullable CpuState[] all = cpus.online();
        BegunEvent recorded = Tracepoints.beginShootdown();
        int asked = ask(all, context, generation, mask);
        return asked == 0 ? null : new BegunShootdown(cpus, delivery, context, generation, mask, all, asked, recorded);
    }

    /**
     * Returns whether no CPU in a cpumask needs a request, because none is in GUEST in the context: either no CPU is a
     * user of the space, or only the caller's CPU is. A CPU that enters the space later detects by the generation that
     * its translations are stale. For a cpumask of one CPU, the check is not worth its cost.
     */
    private boolean isElided(TlbContext context, long mask) {
        if (!elides || (mask & (mask - 1)) == 0) {
            return false;
        }
        // Volatile, and after the generation was advanced. Pairs with a CPU that enters the space, which counts itself,
        // and then reads the generation before it uses a translation. At least one of the two sees the other's update.
        // A CPU's count is decremented only after its word no longer contains the context.
        int users = context.cpus();
        if (users > 1) {
            return false;
        }
        ThreadCpus thread = users == 0 ? null : ThreadCpus.current();
        return users == 0 || (thread != null && thread.inKernel(context.id()) != null);
    }

    /** Sends requests to the CPUs in a cpumask that must catch up; returns how many of them belong to other threads. */
    private int ask(@Nullable CpuState[] all, TlbContext context, long generation, long mask) {
        int asked = 0;
        for (long left = mask; left != 0; left &= left - 1) {
            for (int n = Long.numberOfTrailingZeros(left); n < all.length; n = CpuState.nextOfBit(n)) {
                CpuState cpu = all[n];
                if (cpu == null) {
                    continue;
                }
                if (!cpu.isDone(context.id(), generation)) {
                    asked += ask(cpu);
                } else if (cpu.isSwitching()) {
                    // The CPU may be switching to this context. It reads the generation before it uses a translation,
                    // so the shootdown does not wait for it.
                    cpu.request();
                }
            }
        }
        if (asked != 0) {
            count.increment();
            targets.add(asked);
            context.counters().addShootdown(asked);
        }
        return asked;
    }

    /** Sends a request; returns the number of CPUs to wait for, which is 0 for a CPU of the caller and 1 otherwise. */
    private int ask(CpuState cpu) {
        if (cpu.owner() == Thread.currentThread() && !cpu.isLost()) {
            cpu.acknowledge();
            return 0;
        }
        cpu.request();
        delivery.deliver(cpu);
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
        long park = 0;
        long check = delivery.firstCheck();
        boolean interrupted = false;
        while (!cpu.isDone(context.id(), generation)) {
            if (cpus.stopIfDead(cpu)) {
                break;
            }
            interrupted |= Thread.interrupted();
            // Timed, because a CPU that acknowledges wakes no thread.
            park = Backoff.next(park, SHORTEST_PARK, LONGEST_PARK);
            LockSupport.parkNanos(this, park);
            check = delivery.check(cpu, context, generation, since, check);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
