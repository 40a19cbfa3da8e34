// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.nio.charset.StandardCharsets;

/** Checks the output of a session: acknowledgements, and packets with correct checksums. */
final class SentFrames {
    private static final int HEX = 16;

    private SentFrames() {}

    /** Returns the number of packets. */
    static int count(byte[] sent) {
        int packets = 0;
        String text = new String(sent, StandardCharsets.ISO_8859_1);
        int at = 0;
        while (at < text.length()) {
            char kind = text.charAt(at);
            if (kind == '$') {
                at = endOfPacket(text, at);
                packets++;
            } else if (kind == '+' || kind == '-') {
                at++;
            } else {
                throw new AssertionError("at " + at + " of " + text);
            }
        }
        return packets;
    }

    private static int endOfPacket(String text, int start) {
        int end = text.indexOf('#', start);
        if (end < 0 || end + 3 > text.length()) {
            throw new AssertionError("a packet without an end: " + text.substring(start));
        }
        String content = text.substring(start + 1, end);
        int sum = content.chars().sum() & 0xff;
        if (content.indexOf('$') >= 0 || Integer.parseInt(text.substring(end + 1, end + 3), HEX) != sum) {
            throw new AssertionError("a packet without its sum: " + text.substring(start, end + 3));
        }
        return end + 3;
    }
}
