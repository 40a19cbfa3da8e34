// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.vma.Backing;

/**
 * The object behind an anonymous shared mapping, which Linux shows as a deleted {@code /dev/zero}.
 *
 * <p>Its memory is charged while at least one VMA, in whichever space, maps it.
 */
final class SharedAnonymous implements Backing {
    private final Host host;
    private final long inode;
    private final long bytes;

    /** Number of VMAs that map it. Guarded by this. */
    private long mappings;

    /** Makes an object that holds no memory until it is mapped. */
    SharedAnonymous(Host host, long bytes) {
        this.host = host;
        this.inode = host.nextInode();
        this.bytes = bytes;
    }

    Host host() {
        return host;
    }

    /**
     * Counts VMAs that come or go: with the first, its memory is to be charged, whatever the limit, and with the last
     * given back. Whoever kept the object may map it again.
     *
     * @return the bytes that the caller is to charge, or with a negative sign to give back
     */
    synchronized long count(long change) {
        boolean held = mappings != 0;
        mappings += change;
        boolean holds = mappings != 0;
        return held == holds ? 0 : holds ? bytes : -bytes;
    }

    @Override
    public int major() {
        return 0;
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
        return "/dev/zero (deleted)";
    }
}
