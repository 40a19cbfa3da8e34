// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;

/**
 * Tells a CPU in GUEST that a thread waits for it. The CPU always finds the request at its next poll. An embedder whose
 * guest code polls seldom can deliver the request by means of its own: the interrupt flag of an interpreter, an armed
 * safepoint, an unparked thread.
 *
 * <p>The thread that makes the request calls it, and so does each thread that waits or polls for its end. That thread
 * may be removing pages or rights, and other threads may wait for it. The delivery must therefore not block, call an
 * operation of a space, or make an access: an access may throw, or wait for ever for the page that is being removed. An
 * exception is reported to the machine's reporter, and the wait continues. A call may come after the CPU has
 * acknowledged, or has gone offline.
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
     * @param thread the owner of the CPU when it was asked; it may have handed the CPU over since
     */
    default void deliver(int cpu, Thread thread) {}

    /**
     * Is called when a CPU has not answered for the time that the machine's reports of long shootdowns have ({@code
     * kvm_vcpu_kick}). Each waiting thread calls it again after each further such time.
     *
     * @param stalled the CPU and the request
     */
    default void kick(StalledCpu stalled) {}
}
