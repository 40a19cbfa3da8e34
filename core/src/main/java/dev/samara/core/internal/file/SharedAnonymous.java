// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.sync.EnsuredTask;
import dev.samara.core.internal.sync.MachineTasks;
import dev.samara.core.internal.tlb.RetriedEnd;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.internal.vma.SharedObject;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The object that an anonymous shared mapping maps, which Linux shows as a deleted {@code /dev/zero}.
 *
 * <p>Its content lives as long as it has a user. A user is a VMA of any space that maps it, a VMA that is being
 * unmapped, or a reference ({@code VmaRef}) to such a VMA. A Java reference to this object, or to a detached VMA, does
 * not count. If the object is mapped again after the end of its content, it gets a new one, of zeros. All VMAs that are
 * attached at one instant have one content.
 *
 * <p>Its memory is charged while at least one VMA of any space maps it.
 */
public final class SharedAnonymous implements SharedObject {
    private final @Nullable MachineMemory memory;
    private final CommittedMemory committed;
    private final MachineTasks tasks;
    private final long inode;
    private final long bytes;
    private final long length;

    /**
     * Null before the first content, and between the end of one and the next mapping. Written under this.
     *
     * @written an {@code Edit} that is about to map the object, if it has none; the thread that drops the last share of
     *     it, clearing (monitor, volatile)
     * @read any thread (volatile)
     * @pairs a thread that drops the last share has ended the open, and then clears. A thread that is about to map
     *     takes a share; that fails then, and the thread makes another content
     * @invariant every attached VMA of the object, and every edit that is about to map it, has a share of the content.
     *     Null if there is no share
     */
    private volatile @Nullable Content content;

    /**
     * The number of VMAs that map the object.
     *
     * @written an {@code Edit} of any space, when it settles, completes or is dropped; a fork, before its child maps
     *     the object and at its end (plain, lock: the object's monitor)
     * @read these threads (plain, lock: the object's monitor)
     * @invariant the number of VMAs with this backing, and of forks whose child will map it. It includes VMAs of edits
     *     that have settled, and those that were unmapped and are not complete. The memory is charged while the number
     *     is not 0
     */
    @GuardedBy("this")
    private long mappings;

    /**
     * Creates an object without content.
     *
     * @param memory the machine's memory, or null if it has none
     * @param committed the machine's committed memory
     * @param tasks runs the removal of the pages of content that has ended
     * @param inode the number that {@code /proc/PID/maps} shows
     * @param length bytes
     * @param bytes the charge while the object is mapped
     */
    public SharedAnonymous(
            @Nullable MachineMemory memory,
            CommittedMemory committed,
            MachineTasks tasks,
            long inode,
            long length,
            long bytes) {
        this.memory = memory;
        this.committed = committed;
        this.tasks = tasks;
        this.inode = inode;
        this.bytes = bytes;
        this.length = length;
    }

    /** The pages from the first mapping to the end of the last. Each VMA that maps them has a share. */
    private final class Content extends Open {
        private final @Nullable FilePages pages;
        private final @Nullable EnsuredTask removal;

        Content() {
            pages = memory == null ? null : FilePages.ofFixedSize(memory, length);
            removal = pages == null ? null : removalOf(pages);
        }

        @Override
        protected void ended() {
            leave(this);
            if (removal != null) {
                removal.run();
            }
        }

        @Override
        public String toString() {
            return "content of " + name() + " " + inode;
        }
    }

    private EnsuredTask removalOf(FilePages pages) {
        LastRemoval removal = new LastRemoval(pages);
        return new EnsuredTask(tasks.housekeeping(), () -> tasks.execute(removal));
    }

    /**
     * Removes all pages, once. No page is inserted after that: a fault that asks for a page has a reference, or reads
     * its VMA as attached.
     */
    private static final class LastRemoval extends RetriedEnd {
        private final FilePages pages;

        LastRemoval(FilePages pages) {
            this.pages = pages;
        }

        @Override
        protected void end() {
            // A failure is retried, and reported to nobody: no caller waits for the end of the content.
            pages.end();
        }

        @Override
        protected void ended() {
            // Holds nothing but the pages.
        }
    }

    private synchronized void leave(Content ended) {
        if (content == ended) {
            content = null;
        }
    }

    /**
     * Acquires a share of the content, which is created if there is none. The caller drops the share while it holds no
     * lock of a layout.
     */
    public synchronized Open open() {
        Content now = content;
        if (now == null || !now.getUnlessEnded()) {
            now = new Content();
            content = now;
        }
        return now;
    }

    /**
     * Returns the content of a VMA that is attached, or about to be. The caller, or a VMA of the caller's layout, has a
     * share.
     */
    public Open contentOf(VmArea vma) {
        Content now = content;
        if (now == null || now.pages != FilePages.of(vma)) {
            throw new IllegalStateException("mapped with a content that has ended: " + vma);
        }
        return now;
    }

    /** Returns the traits of this backing with the content of which the caller has a share. */
    public BackingTraits traits(BackingTraits known) {
        return known.pageCache() == pageCache() ? known : Objects.requireNonNull(BackingTraits.of(this));
    }

    /** Returns whether the object belongs to the machine with this committed memory. */
    public boolean isChargedTo(CommittedMemory machines) {
        return committed == machines;
    }

    @Override
    public synchronized long count(long change) {
        boolean held = mappings != 0;
        mappings += change;
        boolean holds = mappings != 0;
        return held == holds ? 0 : holds ? bytes : -bytes;
    }

    /**
     * Counts the object that a fork's child will map, if it will: the object stays charged even if the parent unmaps it
     * meanwhile. Such an operation of the parent must not be complete yet.
     *
     * @param parents a VMA of the parent
     * @param grabbed receives the object; the caller calls {@link #drop} when the child maps it
     */
    public static void grab(VmArea parents, List<SharedAnonymous> grabbed) {
        if (parents.has(VmaFlags.SHARED)
                && parents.backing() instanceof SharedAnonymous object
                && !parents.has(VmaFlags.DONTCOPY)) {
            grabbed.add(object);
            object.count(1);
        }
    }

    /** Ends the effect of {@link #grab} on this object. */
    public void drop() {
        long owed = count(-1);
        if (owed != 0) {
            committed.uncharge(-owed);
        }
    }

    @Override
    public @Nullable PageCache pageCache() {
        Content now = content;
        return now == null ? null : now.pages;
    }

    @Override
    public boolean acceptsNames() {
        return true;
    }

    @Override
    public boolean punchesHoles() {
        return true;
    }

    @Override
    public int fault(PageRequest request) {
        FilePages mapped = Objects.requireNonNull(FilePages.of(VmArea.of(request.vma())));
        return ShmemFault.answer(mapped, request.page());
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
