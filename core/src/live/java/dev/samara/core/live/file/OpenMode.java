// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.backing.HostFileOption;
import java.nio.file.OpenOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The mode of an open: 0 for reading, 1 for reading and writing, 2 to also create the file if necessary, 3 to create a
 * new file. Adding 4 makes the library's open direct. The kernel's open is never direct, because it would require
 * alignment, and the visible results are the same.
 */
record OpenMode(int number) {
    /** The amount that a direct open adds to the number. */
    static final int DIRECT = 4;

    private static final List<List<OpenOption>> OPTIONS = List.of(
            List.of(StandardOpenOption.READ),
            List.of(StandardOpenOption.READ, StandardOpenOption.WRITE),
            List.of(StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE),
            List.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW));

    static OpenMode of(Step open) {
        return new OpenMode(open.number(Kind.MODE));
    }

    private int access() {
        return number % DIRECT;
    }

    boolean isWriting() {
        return access() > 0;
    }

    boolean isCreating() {
        return access() > 1;
    }

    boolean isCreatingNew() {
        return access() > 2;
    }

    /** Returns the mode for opening a file that exists by now. */
    OpenMode ofExisting() {
        return isCreatingNew() ? new OpenMode(number - 1) : this;
    }

    OpenOption[] options(@Nullable HostFileOption block) {
        List<OpenOption> options = new ArrayList<>(OPTIONS.get(access()));
        if (number >= DIRECT) {
            options.add(HostFileOption.DIRECT);
        }
        if (block != null) {
            options.add(block);
        }
        return options.toArray(OpenOption[]::new);
    }
}
