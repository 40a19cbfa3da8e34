// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * How a CPU in GUEST learns that somebody waits for it. It always finds out at its next poll; who runs guest code that
 * polls seldom tells it by his own means: the interrupt flag of an interpreter, a safepoint that is armed, a thread
 * that is unparked.
 *
 * <p>Called on the thread that waits, which has taken something away and may hold up others until it goes on. So it
 * must not block, calls no operation of a space, and makes no access: that may throw, or wait for ever for the page
 * that is being taken. What it throws is reported to the machine's reporter, and the wait goes on. A call may come when
 * the CPU has acknowledged already, or has gone offline.
 */
public interface ShootdownDelivery {
    /** Nothing is delivered: a CPU finds out when it polls. */
    ShootdownDelivery POLLED = new ShootdownDelivery() {};

    /**
     * A CPU is asked to drop translations. A poll from now on finds the request.
     *
     * @param cpu its number, as {@code Cpu.number} has it
     * @param thread its owner
     */
    default void deliver(int cpu, Thread thread) {}

    /**
     * A CPU has not answered for as long as the machine's reports of long shootdowns say ({@code kvm_vcpu_kick}).
     * Called again after each further such time, by each who waits.
     *
     * @param stalled which, and what it is asked
     */
    default void kick(StalledCpu stalled) {}
}
