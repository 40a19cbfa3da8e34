// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

/** A mapping in the kernel's format, i.e. a line of maps. */
record Area(long start, long end, String line, String flags) {
    private static final int FIELDS_BEFORE_NAME = 5;

    static Area of(String line, String flags) {
        int dash = line.indexOf('-');
        int space = line.indexOf(' ');
        return new Area(
                Long.parseUnsignedLong(line.substring(0, dash), 16),
                Long.parseUnsignedLong(line.substring(dash + 1, space), 16),
                line,
                flags);
    }

    String name() {
        String[] fields = line.split(" +", FIELDS_BEFORE_NAME + 1);
        return fields.length > FIELDS_BEFORE_NAME ? fields[FIELDS_BEFORE_NAME].strip() : "";
    }

    String flagsLine() {
        return line.substring(0, line.indexOf(' ')) + " " + flags;
    }
}
