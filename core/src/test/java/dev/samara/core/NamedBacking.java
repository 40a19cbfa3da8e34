// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmOperations;

/** A backing with a name and callbacks, of which a test overrides those that it needs. */
public abstract class NamedBacking implements Backing, VmOperations {
    private final String name;
    private final int inode;

    protected NamedBacking(String name, int inode) {
        this.name = name;
        this.inode = inode;
    }

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
        return inode;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public VmOperations operations() {
        return this;
    }
}
