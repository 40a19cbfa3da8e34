// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.core.vma.VmaFlags;
import java.util.Locale;

/**
 * The {@code VmFlags} of one mapping.
 *
 * @param line its line, counted from 1
 * @param start the first address
 * @param end the end of the range (exclusive)
 * @param flags bits of {@link VmaFlags}
 */
public record FlagsLine(int line, long start, long end, long flags) implements Span {
    /**
     * Reads {@code <start>-<end> <VmFlags>}.
     *
     * @param line its line, counted from 1
     * @param text the line
     * @return the parsed line
     * @throws IllegalArgumentException if the line does not have this format
     */
    static FlagsLine parse(int line, String text) {
        int space = text.indexOf(' ');
        long[] range = Span.parseRange(space < 0 ? text : text.substring(0, space));
        return new FlagsLine(line, range[0], range[1], space < 0 ? 0 : VmaFlags.parse(text.substring(space + 1)));
    }

    /**
     * Formats the line. The range is padded as in the lines of maps.
     *
     * @return the text
     */
    public String text() {
        return String.format(Locale.ROOT, "%08x-%08x %s", start, end, VmaFlags.format(flags));
    }
}
