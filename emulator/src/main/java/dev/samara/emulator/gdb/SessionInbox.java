// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import org.jspecify.annotations.Nullable;

/**
 * The events for which a session waits: one packet at a time, and notices from the guest. The reader waits until its
 * packet is taken, so a client that sends endlessly cannot fill the memory. A notice never waits.
 */
final class SessionInbox {
    private @Nullable GdbPacket packet;
    private boolean hasNotice;
    private boolean isClosed;

    SessionInbox() {}

    /** Waits until the inbox contains no packet, then puts one. Returns false if the session has ended. */
    synchronized boolean put(GdbPacket next) throws InterruptedException {
        while (packet != null && !isClosed) {
            wait();
        }
        packet = next;
        notifyAll();
        return !isClosed;
    }

    synchronized void notice() {
        hasNotice = true;
        notifyAll();
    }

    /** Waits for a packet or a notice, and takes it. Returns null for a notice. */
    synchronized @Nullable GdbPacket take() throws InterruptedException {
        while (packet == null && !hasNotice) {
            wait();
        }
        if (hasNotice) {
            hasNotice = false;
            return null;
        }
        GdbPacket taken = packet;
        packet = null;
        notifyAll();
        return taken;
    }

    synchronized void close() {
        isClosed = true;
        notifyAll();
    }
}
