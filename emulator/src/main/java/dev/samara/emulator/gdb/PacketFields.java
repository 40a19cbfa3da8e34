// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** Parses the fields of a packet one after the other. */
final class PacketFields {
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
     * Parses a text in which each byte has two digits. The text ends at the given char, which is also consumed, or at
     * the end of the packet.
     */
    String text(char end) throws BadPacketException {
        return new String(bytes(until(end)), StandardCharsets.ISO_8859_1);
    }
}
