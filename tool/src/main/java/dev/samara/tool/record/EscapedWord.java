// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

/**
 * Decodes a word in which bytes that would split a line are written as {@code \ooo}, in octal. A single {@code \} is
 * the empty word.
 */
public final class EscapedWord {
    /** The notation of the empty word. */
    public static final String EMPTY = "\\";

    private static final int DIGITS = 3;

    private EscapedWord() {}

    /**
     * Decodes a word.
     *
     * @param word the word in the recording
     * @return the word
     * @throws IllegalArgumentException if a backslash is not followed by the three octal digits of a byte
     */
    public static String decode(String word) {
        if (word.indexOf('\\') < 0) {
            return word;
        }
        if (word.equals(EMPTY)) {
            return "";
        }
        StringBuilder decoded = new StringBuilder(word.length());
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            if (c == '\\') {
                decoded.append(octal(word, i + 1));
                i += DIGITS;
            } else {
                decoded.append(c);
            }
        }
        return decoded.toString();
    }

    private static char octal(String word, int start) {
        int value = 0;
        for (int i = start; i < start + DIGITS; i++) {
            int digit = i < word.length() ? word.charAt(i) - '0' : -1;
            // The first octal digit of a byte is at most 3.
            if (digit < 0 || digit > (i == start ? 3 : 7)) {
                throw new IllegalArgumentException(
                        "'" + word + "' has a backslash without the three octal digits of a byte");
            }
            value = value * 8 + digit;
        }
        return (char) value;
    }
}
