// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.util.Locale;

/** Makes texts of a recording safe to print, because a recording may contain escape sequences of terminals. */
public final class PrintableText {
    private PrintableText() {}

    /**
     * Escapes control characters, including line breaks.
     *
     * @param text any text
     * @return the text, in which each control character is replaced with a backslash and three octal digits
     */
    public static String of(String text) {
        if (text.chars().noneMatch(Character::isISOControl)) {
            return text;
        }
        StringBuilder printable = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char each = text.charAt(i);
            if (Character.isISOControl(each)) {
                printable.append(String.format(Locale.ROOT, "\\%03o", (int) each));
            } else {
                printable.append(each);
            }
        }
        return printable.toString();
    }

    /**
     * Escapes control characters, and truncates the text to a maximum length.
     *
     * @param text any text
     * @param longest the maximum number of characters
     * @return the text, or its start followed by dots
     */
    static String of(String text, int longest) {
        String printable = of(text.substring(0, Math.min(text.length(), longest)));
        return text.length() <= longest && printable.length() <= longest
                ? printable
                : printable.substring(0, longest) + "...";
    }
}
