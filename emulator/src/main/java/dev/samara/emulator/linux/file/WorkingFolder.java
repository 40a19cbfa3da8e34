// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/** The current directory and the umask of a process. Thread-safe. */
public final class WorkingFolder {
    private static final int RIGHTS = 0777;
    private static final String ROOT = "/";

    /** Null if the directory is the root, and the host has no directory for it. */
    private volatile @Nullable OpenedName name;

    private int umask = 022;

    /** Starts in a directory, or if {@code name} is null, in a root that the host does not have. */
    public WorkingFolder(@Nullable OpenedName name) {
        this.name = name;
    }

    public synchronized WorkingFolder copy() {
        WorkingFolder copy = new WorkingFolder(name);
        copy.umask = umask;
        return copy;
    }

    /** Returns the name of the directory; null for a root that the host does not have. */
    public @Nullable OpenedName name() {
        return name;
    }

    /** Returns the path of the directory; its last path if the directory was removed. */
    public String path() {
        OpenedName now = name;
        return now == null ? ROOT : now.path();
    }

    /** Returns the path as the link in {@code /proc} shows it. */
    public String shown() {
        OpenedName now = name;
        return now == null ? ROOT : now.shown();
    }

    public void enter(OpenedName entered) {
        name = entered;
    }

    public synchronized int umask(int changed) {
        int old = umask;
        umask = changed & RIGHTS;
        return old;
    }

    public synchronized int umask() {
        return umask;
    }
}
