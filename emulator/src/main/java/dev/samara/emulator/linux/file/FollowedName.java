// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/**
 * The name of a guest file. Like a {@code dentry}, it follows the file when the guest renames the file or a directory
 * above it. Any thread may read the name. A thread that changes it holds the monitor of the {@link GuestNames}.
 */
final class FollowedName {
    private final FileStatus opened;

    /**
     * @words {@code path}, {@code isRemoved}
     * @written holder of the monitor of {@code GuestNames} (volatile)
     * @read any thread (volatile)
     * @invariant {@code path} is the last path of the name; {@code isRemoved} stays set
     */
    private volatile String path;

    private volatile boolean isRemoved;

    /** Guarded by the monitor of {@link GuestNames}. */
    private @Nullable FileStatus last;

    /**
     * Starts to follow a name.
     *
     * @param path the name
     * @param opened the status of its file
     */
    FollowedName(String path, FileStatus opened) {
        this.path = path;
        this.opened = opened;
    }

    /** Returns the status that the file had when it was opened. */
    FileStatus opened() {
        return opened;
    }

    /** Returns the path; if the name was removed, the last path. */
    String path() {
        return path;
    }

    /** Returns whether the guest has removed the name, or has given it to another file. */
    boolean isRemoved() {
        return isRemoved;
    }

    void moveTo(String changed) {
        path = changed;
    }

    /**
     * Returns the status of the file after the guest has removed this name or another name of the file. If another
     * program removed the name, returns the status that the guest sees since then. Null if no status is known.
     */
    @Nullable
    FileStatus last() {
        return last;
    }

    void remove(@Nullable FileStatus after) {
        last = after;
        isRemoved = true;
    }

    /** Sets the status that the guest sees while no name leads to the file. */
    void show(FileStatus status) {
        last = status;
    }
}
