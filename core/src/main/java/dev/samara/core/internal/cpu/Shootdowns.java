// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes CPUs drop the translations that they may have of a range: the shootdowns of one machine. Thread-safe.
 *
 * <p>A shootdown has these steps, on the thread that changed entries, after it advanced the generation:
 *
 * <ol>
 *   <li>It is skipped if no CPU, or only a CPU of the caller outside GUEST, is in the space.
 *   <li>It checks each CPU of the cpumask. A CPU of the caller catches up immediately. Another CPU gets a request if it
 *       is in GUEST in the space and has not flushed up to the generation ({@link CpuState#isDone}); the embedder may
 *       interrupt its thread. Other CPUs, e.g. LAZY ones, get no request.
 *   <li>If a CPU got a request, the caller waits, or polls a {@link Begun} shootdown, until each CPU has left GUEST or
 *       flushed. A CPU whose thread has ended is taken offline, and a CPU that is late is reported and kicked.
 * </ol>
 */
public final class Shootdowns {
    private static final int SPINS = 2_000;
    private static final long SHORTEST_PARK = 1_000;
    private static final long LONGEST_PARK = 200_000;

    /**
     * After the first check that finds a CPU late, the CPU gets another period before it is reported: the time of a
     * first check divided by this number. If the whole JVM was stopped, e.g. for a garbage collection, the CPU polls in
     * this period.
     */
    private static final int SECOND_CHECK = 4;

    /** A result of {@link #check}: the CPU needs no acknowledgement any more. */
    private static final long GONE = Long.MIN_VALUE;

    /** The cpumask of all CPUs. */
    private static final long ALL = -1;

    /** The CPUs of the machine. */
    public final Cpus cpus;

    private final long reportAfterNanos;
    private final Consumer<String> reporter;
    private final ShootdownDelivery delivery;
    private final Consumer<Throwable> failures;
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
        this.reportAfterNanos = reportAfterNanos;
        this.reporter = reporter;
        this.delivery = delivery;
        this.failures = failures;
        this.elides = elides;
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
     * changed (see {@link TlbContext#log} and {@code CpuTlb}). So it has nothing to drop.
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
        CpuState own = thread == null ? null : thread.inKernel(context.id);
        // A bit that several CPUs share may be set for another CPU, which would also have to flush.
        CpuState.OwnerTlb tlb = own == null || own.bit != mask || own.sharesBit ? null : own.tlb();
        return tlb != null && tlb.drop(start, end);
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
        BegunEvent recorded = Tracepoints.begin(Tracepoints.SHOOTDOWN);
        int asked = ask(all, context, generation, mask);
        if (asked != 0) {
            await(all, context, generation, mask);
            Tracepoints.endShootdown(recorded, context.space(), context.id, generation, asked, false);
        }
    }

    /**
     * Waits until each CPU has acknowledged, and keeps an interrupt for later. Allocates nothing, because the requests
     * were sent, and a caller that failed here would go on while a CPU uses an old translation.
     */
    private void await(@Nullable CpuState[] all, TlbContext context, long generation, long mask) {
        int at = behind(all, context, generation, mask, 0);
        for (int left = SPINS; left > 0 && at < all.length; at = behind(all, context, generation, mask, at)) {
            left = Objects.requireNonNull(all[at]).spinUntilDone(context.id, generation, left);
        }
        long since = System.nanoTime();
        long park = 0;
        long check = reportAfterNanos;
        boolean interrupted = false;
        while (at < all.length) {
            CpuState cpu = Objects.requireNonNull(all[at]);
            check = check(cpu, context, generation, since, check);
            if (check != GONE) {
                interrupted |= Thread.interrupted();
                // Timed, because a CPU that acknowledges wakes no thread.
                park = Pause.next(park, SHORTEST_PARK, LONGEST_PARK);
                LockSupport.parkNanos(this, park);
            }
            int next = behind(all, context, generation, mask, check == GONE ? at + 1 : at);
            check = next == at ? check : reportAfterNanos;
            at = next;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
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
        long generation = context.advance();
        context.log(generation, 0, 0, 0, MmuNotifier.Reason.UNMAPPED);
        shoot(context, generation, ALL);
    }

    /**
     * Returns whether a CPU of another thread is in GUEST in a context, and not only for one access of its memory, for
     * whose end this waits.
     */
    public boolean isInGuest(TlbContext context) {
        @Nullable CpuState[] all = cpus.online();
        int at = behind(all, context, Long.MAX_VALUE, ALL, 0);
        for (int spins = 0; at < all.length; spins++) {
            CpuState cpu = Objects.requireNonNull(all[at]);
            boolean isDead = cpus.stopIfDead(cpu);
            CpuState.OwnerTlb tlb = isDead ? null : cpu.tlb();
            if (tlb != null && tlb.runsGuest()) {
                return true;
            }
            if (spins < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(this, LONGEST_PARK);
            }
            at = behind(all, context, Long.MAX_VALUE, ALL, isDead ? at + 1 : at);
        }
        return false;
    }

    /**
     * Starts a shootdown as {@link #shoot} does, but does not wait.
     *
     * @param context the context of the space
     * @param generation the generation to reach
     * @param mask a cpumask
     * @return the shootdown, which can be polled for its completion; null if it is already complete
     */
    public @Nullable Begun begin(TlbContext context, long generation, long mask) {
        if (mask == 0 || isElided(context, mask)) {
            return null;
        }
        @Nullable CpuState[] all = cpus.online();
        BegunEvent recorded = Tracepoints.begin(Tracepoints.SHOOTDOWN);
        int asked = ask(all, context, generation, mask);
        return asked == 0 ? null : new Begun(context, generation, mask, all, asked, recorded);
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
        return users == 0 || (thread != null && thread.inKernel(context.id) != null);
    }

    /** Sends requests to the CPUs in a cpumask that must catch up; returns how many of them belong to other threads. */
    private int ask(@Nullable CpuState[] all, TlbContext context, long generation, long mask) {
        int asked = 0;
        for (int n = CpuState.next(mask, 0); n < all.length; n = CpuState.next(mask, n + 1)) {
            CpuState cpu = all[n];
            if (cpu == null) {
                continue;
            }
            if (!cpu.isDone(context.id, generation)) {
                asked += ask(cpu);
            } else if (cpu.isSwitching()) {
                // The CPU may be switching to this context. It reads the generation before it uses a translation, so
                // the shootdown does not wait for it.
                cpu.request();
            }
        }
        if (asked != 0) {
            count.increment();
            targets.add(asked);
            context.addShootdown(asked);
        }
        return asked;
    }

    /** Sends a request; returns the number of CPUs to wait for, which is 0 for a CPU of the caller and 1 otherwise. */
    private int ask(CpuState cpu) {
        if (cpu.owner() == Thread.currentThread() && !cpu.isLost()) {
            CpuState.OwnerTlb tlb = cpu.tlb();
            if (tlb != null) {
                tlb.acknowledge();
            }
            return 0;
        }
        cpu.request();
        deliver(cpu);
        return 1;
    }

    /** Makes a CPU find its request soon. Without delivery, the CPU finds it at its next poll. */
    private void deliver(CpuState cpu) {
        Thread owner = cpu.owner();
        if (owner == null) {
            // The CPU was handed over, so it is not in GUEST any more.
            return;
        }
        try {
            delivery.deliver(cpu.name, owner);
        } catch (Throwable thrown) {
            failures.accept(thrown);
        }
    }

    /** A shootdown whose requests were sent. Used by one thread at a time. */
    public final class Begun {
        private final TlbContext context;
        private final long generation;
        private final long mask;
        private final @Nullable CpuState[] all;
        private final int asked;
        private final long since = System.nanoTime();

        /** A number below which all CPUs in the cpumask have acknowledged. */
        private int at;

        /** The result of the last {@link Shootdowns#check} of that CPU. */
        private long check = reportAfterNanos;

        /** The event; null after the shootdown has ended, or if it is not recorded. */
        private @Nullable BegunEvent recorded;

        private Begun(
                TlbContext context,
                long generation,
                long mask,
                @Nullable CpuState[] all,
                int asked,
                @Nullable BegunEvent recorded) {
            this.context = context;
            this.generation = generation;
            this.mask = mask;
            this.all = all;
            this.asked = asked;
            this.recorded = recorded;
        }

        /**
         * Returns whether no CPU in the cpumask can use translations of the context from before the generation any
         * more. Once true, the result stays true. Does not wait. Reports and kicks CPUs that are late.
         */
        public boolean isDone() {
            while (true) {
                int next = behind(all, context, generation, mask, check == GONE ? at + 1 : at);
                check = next == at ? check : reportAfterNanos;
                at = next;
                if (at == all.length) {
                    end();
                    return true;
                }
                check = check(Objects.requireNonNull(all[at]), context, generation, since, check);
                if (check != GONE) {
                    return false;
                }
            }
        }

        private void end() {
            BegunEvent ended = recorded;
            if (ended != null) {
                recorded = null;
                Tracepoints.endShootdown(ended, context.space(), context.id, generation, asked, true);
            }
        }
    }

    /** Returns the number of the first CPU in a cpumask, from a number on, that has to acknowledge; else the length. */
    private static int behind(@Nullable CpuState[] all, TlbContext context, long generation, long mask, int from) {
        for (int n = CpuState.next(mask, from); n < all.length; n = CpuState.next(mask, n + 1)) {
            CpuState cpu = all[n];
            if (cpu != null && !cpu.isDone(context.id, generation)) {
                return n;
            }
        }
        return all.length;
    }

    /**
     * Takes a CPU offline that is gone. Reports and kicks a CPU that did not acknowledge in time, at the second check
     * that finds it late. Later checks of the same wait kick it again.
     *
     * @param since the start of the wait, as {@link System#nanoTime}
     * @param at the time after which a CPU is reported, or the result of the last check
     * @return the time since the start after which the CPU is late again, in nanoseconds; negated if the CPU was found
     *     late once but not reported yet; {@link #GONE} if the CPU is gone
     */
    long check(CpuState cpu, TlbContext context, long generation, long since, long at) {
        if (cpus.stopIfDead(cpu)) {
            return GONE;
        }
        long waited = System.nanoTime() - since;
        if (waited < Math.abs(at)) {
            return at;
        }
        if (at == reportAfterNanos) {
            return -(waited + reportAfterNanos / SECOND_CHECK);
        }
        stalled(cpu, context, generation, waited, at < 0);
        return waited + reportAfterNanos;
    }

    /** Calls the embedder to kick a CPU that did not acknowledge in time, and the first time also reports the CPU. */
    private void stalled(CpuState cpu, TlbContext context, long generation, long waited, boolean isFirst) {
        Thread owner = cpu.owner();
        if (owner == null) {
            return;
        }
        ShootdownDelivery.StalledCpu stalled = new ShootdownDelivery.StalledCpu(
                cpu.name, owner, List.of(owner.getStackTrace()), context.id, generation, Duration.ofNanos(waited));
        Tracepoints.stalledCpu(
                cpu.name,
                owner,
                stalled.stack().isEmpty() ? null : stalled.stack().get(0),
                cpu.state(),
                context.space(),
                context.id,
                generation,
                waited);
        if (isFirst) {
            reporter.accept(describe(cpu, context, stalled));
        }
        try {
            delivery.kick(stalled);
        } catch (Throwable thrown) {
            failures.accept(thrown);
        }
    }

    private static String describe(CpuState cpu, TlbContext context, ShootdownDelivery.StalledCpu stalled) {
        TlbContext.FlushedRange range = new TlbContext.FlushedRange();
        String what = context.readLog(stalled.generation(), range)
                ? String.format(Locale.ROOT, "0x%x-0x%x, %s, ", range.start(), range.end(), range.reason())
                : "";
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "%s has not acknowledged a shootdown (%sgeneration %d of context %d) for %d ms; it is %s, and its"
                        + " thread at",
                cpu,
                what,
                stalled.generation(),
                stalled.context(),
                stalled.waited().toMillis(),
                cpu.state()));
        for (StackTraceElement element : stalled.stack()) {
            text.append(System.lineSeparator()).append("    ").append(element);
        }
        return text.toString();
    }
}
