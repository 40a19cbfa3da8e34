// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.vma.Backing;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The object behind an anonymous shared mapping, which Linux shows as a deleted {@code /dev/zero}.
 *
 * <p>Its memory is charged when it is made and given back when the last VMA that maps it, in whichever space, is gone.
 */
final class SharedAnonymous implements Backing {
    private static final AtomicLong NEXT_INODE = new AtomicLong(1);

    private final long inode = NEXT_INODE.getAndIncrement();
    private final Host host;
    private final long chargedBytes;
    private final AtomicLong mappings = new AtomicLong();

    /** Makes an object whose memory has been charged to the host already. */
    SharedAnonymous(Host host, long chargedBytes) {
        this.host = host;
        this.chargedBytes = chargedBytes;
    }

    /** Counts VMAs that come or go; the last to go gives the memory back. */
    void count(long change) {
        if (mappings.addAndGet(change) == 0) {
            host.uncharge(chargedBytes);
        }
    }

    /** Takes back a count that turned out not to happen, and the memory with it if that was given back. */
    void uncount(long change) {
        if (mappings.addAndGet(-change) == -change) {
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
