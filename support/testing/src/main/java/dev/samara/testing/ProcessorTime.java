// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * The CPU time of a process and of its children that ended: user and system time (proc(5), {@code stat}). Unlike
 * wall-clock time, it hardly depends on other load of the machine. Known only on Linux.
 */
final class ProcessorTime {
    /**
     * The index of utime among the fields after the name. Of all fields, utime is the 14th and the name is the second.
     */
    private static final int FIRST = 14 - 3;

    private static final int FIELDS = 4;

    /** The length of a tick in proc(5), on all architectures on which Java runs. */
    private static final long TICK_MILLIS = 10;

    private ProcessorTime() {}

    /** Returns the CPU time of a process in milliseconds, or nothing if the system does not report it. */
    static OptionalLong of(long pid) {
        Path file = Path.of("/proc", Long.toString(pid), "stat");
        if (!Files.isReadable(file)) {
            return OptionalLong.empty();
        }
        try {
            return OptionalLong.of(parse(Files.readString(file)));
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read " + file, failed);
        }
    }

    /**
     * Parses the CPU time from a line of {@code stat}; returns it in milliseconds. The name, which is in parentheses,
     * may contain any characters.
     */
    static long parse(String stat) {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        long ticks = 0;
        for (int i = 0; i < FIELDS; i++) {
            ticks += Long.parseLong(fields[FIRST + i]);
        }
        return ticks * TICK_MILLIS;
    }
}
