// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/** Sends packets to a client. Each char of a text contains a byte. */
final class PacketWriter {
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
