// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.util.List;

/** The names that a script can use. */
final class Names {
    /** The number of names that a script creates and removes; they come first. */
    static final int FILES = 4;

    /** All names. The names after the first {@link #FILES} always exist, or cannot exist. */
    private static final List<String> ALL = List.of(
            "a",
            "b",
            "c",
            "d",
            "directory",
            "fifo",
            "readonly/a",
            "readonly/none",
            "loop",
            "b/x",
            "none/x",
            "n".repeat(256),
            "/dev/zero",
            "/proc/version",
            "/dev/null");

    static final int DIRECTORY = ALL.indexOf("directory");
    static final int FIFO = ALL.indexOf("fifo");
    static final int LOOP = ALL.indexOf("loop");

    private Names() {}

    static int count() {
        return ALL.size();
    }

    /** Returns a name, relative to the folder of a side, or absolute. */
    static String of(long number) {
        return ALL.get((int) number);
    }
}
