// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;
import java.time.Duration;
import java.util.List;

/**
 * Notifies a CPU in GUEST that a thread waits for it. The CPU always finds the request at its next poll. An embedder
 * whose guest code polls rarely can deliver the request by its own means, e.g. an interpreter's interrupt flag, an
 * armed safepoint, or by unparking a thread.
 *
 * <p>The requesting thread calls it, and so does each thread that waits or polls for the request's end. That thread may
 * be in the middle of removing pages or rights, and other threads may wait for it. The delivery must therefore not
 * block, call an operation of a space, or access memory: an access may throw, or wait forever for the page that is
 * being removed. An exception is reported to the machine's reporter, and the wait continues. A call may come after the
 * CPU has acknowledged the request, or has gone offline.
 */
@Experimental
public interface ShootdownDelivery {
    /** Delivers nothing: a CPU finds the request when it polls. */
    ShootdownDelivery POLLED = new ShootdownDelivery() {};

    /**
     * Is called when a CPU is asked to drop translations. A later poll finds the request.
     *
     * @param cpu number of the CPU, as {@code Cpu.number} returns it; 0 for the CPU of a call such as {@code
     *     AddressSpace.read}, which polls after each page
     * @param thread the owner of the CPU at the time of the request; it may have handed the CPU over since
     */
    default void deliver(int cpu, Thread thread) {}

    /**
     * Is called when a CPU has not acknowledged a shootdown within the time after which the machine reports it ({@code
     * kvm_vcpu_kick}). Each waiting thread calls it again each time that period elapses.
     *
     * @param stalled the CPU and the request
     */
    default void kick(StalledCpu stalled) {}

    /**
     * A CPU that has not acknowledged a shootdown for a long time, in the state that a waiting thread observed.
     *
     * @param cpu number of the CPU, as {@code Cpu.number} returns it
     * @param thread the owner of the CPU at that time; it may have handed the CPU over since
     * @param stack the stack of that thread; empty if the thread has ended
     * @param context number of the space's context, which no other space ever uses; all requests of one space carry
     *     this number
     * @param generation the generation of the context up to which the CPU should flush
     * @param waited how long the requesting thread has waited so far
     */
    @Experimental
    record StalledCpu(
            int cpu, Thread thread, List<StackTraceElement> stack, long context, long generation, Duration waited) {}
}
