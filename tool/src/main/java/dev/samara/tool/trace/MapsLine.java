// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.record.Notation;
import dev.samara.tool.record.Rights;

/**
 * One line of {@code /proc/PID/maps}.
 *
 * @param line its line, counted from 1
 * @param start the first address
 * @param end the end of the range (exclusive)
 * @param rights the rights, as bits of {@link Rights#MASK}
 * @param offset the offset in the file in bytes
 * @param major major number of the device
 * @param minor minor number of the device
 * @param inode the inode number; 0 if there is none
 * @param name the name; empty if there is none
 * @param text the line itself
 */
public record MapsLine(
        int line,
        long start,
        long end,
        long rights,
        long offset,
        int major,
        int minor,
        long inode,
        String name,
        String text)
        implements Span {
    private static final int FIELDS = 5;

    /**
     * Returns whether it shows neither a file nor a shared object. A System V segment may also have inode 0, but it has
     * a device.
     *
     * @return true if so
     */
    public boolean isAnonymous() {
        return major == 0 && minor == 0 && inode == 0;
    }

    /**
     * Returns the offset of an address in the mapping.
     *
     * @param address an address in the mapping
     * @return bytes; for anonymous memory the line's offset, regardless of the address
     */
    public long offsetAt(long address) {
        return isAnonymous() ? offset : offset + (address - start);
    }

    /**
     * Reads a line.
     *
     * @param line its line, counted from 1
     * @param text the line
     * @return the parsed line
     * @throws IllegalArgumentException if it is not a line of maps
     */
    static MapsLine parse(int line, String text) {
        String[] words = new String[FIELDS];
        int from = 0;
        for (int i = 0; i < FIELDS; i++) {
            int space = text.indexOf(' ', from);
            int to = space < 0 ? text.length() : space;
            words[i] = text.substring(from, to);
            from = Math.min(to + 1, text.length());
        }
        long[] range = Span.parseRange(words[0]);
        int colon = words[3].indexOf(':');
        if (colon < 0) {
            throw new IllegalArgumentException("the device '" + words[3] + "' is not <major>:<minor>");
        }
        return new MapsLine(
                line,
                range[0],
                range[1],
                Rights.parse(words[1]),
                Long.parseUnsignedLong(words[2], 16),
                Notation.deviceNumber(words[3].substring(0, colon)),
                Notation.deviceNumber(words[3].substring(colon + 1)),
                Long.parseUnsignedLong(words[4]),
                text.substring(from).strip(),
                text);
    }

    /**
     * Returns whether it is a shared mapping.
     *
     * @return true if so
     */
    public boolean isShared() {
        return (rights & VmaFlags.MAYSHARE) != 0;
    }
}
