// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.PageCache;

/**
 * A file of a trace on a machine with memory. A trace contains the file's size, but not its content, so all bytes of
 * the file are zero.
 */
final class TracedFile extends CachedBacking {
    private final OpenFile open;

    TracedFile(OpenFile open, PageCache pages) {
        super(open.name(), pages);
        this.open = open;
    }

    @Override
    protected boolean read(long page, int frame, FrameStore store) {
        return true;
    }

    @Override
    public int major() {
        return open.major();
    }

    @Override
    public int minor() {
        return open.minor();
    }

    @Override
    public long inode() {
        return open.inode();
    }

    @Override
    public boolean writable() {
        return open.writable();
    }

    /** Holes are supported, and have no effect because all bytes are zero. */
    @Override
    public boolean punchesHoles() {
        return true;
    }

    @Override
    public boolean wantsHugeAlignment() {
        return open.wantsHugeAlignment();
    }
}
