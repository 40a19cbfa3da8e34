// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * A packet or another message from a client.
 *
 * @param kind the kind of message
 * @param text the bytes of a packet, one in each char; empty for other kinds
 */
record GdbPacket(Kind kind, String text) {
    /** The kinds of messages from a client. */
    enum Kind {
        DATA,
        /** A packet that is too long, or whose checksum is wrong. */
        BAD,
        /** A request to send the last packet again. */
        AGAIN,
        INTERRUPT,
        CLOSED
    }

    static GdbPacket of(Kind kind) {
        return new GdbPacket(kind, "");
    }
}
