// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.vma.Backing;

/**
 * The object behind an anonymous shared mapping, which Linux shows as a deleted {@code /dev/zero}.
 *
 * <p>Its memory is charged when it is made and given back when the last VMA that maps it, in whichever space, is gone.
 */
final class SharedAnonymous implements Backing {
    private final Host host;
    private final long inode;
    private final long chargedBytes;

    /** Number of VMAs that map it. Guarded by this. */
    private long mappings;

    /** Whether its memory has been given back. Guarded by this. */
    private boolean released;

    /** Makes an object whose memory has been charged to the host already. */
    SharedAnonymous(Host host, long chargedBytes) {
        this.host = host;
        this.inode = host.nextInode();
        this.chargedBytes = chargedBytes;
    }

    Host host() {
        return host;
    }

    /**
     * Counts VMAs that come or go: the last to go gives the memory back. Whoever kept the object may map it again, which
     * takes the memory anew, whatever the limit.
     */
    synchronized void count(long change) {
        mappings += change;
        if (released != (mappings == 0)) {
            released = !released;
            host.uncharge(released ? chargedBytes : -chargedBytes);
        }
    }

    /** Takes back a count that turned out not to happen; a new object is then as unmapped as it was, and not released. */
    synchronized void uncount(long change) {
        mappings -= change;
        if (released && mappings != 0) {
            released = false;
            host.uncharge(-chargedBytes);
        }
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
