// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * Finds the packets in the bytes that a client sends. Bytes between packets are ignored. The length of a packet is
 * bounded.
 */
final class PacketReader {
    /** The maximum number of bytes of a packet, without its frame. */
    static final int LONGEST = 0x4000;

    private static final int INTERRUPT = 3;
    private static final int HEX = 16;
    private static final int HEX_BITS = 4;

    private final InputStream in;

    PacketReader(InputStream in) {
        this.in = new BufferedInputStream(in);
    }

    /**
     * Returns whether a client of the protocol may send a byte first, because it starts an acknowledgement, a packet or
     * an interrupt.
     */
    static boolean mayBegin(int first) {
        return first == '+' || first == '-' || first == '$' || first == INTERRUPT;
    }

    /** Waits for the next packet. */
    GdbPacket read() {
        try {
            for (; ; ) {
                int next = in.read();
                switch (next) {
                    case '$' -> {
                        return data();
                    }
                    case '-' -> {
                        return GdbPacket.of(GdbPacket.Kind.AGAIN);
                    }
                    case INTERRUPT -> {
                        return GdbPacket.of(GdbPacket.Kind.INTERRUPT);
                    }
                    case -1 -> {
                        return GdbPacket.of(GdbPacket.Kind.CLOSED);
                    }
                    default -> {
                        // An acknowledgement, or a byte without a meaning.
                    }
                }
            }
        } catch (IOException closed) {
            return GdbPacket.of(GdbPacket.Kind.CLOSED);
        }
    }

    private GdbPacket data() throws IOException {
        StringBuilder text = new StringBuilder();
        int sum = 0;
        boolean isTooLong = false;
        for (; ; ) {
            int next = in.read();
            if (next < 0) {
                return GdbPacket.of(GdbPacket.Kind.CLOSED);
            }
            if (next == '#') {
                break;
            }
            if (next == '$') {
                // A new packet starts, because the rest of the previous packet was lost.
                text.setLength(0);
                sum = 0;
                isTooLong = false;
                continue;
            }
            sum += next;
            isTooLong |= text.length() == LONGEST;
            if (!isTooLong) {
                text.append((char) next);
            }
        }
        int high = in.read();
        int low = in.read();
        if (low < 0) {
            return GdbPacket.of(GdbPacket.Kind.CLOSED);
        }
        boolean isSum = Character.digit(high, HEX) == (sum >> HEX_BITS & HEX - 1)
                && Character.digit(low, HEX) == (sum & HEX - 1);
        return isTooLong || !isSum
                ? GdbPacket.of(GdbPacket.Kind.BAD)
                : new GdbPacket(GdbPacket.Kind.DATA, text.toString());
    }
}
