// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

/** The current directory and the umask of a process. Thread-safe. */
final class WorkingFolder {
    private static final int RIGHTS = 0777;

    private volatile String path;
    private int umask = 022;

    WorkingFolder(String path) {
        this.path = path;
    }

    synchronized WorkingFolder copy() {
        WorkingFolder copy = new WorkingFolder(path);
        copy.umask = umask;
        return copy;
    }

    String path() {
        return path;
    }

    void path(String changed) {
        path = changed;
    }

    synchronized int umask(int changed) {
        int old = umask;
        umask = changed & RIGHTS;
        return old;
    }

    synchronized int umask() {
        return umask;
    }
}
