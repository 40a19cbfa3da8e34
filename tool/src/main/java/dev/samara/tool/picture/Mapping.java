// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

/**
 * A mapping of a layout. Addresses are unsigned.
 *
 * @param start the first address
 * @param end the end of the range (exclusive)
 * @param rights the four letters of {@code /proc/PID/maps}
 * @param name the name; empty if there is none
 */
record Mapping(long start, long end, String rights, String name) {
    /** The number of fields in a line of maps, of which the last is the name. */
    private static final int FIELDS = 6;

    private static final int HEX = 16;

    /**
     * Parses a line in the format of {@code LayoutSnapshot.maps}.
     *
     * @param line the line
     * @return its mapping
     */
    static Mapping parse(String line) {
        String[] fields = line.split(" +", FIELDS);
        int dash = fields[0].indexOf('-');
        return new Mapping(
                Long.parseUnsignedLong(fields[0].substring(0, dash), HEX),
                Long.parseUnsignedLong(fields[0].substring(dash + 1), HEX),
                fields[1],
                fields.length < FIELDS ? "" : fields[FIELDS - 1]);
    }

    long length() {
        return end - start;
    }

    boolean isFollowedBy(Mapping next) {
        return end == next.start && name.equals(next.name);
    }
}
