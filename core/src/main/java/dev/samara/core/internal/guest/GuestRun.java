// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.PageRun;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.guest.CpuMemory.TranslatedMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A run of a CPU: a translation that is used in GUEST until the CPU drops translations, which changes {@link
 * dev.samara.core.internal.tlb.CpuTlb#drops}. The CPU is in the cpumask of each page, as after an access, so an
 * operation that removes the page sends a request to the CPU. Not thread-safe.
 */
public final class GuestRun extends PageRun {
    private static final ByteBuffer[] NONE = {};

    /** The result of an attempt that has to start over, because the CPU has dropped translations. */
    private static final int AGAIN = -1;

    /**
     * The number of attempts that fault in the pages of a block. Each may be in vain if other threads evict or write
     * pages meanwhile, or if a page that becomes dirty makes this thread write them.
     */
    private static final int ATTEMPTS = 1000;

    private final CpuMemory cpu;

    /** The memory in which the last run was found. */
    private @Nullable TranslatedMemory memory;

    /** The store that the views belong to. */
    private @Nullable DirectFrames frames;

    /* One view per buffer of the store, created when it is first used. */
    private @Nullable ByteBuffer[] readable = NONE;
    private @Nullable ByteBuffer[] writable = NONE;

    private @Nullable ByteBuffer buffer;
    private long address;
    private int offset;
    private int length;
    private int access;

    /** The value of {@code drops} of the CPU when the run was found. */
    private long drops;

    /** On a checked machine, the physical address of the first byte. */
    long physical;

    /** On a checked machine, the reuse stamps of the frames when the run was found. */
    long[] stamps = {};

    GuestRun(CpuMemory cpu) {
        this.cpu = cpu;
    }

    @Override
    public int seek(long from, int most, int right) {
        cpu.checkOwner();
        end();
        boolean writes = (right & Mman.WRITE) != 0;
        if ((right & ~(Mman.READ | Mman.WRITE)) != 0 || right == 0) {
            throw new IllegalArgumentException("access " + right + " is not READ, WRITE or both");
        }
        if (most <= 0) {
            throw new IllegalArgumentException("length " + most + " is not positive");
        }
        TranslatedMemory of = cpu.beginRun();
        DirectFrames store = storeOf(of);
        address = from;
        access = writes ? TranslatedMemory.UPDATE : Mman.READ;
        long found;
        int bytes;
        int attempt = 0;
        do {
            found = of.translate(from, 1, access);
            if (found < 0) {
                if (found != TranslatedMemory.WATCHED) {
                    cpu.fail((int) -found, from, writes ? Mman.WRITE : Mman.READ, most);
                }
                return 0;
            }
            bytes = extent(of, store, from, found, most, attempt++ < ATTEMPTS);
        } while (bytes == AGAIN);
        buffer = view(of, store, found, bytes);
        offset = buffer.position();
        // These fields are stored after the buffer was created, because there may be no memory for the buffer. After
        // them, only fields that the check needs are stored.
        drops = of.processor.drops();
        length = bytes;
        memory = of;
        of.begin(this, found);
        of.processor.keepReachable();
        return bytes;
    }

    private DirectFrames storeOf(TranslatedMemory of) {
        DirectFrames store = of.direct;
        if (store == null) {
            throw new UnsupportedOperationException(
                    "the frames are in a store of the embedder's, which has no buffers");
        }
        if (store != frames) {
            readable = new ByteBuffer[store.buffers()];
            writable = new ByteBuffer[store.buffers()];
            frames = store;
        }
        return store;
    }

    /**
     * Returns how many bytes are consecutive in memory and in one buffer. Faults in the pages of a block of a file, of
     * which the first one may no longer be translated afterwards: then returns {@link #AGAIN}. In the next attempt most
     * of them are present.
     *
     * @param mayFault whether to fault in pages; otherwise the run ends before the first page that is not present
     */
    private int extent(TranslatedMemory of, DirectFrames store, long from, long first, int most, boolean mayFault) {
        long before = of.processor.drops();
        int bytes = Math.min(most, of.restOfPage(from));
        while (bytes < most) {
            long next = first + bytes;
            boolean isNext = store.areTogether(of.frameOf(first), of.frameOf(next))
                    && (access == Mman.READ || of.mayUpdate(from + bytes, of.frameOf(next)))
                    && of.translatePresent(from + bytes, access) == next;
            if (!isNext) {
                if (!mayFault || !isInBlock(of, from + bytes)) {
                    return bytes;
                }
                long physical = of.translate(from + bytes, 1, access);
                if (of.processor.drops() != before) {
                    return AGAIN;
                }
                if (physical != next) {
                    // It cannot be read, is watched, or is apart from its block.
                    return bytes;
                }
            }
            bytes += Math.min(most - bytes, of.restOfPage(from + bytes));
        }
        return bytes;
    }

    /** Returns whether a page and the page before it are in one block of a mapped file, and so should be in one run. */
    private boolean isInBlock(TranslatedMemory of, long page) {
        VmArea vma = of.layout().find(page);
        FilePages file = vma == null || vma.start() == page ? null : FilePages.of(vma);
        if (vma == null || file == null || file.blockPages == 1 || (access != Mman.READ && !vma.has(VmaFlags.SHARED))) {
            return false;
        }
        long at = vma.pageOffset() + ((page - vma.start()) >>> of.pageShift);
        return at % file.blockPages != 0 && at < file.pages();
    }

    private ByteBuffer view(TranslatedMemory of, DirectFrames store, long first, int bytes) {
        boolean isReadOnly = access == Mman.READ;
        @Nullable
        ByteBuffer[] views = of.endsRuns() ? new ByteBuffer[store.buffers()] : isReadOnly ? readable : writable;
        return store.bytes(first, bytes, views, isReadOnly).order(cpu.order());
    }

    /** Ends the current run, if there is one. */
    private void end() {
        TranslatedMemory of = memory;
        if (of != null) {
            of.end(this);
        }
        forget();
    }

    /** Forgets the current run, so that there is none from now on. */
    private void forget() {
        memory = null;
        buffer = null;
        length = 0;
    }

    /** Forgets the run, and makes its buffer reject every access. Only for a buffer that no other run uses. */
    void revoke() {
        ByteBuffer of = Objects.requireNonNull(buffer);
        forget();
        of.limit(0);
    }

    /** Returns the right to the pages: READ of {@code Mman}, or {@link TranslatedMemory#UPDATE}. */
    int access() {
        return access;
    }

    @Override
    public ByteBuffer buffer() {
        ByteBuffer of = buffer;
        if (of == null) {
            throw new IllegalStateException("there is no run");
        }
        return of;
    }

    @Override
    public int offset() {
        return offset;
    }

    @Override
    public int length() {
        return length;
    }

    @Override
    public long address() {
        return address;
    }

    @Override
    public boolean isValid() {
        TranslatedMemory of = memory;
        return of != null && of.processor.isGuest() && of.processor.drops() == drops;
    }

    @Override
    public String toString() {
        return length == 0 ? "no run" : "run of " + length + " bytes at 0x" + Long.toHexString(address);
    }
}
