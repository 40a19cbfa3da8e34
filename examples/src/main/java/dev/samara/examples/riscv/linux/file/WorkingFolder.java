// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

/** The current directory and the umask of a process. Thread-safe. */
public final class WorkingFolder {
    private static final int RIGHTS = 0777;

    private volatile String path;
    private int umask = 022;

    public WorkingFolder(String path) {
        this.path = path;
    }

    public synchronized WorkingFolder copy() {
        WorkingFolder copy = new WorkingFolder(path);
        copy.umask = umask;
        return copy;
    }

    public String path() {
        return path;
    }

    public void path(String changed) {
        path = changed;
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
