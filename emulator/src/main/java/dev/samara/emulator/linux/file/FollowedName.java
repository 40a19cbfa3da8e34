// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/**
 * A name of the guest's files that goes with its file when the guest renames that, or a folder above it, as a {@code
 * dentry} does. Any thread reads it; a thread that changes it has the monitor of the {@link NamedPipes}.
 */
final class FollowedName {
    private final FileStatus opened;

    /**
     * @words {@code path}, {@code isRemoved}
     * @written holder of the monitor of {@code NamedPipes} (volatile)
     * @read any thread (volatile)
     * @invariant the last path of the name; {@code isRemoved} stays set
     */
    private volatile String path;

    private volatile boolean isRemoved;

    /** Guarded by that monitor. */
    private @Nullable FileStatus last;

    /**
     * Follows a name.
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

    /** Returns the path; the last one if the name is removed. */
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
     * Returns what the file was after the guest had removed the name, or another one, or what it is shown as since
     * another program has; null if neither is known.
     */
    @Nullable
    FileStatus last() {
        return last;
    }

    void remove(@Nullable FileStatus after) {
        last = after;
        isRemoved = true;
    }

    /** Notes what the file is to be shown as while nothing leads to it. */
    void show(FileStatus status) {
        last = status;
    }
}
