// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * What a client has sent.
 *
 * @param kind what it is
 * @param text the bytes of a packet, one in each char; empty for others
 */
record GdbPacket(Kind kind, String text) {
    /** What a client can send. */
    enum Kind {
        DATA,
        /** A packet whose sum is wrong, or that is too long. */
        BAD,
        /** The client wants the last packet again. */
        AGAIN,
        INTERRUPT,
        CLOSED
    }

    static GdbPacket of(Kind kind) {
        return new GdbPacket(kind, "");
    }
}
