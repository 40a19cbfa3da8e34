// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import dev.samara.core.vma.VmaFlags;

/**
 * Parses and formats rights as in a line of {@code /proc/PID/maps}, where they are four letters, {@code rwxp} or {@code
 * rwxs}.
 */
public final class Rights {
    /** The bits of {@link VmaFlags} that the letters show. */
    public static final long MASK = VmaFlags.ACCESS | VmaFlags.MAYSHARE;

    private static final String SET = "rwxs";
    private static final String CLEAR = "---p";
    private static final long[] BITS = {VmaFlags.READ, VmaFlags.WRITE, VmaFlags.EXEC, VmaFlags.MAYSHARE};

    private Rights() {}

    /**
     * Parses the letters.
     *
     * @param text the letters
     * @return bits of {@link #MASK}
     * @throws IllegalArgumentException if the letters are invalid
     */
    public static long parse(String text) {
        if (text.length() != BITS.length) {
            throw new IllegalArgumentException("the rights '" + text + "' are not four letters");
        }
        long rights = 0;
        for (int i = 0; i < BITS.length; i++) {
            char letter = text.charAt(i);
            if (letter == SET.charAt(i)) {
                rights |= BITS[i];
            } else if (letter != CLEAR.charAt(i)) {
                throw new IllegalArgumentException("the rights '" + text + "' are not of the form rwxp");
            }
        }
        return rights;
    }

    /**
     * Formats the letters.
     *
     * @param flags bits of {@link VmaFlags}; bits outside of {@link #MASK} are ignored
     * @return the letters
     */
    public static String format(long flags) {
        StringBuilder text = new StringBuilder(BITS.length);
        for (int i = 0; i < BITS.length; i++) {
            text.append(((flags & BITS[i]) != 0 ? SET : CLEAR).charAt(i));
        }
        return text.toString();
    }
}
