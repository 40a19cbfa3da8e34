// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import org.jspecify.annotations.Nullable;

/**
 * What a session waits for: one packet at a time, and notices of the guest. A reader waits until its packet is taken,
 * so a client that sends without end fills no memory. A notice never waits.
 */
final class SessionInbox {
    private @Nullable GdbPacket packet;
    private boolean hasNotice;
    private boolean isClosed;

    SessionInbox() {}

    /** Puts a packet, when there is none. Returns false if the session has ended. */
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

    /** Waits for a packet or a notice, and takes it; null for a notice. */
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
