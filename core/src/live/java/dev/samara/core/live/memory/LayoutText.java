// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.HashMap;
import java.util.Map;

/**
 * Writes mappings so that both sides can be compared: addresses are offsets, and inode numbers, which the kernel
 * chooses, are replaced with their order of appearance.
 */
final class LayoutText {
    private static final long PAGE = 4096;

    private final long base;
    private final Map<String, String> seen = new HashMap<>();

    LayoutText(long base) {
        this.base = base;
    }

    /** Returns the text of a mapping. */
    String mapping(long start, long end, String rights, String offset, String inode, String name, String flags) {
        String shown = name.startsWith("/dev/zero (") || name.startsWith("/SYSV")
                ? name + " #" + seen.computeIfAbsent(name.charAt(1) + inode, key -> Integer.toString(seen.size()))
                : name;
        return Notation.address(start, base) + " " + Long.toHexString((end - start) / PAGE) + " " + rights + " "
                + offset + " " + shown + " [" + flags + "]\n";
    }

    /** Returns the text of a line of maps, with or without amounts in the flags. */
    String mapping(String line, String flags) {
        Area area = Area.of(line, flags);
        String[] fields = line.split(" +", 6);
        return mapping(area.start(), area.end(), fields[1], offset(fields[2]), fields[4], area.name(), flags);
    }

    private static String offset(String text) {
        return Long.toHexString(Long.parseUnsignedLong(text, 16));
    }

    /** Returns the text of a run of pages. */
    String run(long start, long pages, String value) {
        return Notation.address(start, base) + "*" + pages + "=" + value + " ";
    }
}
