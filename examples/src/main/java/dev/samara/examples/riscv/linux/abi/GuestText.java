// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.abi;

import java.nio.charset.StandardCharsets;

/**
 * Texts of the guest: names, paths, arguments and its environment. For Linux they are bytes, in no encoding. So the
 * emulator has them as strings of one character for each byte, from 0 to 255, and two names are equal just if their
 * bytes are. For a person they are shown as UTF-8.
 */
public final class GuestText {
    private GuestText() {}

    /** Returns the text of some bytes. */
    public static String of(byte[] bytes, int length) {
        return new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
    }

    /** Returns the text of a string of the host's, in UTF-8. */
    public static String ofHost(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    /** Returns the bytes of a text. */
    public static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Returns a text for a person; bytes that are no UTF-8 are shown as replacement characters. */
    public static String shown(String text) {
        return new String(bytes(text), StandardCharsets.UTF_8);
    }
}
