// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.PageWindow;
import dev.samara.core.vma.VmOperations;
import org.jspecify.annotations.Nullable;

/**
 * An open file of the guest as passed to {@code mmap}. It has the access mode of this open, which may be more
 * restricted than the access mode of the underlying file. An open file without an underlying file cannot be mapped. The
 * library makes this check, so that the order of all checks is the same as in Linux.
 */
final class MappedOpen implements Backing {
    private final GuestFile open;
    private final @Nullable Backing below;
    private final boolean isZero;

    MappedOpen(GuestFile open, @Nullable Backing below, boolean isZero) {
        this.open = open;
        this.below = below;
        this.isZero = isZero;
    }

    @Override
    public int major() {
        return below == null ? 0 : below.major();
    }

    @Override
    public int minor() {
        return below == null ? 1 : below.minor();
    }

    @Override
    public long inode() {
        return below == null ? open.status().inode() : below.inode();
    }

    @Override
    public String name() {
        return below == null ? open.path() : below.name();
    }

    @Override
    public boolean readable() {
        return open.mayRead();
    }

    @Override
    public boolean writable() {
        return open.mayWrite();
    }

    @Override
    public boolean executable() {
        return below == null ? open.mayExecute() : below.executable();
    }

    @Override
    public boolean mappable() {
        return isZero || (below != null && below.mappable());
    }

    @Override
    public boolean isZeroDevice() {
        return isZero;
    }

    @Override
    public long maximumSize() {
        return below != null ? below.maximumSize() : open.isRegular() ? open.largestSize() : -1;
    }

    @Override
    public boolean wantsHugeAlignment() {
        return below != null && below.wantsHugeAlignment();
    }

    @Override
    public boolean refusesSync() {
        return below == null || below.refusesSync();
    }

    @Override
    public boolean movesAlone() {
        return below == null ? isZero : below.movesAlone();
    }

    @Override
    public boolean countsMappings() {
        return below != null && below.countsMappings();
    }

    @Override
    public boolean acceptsNames() {
        return below != null && below.acceptsNames();
    }

    @Override
    public @Nullable VmOperations operations() {
        return below == null ? null : below.operations();
    }

    @Override
    public @Nullable PageCache pageCache() {
        return below == null ? null : below.pageCache();
    }

    @Override
    public boolean punchesHoles() {
        return below != null && below.punchesHoles();
    }

    @Override
    public Backing underlying() {
        return below == null ? this : below.underlying();
    }

    @Override
    public boolean noticesWrites() {
        return below != null && below.noticesWrites();
    }

    private Backing file() {
        if (below == null) {
            throw new IllegalStateException(name() + " is not mapped");
        }
        return below;
    }

    @Override
    public void rcuMapPages(PageWindow window) {
        file().rcuMapPages(window);
    }

    @Override
    public int fault(PageRequest request) {
        return file().fault(request);
    }

    @Override
    public int pageMkwrite(PageRequest request) {
        return file().pageMkwrite(request);
    }

    @Override
    public long fsync(long offset, long length) {
        return file().fsync(offset, length);
    }

    @Override
    public void willNeed(long offset, long length) {
        file().willNeed(offset, length);
    }
}
