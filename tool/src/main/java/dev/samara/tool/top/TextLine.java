// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * A line of the view.
 *
 * @param look how it looks on a terminal with colours
 * @param text its characters, each one column wide
 */
public record TextLine(Look look, String text) {
    /** How a line looks. */
    public enum Look {
        /** As other text. */
        PLAIN(""),
        /** With bold letters. */
        BOLD("\u001b[1m"),
        /** The colours of letters and background exchanged. */
        REVERSE("\u001b[7m"),
        /** With pale letters. */
        DIM("\u001b[2m");

        private static final String USUAL = "\u001b[0m";

        private final String begin;

        Look(String begin) {
            this.begin = begin;
        }

        String of(String text) {
            return this == PLAIN ? text : begin + text + USUAL;
        }
    }

    /**
     * Makes a line. A question mark takes the place of each control character, which a name may have.
     *
     * @param look how it looks
     * @param text its characters
     */
    public TextLine {
        if (text.chars().anyMatch(Character::isISOControl)) {
            text = text.replaceAll("\\p{Cc}", "?");
        }
    }

    /** Returns this line without what is beyond a width. */
    TextLine cut(int width) {
        return text.length() <= width
                ? this
                : new TextLine(look, text.substring(0, width).stripTrailing());
    }
}
