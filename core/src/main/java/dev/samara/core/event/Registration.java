// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * A listener or notifier that an address space or a CPU calls until this is closed, or an MBean of a machine. Each
 * registration is closed by itself, also if one listener was added several times. The listener stays if the
 * registration is dropped unclosed.
 */
public interface Registration extends AutoCloseable {
    /**
     * Removes the listener. May be called by the listener itself. A second call does nothing. The method that returned
     * this states which threads may call this, and which calls of the listener follow it or may follow it.
     *
     * @throws IllegalStateException where that method states it; nothing is changed then
     */
    @Override
    void close();
}
