// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

/**
 * A name of the guest's files that goes with its file when the guest renames that, or a folder above it, as a {@code
 * dentry} does. Any thread reads it; a thread that changes it has the monitor of the {@link NamedPipes}.
 */
final class FollowedName {
    private volatile String path;
    private volatile boolean isRemoved;

    FollowedName(String path) {
        this.path = path;
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

    void remove() {
        isRemoved = true;
    }
}
