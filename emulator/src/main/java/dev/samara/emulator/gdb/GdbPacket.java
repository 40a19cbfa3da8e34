// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

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

    /**
     * Finds the packets in the bytes that a client sends. Bytes between packets are ignored. The length of a packet is
     * bounded.
     */
    static final class PacketReader {
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
         * Returns whether a client of the protocol may send a byte first, because it starts an acknowledgement, a
         * packet or an interrupt.
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

    /** Sends packets to a client. Each char of a text contains a byte. */
    static final class PacketWriter {
        private static final int ESCAPE_BIT = 0x20;

        private final OutputStream out;
        private byte[] last = new byte[0];

        PacketWriter(OutputStream out) {
            this.out = out;
        }

        void acknowledge(boolean isGood) throws IOException {
            out.write(isGood ? '+' : '-');
            out.flush();
        }

        /** Sends a packet. Its text must not contain bytes that have a special meaning in packets. */
        void send(String text) throws IOException {
            byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
            int sum = 0;
            for (byte each : bytes) {
                sum += each;
            }
            String frame = "$" + text + "#" + HexFormat.of().toHexDigits((byte) sum);
            last = frame.getBytes(StandardCharsets.ISO_8859_1);
            sendAgain();
        }

        /** Sends the last packet again. */
        void sendAgain() throws IOException {
            out.write(last);
            out.flush();
        }

        /** Returns bytes as a text in which the bytes that have a special meaning in packets are escaped. */
        static String escaped(byte[] bytes, int start, int length) {
            StringBuilder text = new StringBuilder(length);
            for (int i = start; i < start + length; i++) {
                char each = (char) (bytes[i] & 0xff);
                if (each == '#' || each == '$' || each == '}' || each == '*') {
                    text.append('}').append((char) (each ^ ESCAPE_BIT));
                } else {
                    text.append(each);
                }
            }
            return text.toString();
        }

        /** Returns the bytes of an escaped text. */
        static byte[] unescaped(String text) throws BadPacketException {
            byte[] bytes = new byte[text.length()];
            int length = 0;
            for (int i = 0; i < text.length(); i++) {
                int each = text.charAt(i);
                if (each == '}') {
                    if (++i == text.length()) {
                        throw new BadPacketException();
                    }
                    each = text.charAt(i) ^ ESCAPE_BIT;
                }
                bytes[length++] = (byte) each;
            }
            return Arrays.copyOf(bytes, length);
        }
    }

    /** Parses the fields of a packet one after the other. */
    static final class PacketFields {
        private static final int MOST_DIGITS = 16;
        private static final int HEX = 16;
        private static final int DIGIT_BITS = 4;

        /** Stands for all threads. */
        static final int ALL = -1;

        private final String text;
        private int at;

        PacketFields(String text, int at) {
            this.text = text;
            this.at = at;
        }

        boolean isAtEnd() {
            return at == text.length();
        }

        /** Consumes a char if it is the next one; returns whether it was. */
        boolean take(char wanted) {
            boolean isNext = at < text.length() && text.charAt(at) == wanted;
            at += isNext ? 1 : 0;
            return isNext;
        }

        void expect(char wanted) throws BadPacketException {
            if (!take(wanted)) {
                throw new BadPacketException();
            }
        }

        void expectEnd() throws BadPacketException {
            if (!isAtEnd()) {
                throw new BadPacketException();
            }
        }

        char next() throws BadPacketException {
            if (isAtEnd()) {
                throw new BadPacketException();
            }
            return text.charAt(at++);
        }

        /** Parses a number of 1 to 16 hexadecimal digits. */
        long hex() throws BadPacketException {
            long value = 0;
            int digits = 0;
            for (; at < text.length(); at++) {
                int digit = Character.digit(text.charAt(at), HEX);
                if (digit < 0) {
                    break;
                }
                if (++digits > MOST_DIGITS) {
                    throw new BadPacketException();
                }
                value = (value << DIGIT_BITS) | digit;
            }
            if (digits == 0) {
                throw new BadPacketException();
            }
            return value;
        }

        /** Parses a number from 0 to a maximum (inclusive). */
        int hex(int most) throws BadPacketException {
            long value = hex();
            if (value < 0 || value > most) {
                throw new BadPacketException();
            }
            return (int) value;
        }

        /**
         * Parses a thread ID, {@code TID} or {@code pPID.TID}. Returns {@link #ALL} for -1 or for a process without a
         * thread, and 0 for any thread.
         */
        int thread() throws BadPacketException {
            if (!take('p')) {
                return id();
            }
            int process = id();
            return take('.') ? id() : process == 0 ? 0 : ALL;
        }

        private int id() throws BadPacketException {
            if (take('-')) {
                expect('1');
                return ALL;
            }
            return hex(Integer.MAX_VALUE);
        }

        /** Returns the text before a char, and also consumes the char; if the char does not occur, returns the rest. */
        String until(char end) {
            int found = text.indexOf(end, at);
            String taken = text.substring(at, found < 0 ? text.length() : found);
            at = found < 0 ? text.length() : found + 1;
            return taken;
        }

        String rest() {
            String taken = text.substring(at);
            at = text.length();
            return taken;
        }

        /** Parses the rest as bytes of two digits each. */
        byte[] bytes() throws BadPacketException {
            return bytes(rest());
        }

        private static byte[] bytes(String digits) throws BadPacketException {
            try {
                return HexFormat.of().parseHex(digits);
            } catch (IllegalArgumentException noHex) {
                throw new BadPacketException();
            }
        }

        /**
         * Parses a text in which each byte has two digits. The text ends at the given char, which is also consumed, or
         * at the end of the packet.
         */
        String text(char end) throws BadPacketException {
            return new String(bytes(until(end)), StandardCharsets.ISO_8859_1);
        }
    }

    /**
     * Thrown for a packet that is malformed, or that refers to something that does not exist. The client receives an
     * error, and nothing changes.
     */
    static final class BadPacketException extends Exception {
        private static final long serialVersionUID = 1;

        BadPacketException() {
            super(null, null, false, false);
        }
    }
}
