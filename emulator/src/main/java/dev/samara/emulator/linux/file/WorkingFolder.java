// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.Nullable;

/** The current directory and the umask of a process. Thread-safe. */
public final class WorkingFolder {
    private static final int RIGHTS = 0777;
    private static final String ROOT = "/";

    /** Null for a root that the host does not have. */
    private volatile @Nullable OpenedName name;

    private int umask = 022;

    /** Makes one that begins in a folder, or in a root that the host does not have. */
    public WorkingFolder(@Nullable OpenedName name) {
        this.name = name;
    }

    public synchronized WorkingFolder copy() {
        WorkingFolder copy = new WorkingFolder(name);
        copy.umask = umask;
        return copy;
    }

    /** Returns the name of the folder; null for a root that the host does not have. */
    public @Nullable OpenedName name() {
        return name;
    }

    /** Returns the path of the folder; the last one if it was removed. */
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
