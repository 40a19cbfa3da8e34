// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * The processor time of a process and of its children that have ended, user and system (proc(5), {@code stat}). Unlike
 * the time of a clock it hardly depends on what else the machine does. Known on Linux alone.
 */
final class ProcessorTime {
    /** Of the fields behind the name: utime is the 14th of all fields, and the name the second. */
    private static final int FIRST = 14 - 3;

    private static final int FIELDS = 4;

    /** A tick of proc(5), on each architecture that Java runs on. */
    private static final long TICK_MILLIS = 10;

    private ProcessorTime() {}

    /** Returns the milliseconds of a process, or nothing where the system does not tell. */
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

    /** Returns the milliseconds in a line of {@code stat}. The name, in parentheses, may contain anything. */
    static long parse(String stat) {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        long ticks = 0;
        for (int i = 0; i < FIELDS; i++) {
            ticks += Long.parseLong(fields[FIRST + i]);
        }
        return ticks * TICK_MILLIS;
    }
}
