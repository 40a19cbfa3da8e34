// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Housekeeping.RetriedTask;
import dev.samara.core.internal.sync.MachineTasks;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.Open;
import dev.samara.core.internal.vma.VmArea.SharedObject;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The object that an anonymous shared mapping maps, which Linux shows as a deleted {@code /dev/zero}.
 *
 * <p>Its content exists as long as it has a user. A user is a VMA of any space that maps the object, also while the VMA
 * is being unmapped, or a reference ({@code VmaRef}) to such a VMA. A Java reference to this object, or to a detached
 * VMA, does not count. If the object is mapped again after its content has ended, it gets new content, of zeros. All
 * VMAs that are attached at the same time share the same content.
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
     * Null before the object is first mapped; also null after its content has ended, until it is mapped again. Written
     * under the object's monitor.
     *
     * <p>Written: an {@code Edit} that is about to map the object, if it has no content; the thread that drops the last
     *     share of the content, to null (monitor, volatile).
     * Read: any thread (volatile).
     * Pairs: a thread that drops the last share ends the open, and then stores null here. A thread that is about to map
     *     acquires a share; if the open has ended, this fails, and the thread creates new content.
     * Invariant: every attached VMA of the object, and every edit that is about to map it, holds a share of the
     *     content. Null if nobody holds a share.
     */
    private volatile @Nullable Content content;

    /**
     * The number of VMAs that map the object.
     *
     * <p>Written: an {@code Edit} of any space, when it settles, completes or is dropped; a fork, before its child maps
     *     the object and at its end (plain, lock: the object's monitor).
     * Read: the same threads (plain, lock: the object's monitor).
     * Invariant: the number of VMAs with this backing, and of forks whose child will map it. It includes the VMAs of
     *     edits that have settled, and VMAs that were unmapped by an operation that is not complete. The memory is
     *     charged while the number is not 0.
     */
    @GuardedBy("this")
    private long mappings;

    /**
     * Creates an object without content.
     *
     * @param memory the machine's memory, or null if the machine has none
     * @param committed the machine's committed memory
     * @param tasks runs the removal of the pages of content that has ended
     * @param inode the inode number that {@code /proc/PID/maps} shows
     * @param length the length in bytes
     * @param bytes the number of bytes that are charged while the object is mapped
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

    /**
     * The pages of the object from its first mapping to the end of its last user. Each VMA that maps them holds a share
     * of this open.
     */
    private final class Content extends Open {
        private final @Nullable FilePages pages;
        private final Housekeeping.@Nullable Waiter removal;

        Content() {
            pages = memory == null ? null : new FilePages(memory, length, true);
            LastRemoval last = pages == null ? null : new LastRemoval(pages);
            removal = last == null ? null : tasks.housekeeping.ensured(() -> tasks.execute(last));
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

    /**
     * Removes all pages, once. No page is inserted after that, because a fault that requests a page holds a reference,
     * or reads that its VMA is attached.
     */
    private static final class LastRemoval extends RetriedTask {
        private final FilePages pages;

        LastRemoval(FilePages pages) {
            this.pages = pages;
        }

        @Override
        public boolean attempt() {
            // A failure is retried and not reported, because no caller waits for the end of the content.
            pages.end();
            return true;
        }
    }

    private synchronized void leave(Content ended) {
        if (content == ended) {
            content = null;
        }
    }

    /**
     * Acquires a share of the content; creates the content if there is none. The caller must not hold a layout's lock
     * when it drops the share.
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
     * Returns the content of a VMA that is attached, or about to be attached. The caller, or a VMA of the caller's
     * layout, holds a share.
     */
    public Open contentOf(VmArea vma) {
        Content now = content;
        if (now == null || now.pages != FilePages.of(vma)) {
            throw new IllegalStateException("mapped with a content that has ended: " + vma);
        }
        return now;
    }

    /** Returns the traits of this backing for its current content, of which the caller holds a share. */
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
     * Counts the object of a VMA that a fork will copy, so that the object stays charged even if the parent unmaps it
     * in the meantime. Does nothing if the fork does not copy the VMA, or if its backing is not such an object. If the
     * parent unmaps the VMA concurrently, that operation must not be complete before this call.
     *
     * @param parents the VMA of the parent
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
    public int fault(Backing.PageRequest request) {
        FilePages mapped = Objects.requireNonNull(FilePages.of(VmArea.of(request.vma())));
        return mapped.fault(request.page());
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

    /**
     * The deltas that one edit adds to the VMA counts of shared objects, in the order in which they were added. A delta
     * is applied when it is settled, and can be reverted after that. Only {@link #add} and {@link #decreases} allocate,
     * because deltas are also settled after publication. Used by one thread at a time.
     *
     * <p>An object may have several deltas, and the memory owed for it is their sum. So a call that affects many
     * objects adds each delta without a search.
     */
    public static final class MappingDeltas {
        /**
         * The traits of the objects. They are read only when a delta is settled, because with many objects each of
         * these reads misses the CPU caches.
         */
        private @Nullable BackingTraits[] objects = new @Nullable BackingTraits[2];

        private int[] deltas = new int[2];
        private int size;

        /** The number of settled deltas, which are the first ones. */
        private int settled;

        /**
         * Adds to the unsettled delta of an object.
         *
         * @param object the traits of a {@link SharedObject}
         */
        @SuppressWarnings("ReferenceEquality") // other traits of the object are another entry
        public void add(BackingTraits object, int by) {
            int last = size - 1;
            if (last >= settled && objects[last] == object) {
                // The delta of a VMA's replacement is usually added directly after the delta of the VMA. Their sum is
                // then 0, so nothing is applied.
                deltas[last] += by;
                return;
            }
            if (size == objects.length) {
                @Nullable BackingTraits[] more = Arrays.copyOf(objects, 2 * size);
                deltas = Arrays.copyOf(deltas, 2 * size);
                objects = more;
            }
            objects[size] = object;
            deltas[size++] = by;
        }

        /**
         * Applies the unsettled deltas.
         *
         * @return the bytes that the caller charges, or, if negative, uncharges
         */
        public long settle() {
            long owed = apply(settled, 1);
            settled = size;
            return owed;
        }

        /**
         * Applies the unsettled increases. The decreases are left to the copy that {@link #decreases} returned.
         *
         * @return the bytes that the caller charges
         */
        public long settleIncreases() {
            long owed = increase(settled, 1);
            settled = size;
            return owed;
        }

        /**
         * Reverts the settled deltas.
         *
         * @return the bytes that the caller charges, or, if negative, uncharges
         */
        public long revert() {
            size = settled;
            long owed = apply(0, -1);
            settled = 0;
            size = 0;
            return owed;
        }

        /**
         * Applies the deltas from {@code first} on, each multiplied by {@code sign}. The increases are applied first,
         * so that the count of an object that stays mapped does not reach 0.
         */
        private long apply(int first, int sign) {
            long owed = increase(first, sign);
            for (int i = first; i < size; i++) {
                int by = sign * deltas[i];
                if (by < 0) {
                    owed += count(i, by);
                }
            }
            return owed;
        }

        private long increase(int first, int sign) {
            long owed = 0;
            for (int i = first; i < size; i++) {
                int by = sign * deltas[i];
                if (by > 0) {
                    owed += count(i, by);
                }
            }
            return owed;
        }

        private long count(int index, int by) {
            BackingTraits traits = Objects.requireNonNull(objects[index]);
            return ((SharedObject) traits.backing()).count(by);
        }

        /**
         * Returns a copy of the unsettled decreases of this edit and of the decreases of another edit.
         *
         * @param earlier the decreases of another edit, or null
         * @return the decreases, or null if there are none
         */
        public @Nullable MappingDeltas decreases(@Nullable MappingDeltas earlier) {
            boolean isAny = false;
            for (int i = settled; i < size; i++) {
                isAny |= deltas[i] < 0;
            }
            if (!isAny) {
                return earlier;
            }
            MappingDeltas decreases = new MappingDeltas();
            if (earlier != null) {
                decreases.addDecreases(earlier, 0);
            }
            decreases.addDecreases(this, settled);
            return decreases;
        }

        private void addDecreases(MappingDeltas other, int first) {
            for (int i = first; i < other.size; i++) {
                if (other.deltas[i] < 0) {
                    add(Objects.requireNonNull(other.objects[i]), other.deltas[i]);
                }
            }
        }
    }
}
