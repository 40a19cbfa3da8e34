// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Names, paths, arguments and environment strings of the guest. On Linux they are bytes without an encoding, so the
 * emulator represents each as a string with one character (0 to 255) per byte: two strings are equal if and only if
 * their bytes are equal. They are displayed as UTF-8.
 */
public final class GuestText {
    private GuestText() {}

    /** Returns the text that the first {@code length} bytes represent. */
    public static String of(byte[] bytes, int length) {
        return new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
    }

    /** Returns the guest's text for a string of the host, encoded as UTF-8. */
    public static String ofHost(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    /** Returns the bytes of a text. */
    public static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /**
     * Returns a text for display. Bytes that are not valid UTF-8 become replacement characters. Control characters,
     * which a terminal would interpret, become a backslash and three octal digits.
     */
    public static String shown(String text) {
        String decoded = new String(bytes(text), StandardCharsets.UTF_8);
        if (decoded.chars().noneMatch(Character::isISOControl)) {
            return decoded;
        }
        StringBuilder shown = new StringBuilder(decoded.length());
        decoded.chars()
                .forEach(each -> shown.append(
                        Character.isISOControl(each)
                                ? String.format(Locale.ROOT, "\\%03o", each)
                                : String.valueOf((char) each)));
        return shown.toString();
    }
}
