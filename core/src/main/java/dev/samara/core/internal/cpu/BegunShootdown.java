// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import org.jspecify.annotations.Nullable;

/**
 * A shootdown whose caller does not wait. The requests to the CPUs were sent, and the caller polls whether all CPUs
 * have acknowledged. Reports and kicks CPUs that do not acknowledge, as {@link Shootdowns#shoot} does. Used by one
 * thread at a time.
 */
public final class BegunShootdown {
    private final Cpus cpus;
    private final RequestDelivery delivery;
    private final TlbContext context;
    private final long generation;
    private final long mask;
    private final @Nullable CpuState[] asked;
    private final int targets;
    private final long since;

    /** The event; null after the shootdown has ended, or if it is not recorded. */
    private @Nullable BegunEvent recorded;

    /** See {@link RequestDelivery#check}. */
    private long check;

    BegunShootdown(
            Cpus cpus,
            RequestDelivery delivery,
            TlbContext context,
            long generation,
            long mask,
            @Nullable CpuState[] asked,
            int targets,
            @Nullable BegunEvent recorded) {
        this.cpus = cpus;
        this.delivery = delivery;
        this.context = context;
        this.generation = generation;
        this.mask = mask;
        this.asked = asked;
        this.targets = targets;
        this.recorded = recorded;
        since = System.nanoTime();
        check = delivery.firstCheck();
    }

    /**
     * Returns whether no CPU in the cpumask can use translations of the context from before the generation any more.
     * Once true, the result stays true. Does not wait.
     */
    public boolean isDone() {
        for (long left = mask; left != 0; left &= left - 1) {
            for (int n = Long.numberOfTrailingZeros(left); n < asked.length; n = CpuState.nextOfBit(n)) {
                CpuState cpu = asked[n];
                if (cpu != null && !isDone(cpu)) {
                    return false;
                }
            }
        }
        BegunEvent ended = recorded;
        if (ended != null) {
            recorded = null;
            Tracepoints.endShootdown(ended, context.space(), context.id(), generation, targets, true);
        }
        return true;
    }

    private boolean isDone(CpuState cpu) {
        if (cpu.isDone(context.id(), generation)) {
            return true;
        }
        if (cpus.stopIfDead(cpu)) {
            return true;
        }
        check = delivery.check(cpu, context, generation, since, check);
        return false;
    }
}
