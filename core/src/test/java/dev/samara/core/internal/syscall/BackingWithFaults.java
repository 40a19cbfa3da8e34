// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.vma.Backing;

/** A file whose defects can be combined before its first use. */
final class BackingWithFaults implements Backing {
    boolean readable = true;
    boolean writable = true;
    boolean executable = true;
    boolean appendOnly;
    boolean swapFile;
    boolean mappable = true;
    long maximumSize = 1L << 40;

    @Override
    public int major() {
        return 8;
    }

    @Override
    public int minor() {
        return 1;
    }

    @Override
    public long inode() {
        return 42;
    }

    @Override
    public String name() {
        return "traits";
    }

    @Override
    public boolean readable() {
        return readable;
    }

    @Override
    public boolean writable() {
        return writable;
    }

    @Override
    public boolean executable() {
        return executable;
    }

    @Override
    public boolean appendOnly() {
        return appendOnly;
    }

    @Override
    public boolean swapFile() {
        return swapFile;
    }

    @Override
    public boolean mappable() {
        return mappable;
    }

    @Override
    public long maximumSize() {
        return maximumSize;
    }
}
