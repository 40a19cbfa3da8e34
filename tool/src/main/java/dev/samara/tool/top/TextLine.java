// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * A line of the view.
 *
 * @param look how the line looks on a terminal with colours
 * @param text the characters, each one column wide
 */
public record TextLine(Look look, String text) {
    /** How a line looks. */
    public enum Look {
        /** As text normally looks. */
        PLAIN(""),
        /** Bold letters. */
        BOLD("\u001b[1m"),
        /** The colours of letters and background are exchanged. */
        REVERSE("\u001b[7m"),
        /** Pale letters. */
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
     * Creates a line. Control characters, which a name may contain, are replaced with question marks.
     *
     * @param look how the line looks
     * @param text the characters
     */
    public TextLine {
        if (text.chars().anyMatch(Character::isISOControl)) {
            text = text.replaceAll("\\p{Cc}", "?");
        }
    }

    /** Returns this line, truncated to a width. */
    TextLine cut(int width) {
        return text.length() <= width
                ? this
                : new TextLine(look, text.substring(0, width).stripTrailing());
    }
}
