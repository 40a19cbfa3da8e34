// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * A listener or notifier that an address space or a CPU calls until this is closed, or an MBean of a machine. Each
 * registration must be closed separately, even if one listener was added several times. If a registration becomes
 * unreachable without a close, its listener stays.
 */
public interface Registration extends AutoCloseable {
    /**
     * Removes the listener. The listener itself may call this. A second call does nothing. The method that returned
     * this registration documents which threads may call this, and which calls of the listener may still follow.
     *
     * @throws IllegalStateException as that method documents; nothing is changed then
     */
    @Override
    void close();
}
