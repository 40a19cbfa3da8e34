// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;
import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.DROPPABLE;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.FIXED_NOREPLACE;
import static dev.samara.core.mman.Mman.HUGETLB;
import static dev.samara.core.mman.Mman.LOCKED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.SHARED;
import static dev.samara.core.mman.Mman.SHARED_VALIDATE;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.Placement;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * {@code mmap}: checks the arguments, and determines the errors, the address and the flags of the VMA ({@code
 * ksys_mmap_pgoff} and {@code do_mmap} in {@code mm/mmap.c}), and stores the VMA in the layout. {@code shmat} starts
 * at {@link #map}. {@link Munmap}, {@link Brk} and {@link RemapFilePages} are further calls of {@code mm/mmap.c}.
 *
 * @param backing the traits of the object to map; null for a bad descriptor
 * @param offset bytes
 */
public record Mmap(
        long address,
        long length,
        int protection,
        int flags,
        @Nullable BackingTraits backing,
        long offset) implements Call {
    private static final int GIGABYTE_SHIFT = 30;

    /** The known flags. SHARED_VALIDATE rejects unknown flags; the other types ignore them. */
    private static final int KNOWN_FLAGS = SHARED
            | PRIVATE
            | FIXED
            | ANONYMOUS
            | Mman.BELOW_2G
            | Mman.ABOVE_4G
            | Mman.GROWSDOWN
            | Mman.DENYWRITE
            | Mman.EXECUTABLE
            | LOCKED
            | Mman.NORESERVE
            | Mman.POPULATE
            | Mman.NONBLOCK
            | Mman.STACK
            | HUGETLB
            | Mman.UNINITIALIZED
            | 21 << Mman.HUGE_SHIFT
            | 30 << Mman.HUGE_SHIFT;

    private static final BackingTraits HUGE_PAGES = Objects.requireNonNull(
            BackingTraits.of(OpenFile.named("/anon_hugepage (deleted)").open()));

    /** Creates the call. The traits of a backing are read here, so the caller holds no lock. */
    public static Mmap of(
            Layout layout,
            long address,
            long length,
            int protection,
            int flags,
            @Nullable Backing backing,
            long offset) {
        BackingTraits traits = null;
        if (backing != null) {
            // Checked first, because a refused call must not call the backing.
            ThreadCpus.checkMayWait("a call of a space");
            traits = layout.isClosed() ? null : BackingTraits.of(backing);
        }
        return new Mmap(address, length, protection, flags, traits, offset);
    }

    @Override
    public long from(Layout layout) {
        return address;
    }

    /** A mapping without an address may be placed anywhere. */
    @Override
    public long to(Layout layout) {
        return address == 0 ? -1 : Addresses.endOf(address, length);
    }

    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        if (!geometry.isAligned(offset)) {
            return Errno.EINVAL.result();
        }
        boolean anonymous = (flags & ANONYMOUS) != 0;
        if (!anonymous && backing == null) {
            return Errno.EBADF.result();
        }
        long rounded = length;
        if ((flags & HUGETLB) != 0) {
            int shift = flags >>> Mman.HUGE_SHIFT & Mman.HUGE_MASK;
            if (!anonymous || (shift != 0 && shift != geometry.hugeShift() && shift != GIGABYTE_SHIFT)) {
                return Errno.EINVAL.result();
            }
            long size = shift == 0 ? geometry.hugeSize() : 1L << shift;
            rounded = length + size - 1 & -size;
        }
        boolean isSame = rounded == length && (!anonymous || backing == null);
        return (isSame ? this : new Mmap(address, rounded, protection, flags, anonymous ? null : backing, offset))
                .map(edit, DONE);
    }

    /**
     * Decides on a mapping, whose backing is null if it is anonymous ({@code do_mmap}). Checks the arguments,
     * determines the address and the flags of the VMA, and stores the VMA.
     *
     * @param refusal the result of the file's own {@code mmap}, which comes last: DONE, or a negated errno
     * @return the address, or a negated errno
     */
    long map(Edit edit, long refusal) {
        Geometry geometry = edit.geometry;
        if (length == 0) {
            return Errno.EINVAL.result();
        }
        long size = geometry.roundUp(length);
        if (size == 0 || !edit.mayGrow(0)) {
            return Errno.ENOMEM.result();
        }
        boolean keepsMappings = (flags & FIXED_NOREPLACE) != 0;
        boolean isFixed = keepsMappings || (flags & FIXED) != 0;
        long hint = isFixed ? address : Placement.roundHint(geometry, address);
        long start = Placement.find(edit, backing, hint, size, offset, isFixed ? flags | FIXED : flags);
        // Reservations of a munmap that has not been flushed yet are used only as a last resort.
        boolean isReserved = start == Errno.ENOMEM.result() && !isFixed && edit.layout.origin.earlyReuse();
        if (isReserved) {
            start = Placement.findReserved(edit, size, flags);
        }
        if (Errno.isError(start)) {
            return start;
        }
        // Whether a munmap is in flight in the range. A range that is neither fixed nor reserved is free.
        boolean early = (isFixed || isReserved) && edit.claimOrReuse(start, start + size);
        if (keepsMappings && edit.firstIn(start, start + size) != null) {
            return Errno.EEXIST.result();
        }
        long vmaFlags = vmaFlags(edit, size);
        if (Errno.isError(vmaFlags)) {
            return vmaFlags;
        }
        long answer = refusal != Edit.DONE ? refusal : answerOfFile(geometry, vmaFlags);
        return put(edit, start, size, vmaFlags, early, answer);
    }

    /** Returns the flags of the VMA, or a negated errno from the limits of locked memory or from the backing. */
    private long vmaFlags(Edit edit, long size) {
        long asked = protectionFlags(protection) | flagsOfFlags() | edit.defaultLock() | VmaFlags.MAY_ACCESS;
        if ((flags & LOCKED) != 0 && !edit.district.limits.mayLock(edit.privileges())) {
            return Errno.EPERM.result();
        }
        if (!edit.district.limits.mayLockMore(edit.privileges(), edit.counters, asked, edit.geometry.pages(size))) {
            return Errno.EAGAIN.result();
        }
        BackingTraits file = file();
        long vmaFlags = file != null ? flagsOfFile(edit, asked, file, size) : flagsOfAnonymous(asked);
        if (Errno.isError(vmaFlags)) {
            return vmaFlags;
        }
        boolean isUnreserved = (flags & Mman.NORESERVE) != 0 && !edit.layout.host.committed.isStrict;
        return isUnreserved ? vmaFlags | VmaFlags.NORESERVE : vmaFlags;
    }

    /**
     * Returns the file that is mapped; null if there is none. Anonymous huge pages are mapped from an internal file of
     * the kernel.
     */
    private @Nullable BackingTraits file() {
        return (flags & HUGETLB) != 0 ? HUGE_PAGES : backing;
    }

    /** Returns the result of the file's own {@code mmap}: DONE, or a negated errno. */
    private long answerOfFile(Geometry geometry, long vmaFlags) {
        if ((flags & HUGETLB) != 0) {
            // No machine has reserved huge pages, so a request without another error fails with ENOMEM.
            boolean aligned = (offset & (geometry.hugeSize() - 1)) == 0;
            return aligned ? Errno.ENOMEM.result() : Errno.EINVAL.result();
        }
        boolean isRefused = backing != null && backing.refusesSync() && (vmaFlags & VmaFlags.SYNC) != 0;
        return isRefused ? Errno.EOPNOTSUPP.result() : Edit.DONE;
    }

    static long protectionFlags(int protection) {
        return protection & (Mman.READ | Mman.WRITE | Mman.EXEC);
    }

    private long flagsOfFlags() {
        return ((flags & Mman.GROWSDOWN) != 0 ? VmaFlags.GROWSDOWN : 0)
                | ((flags & LOCKED) != 0 ? VmaFlags.LOCKED : 0)
                | ((flags & Mman.STACK) != 0 ? VmaFlags.NOHUGEPAGE : 0)
                | ((flags & Mman.MAP_SYNC) != 0 ? VmaFlags.SYNC : 0);
    }

    /** Returns the flags of a file mapping, or a negated errno. */
    private long flagsOfFile(Edit edit, long given, BackingTraits file, long size) {
        Geometry geometry = edit.geometry;
        long vmaFlags = given;
        long room = file.maximumSize() - size;
        if (Addresses.isBelow(file.maximumSize(), size)
                || Addresses.isBelow(geometry.pages(room), geometry.pages(offset))) {
            return Errno.EOVERFLOW.result();
        }
        int type = flags & Mman.TYPE;
        if (type == SHARED || type == SHARED_VALIDATE) {
            if (type == SHARED_VALIDATE && (flags & ~KNOWN_FLAGS) != 0) {
                return Errno.EOPNOTSUPP.result();
            }
            if ((protection & Mman.WRITE) != 0) {
                if (!file.writable()) {
                    return Errno.EACCES.result();
                }
                if (file.swapFile()) {
                    return Errno.ETXTBSY.result();
                }
            }
            if (file.appendOnly() && file.writable()) {
                return Errno.EACCES.result();
            }
            vmaFlags |= VmaFlags.MAYSHARE | VmaFlags.SHARED;
            if (!file.writable()) {
                vmaFlags &= ~(VmaFlags.MAYWRITE | VmaFlags.SHARED);
            }
        } else if (type != PRIVATE) {
            return Errno.EINVAL.result();
        }
        return flagsOfRights(vmaFlags, file);
    }

    private static long flagsOfRights(long given, BackingTraits file) {
        long vmaFlags = given;
        if (!file.readable()) {
            return Errno.EACCES.result();
        }
        if (!file.executable()) {
            if ((vmaFlags & VmaFlags.EXEC) != 0) {
                return Errno.EPERM.result();
            }
            vmaFlags &= ~VmaFlags.MAYEXEC;
        }
        if (!file.mappable()) {
            return Errno.ENODEV.result();
        }
        return (vmaFlags & VmaFlags.GROWSDOWN) != 0 ? Errno.EINVAL.result() : flagsOfSeals(vmaFlags, file);
    }

    /** A shared mapping of a file that is sealed against writes cannot be written ({@code memfd_check_seals_mmap}). */
    private static long flagsOfSeals(long vmaFlags, BackingTraits file) {
        Seals seals = (vmaFlags & VmaFlags.SHARED) != 0 ? FilePages.sealsOf(file) : null;
        if (seals == null || !seals.isAgainstWrites()) {
            return vmaFlags;
        }
        return (vmaFlags & VmaFlags.WRITE) != 0 ? Errno.EPERM.result() : vmaFlags & ~VmaFlags.MAYWRITE;
    }

    /** Returns the flags of an anonymous VMA, or a negated errno. */
    private long flagsOfAnonymous(long vmaFlags) {
        boolean growsDown = (vmaFlags & VmaFlags.GROWSDOWN) != 0;
        int type = flags & Mman.TYPE;
        if (type == SHARED) {
            if (growsDown) {
                return Errno.EINVAL.result();
            }
            return vmaFlags | VmaFlags.SHARED | VmaFlags.MAYSHARE;
        }
        if (type == DROPPABLE) {
            if ((flags & (LOCKED | HUGETLB)) != 0 || growsDown) {
                return Errno.EINVAL.result();
            }
            return vmaFlags | VmaFlags.DROPPABLE | VmaFlags.NORESERVE | VmaFlags.WIPEONFORK | VmaFlags.DONTDUMP;
        }
        return type == PRIVATE ? vmaFlags : Errno.EINVAL.result();
    }

    /**
     * Replaces the VMAs of the range by the mapping, whose address and flags are decided ({@code mmap_region} in {@code
     * mm/vma.c}). If this fails, a VMA may stay split at an end of the range.
     *
     * @param size bytes, in whole pages
     * @param decided the flags of the VMA, apart from ACCOUNT
     * @param early whether a munmap is in flight in the range
     * @param answer the result of the file's own {@code mmap}: DONE, or a negated errno
     * @return the address, or a negated errno
     */
    private long put(Edit edit, long start, long size, long decided, boolean early, long answer) {
        Geometry geometry = edit.geometry;
        long vmaFlags = decided;
        if (edit.layout.deniesExec(vmaFlags, vmaFlags)) {
            return Errno.EACCES.result();
        }
        long shared = VmaFlags.SHARED | VmaFlags.MAYWRITE;
        if (backing != null && (vmaFlags & shared) == shared && !edit.mayMapWritable(backing)) {
            return Errno.EPERM.result();
        }
        long end = start + size;
        long pages = geometry.pages(size);
        long refused = VmaMerge.cutAndGather(edit, start, end);
        if (refused != DONE) {
            return refused;
        }
        LayoutCounters replaced = edit.district.lists.gatheredCounters;
        if (!edit.district.limits.mayExpand(edit.counters, vmaFlags, pages - replaced.total)) {
            return Errno.ENOMEM.result();
        }
        // Private writable memory is charged to the commit limit, but not huge pages.
        if ((flags & HUGETLB) == 0
                && (vmaFlags & (VmaFlags.NORESERVE | VmaFlags.SHARED | VmaFlags.WRITE)) == VmaFlags.WRITE) {
            if (!edit.charge(Math.max(0, pages - replaced.accounted))) {
                return Errno.ENOMEM.result();
            }
            vmaFlags |= VmaFlags.ACCOUNT;
        }
        if (answer != DONE) {
            return leaveGap(edit, replaced, answer);
        }
        BackingTraits behind = backing;
        if ((vmaFlags & VmaFlags.SHARED) != 0 && (behind == null || behind.isZeroDevice())) {
            behind = BackingTraits.of(edit.createShared(size, (vmaFlags & VmaFlags.NORESERVE) == 0));
            if (behind == null) {
                return leaveGap(edit, replaced, Errno.ENOMEM.result());
            }
        }
        if (behind != null) {
            behind = edit.current(behind);
        }
        if (early) {
            edit.takeOver(start, end);
        }
        if (replaced.maps != 0 || early) {
            edit.gate(start, end);
        }
        VmaMerge.displace(edit);
        long pageOffset = geometry.pages(offset);
        if (file() == null) {
            // The page number of the address, so that parts which are moved away and back can be merged again.
            pageOffset = (flags & Mman.TYPE) == SHARED ? 0 : geometry.pages(start);
        }
        VmArea placed = VmaMerge.place(edit, new VmArea(start, end, vmaFlags, pageOffset, behind, null, null));
        if (placed.has(VmaFlags.LOCKED | VmaFlags.DROPPABLE)) {
            // Droppable memory is never locked, whatever mlockall requests; Linux checks that only after the merge.
            Mlock.unlock(edit, placed);
        }
        boolean populates = (flags & (Mman.POPULATE | Mman.NONBLOCK)) == Mman.POPULATE;
        if (populates || (vmaFlags & VmaFlags.LOCKED) != 0) {
            edit.populate(PopulateRange.Kind.BEST_EFFORT, start, end);
        }
        return start;
    }

    /**
     * Unmaps the mappings that would have been replaced, because Linux has also removed them by then
     * (vms_abort_munmap_vmas).
     */
    private static long leaveGap(Edit edit, LayoutCounters replaced, long errno) {
        if (replaced.maps != 0) {
            VmaMerge.unmap(edit, false);
        }
        return errno;
    }

    @Override
    public void revoke(Operation operation) {
        if ((flags & FIXED) != 0) {
            operation.revoke(address, length);
        }
    }

    @Override
    public String toString() {
        // The protection is printed as a long, because the kernel's prot is an unsigned long.
        return Call.text("mmap", address, length, (long) protection, flags, offset);
    }

    /**
     * {@code munmap} ({@code do_vmi_munmap} in {@code mm/vma.c}); {@link VmaMerge} cuts and unmaps. So ends a space.
     */
    public record Munmap(long address, long length) implements RangeCall {
        /**
         * Closes a layout that no longer has a user, and unmaps and uncharges all VMAs. A second call only unhooks
         * tables.
         */
        public static void close(Layout layout) {
            if (!layout.isClosed()) {
                long result = Syscall.run(layout, new ExitMmap());
                if (Errno.isError(result)) {
                    throw new IllegalStateException("a space could not be emptied: " + Errno.of(result));
                }
            }
            layout.unhookTables();
        }

        @Override
        public long decide(Edit edit) {
            return munmap(edit, address, length);
        }

        static long munmap(Edit edit, long address, long length) {
            Geometry geometry = edit.geometry;
            if (!geometry.isAligned(address)
                    || Addresses.isBelow(geometry.limit(), address)
                    || Addresses.isBelow(geometry.limit() - address, length)
                    || geometry.roundUp(length) == 0) {
                return Errno.EINVAL.result();
            }
            long end = address + geometry.roundUp(length);
            edit.claim(address, end);
            return VmaMerge.cutAndUnmap(edit, address, end);
        }

        @Override
        public void revoke(Operation operation) {
            operation.revoke(address, length);
        }

        @Override
        public boolean isMunmap() {
            return true;
        }

        @Override
        public String toString() {
            return Call.text("munmap", address, length);
        }

        /**
         * The teardown of a space ({@code exit_mmap} in {@code mm/mmap.c}): closes the space to calls, and unmaps all
         * VMAs, even sealed ones.
         */
        private record ExitMmap() implements Call {
            @Override
            public long decide(Edit edit) {
                edit.claim(0, edit.geometry.limit());
                VmaMerge.unmap(edit, 0, edit.geometry.limit());
                return DONE;
            }

            @Override
            public void revoke(Operation operation) {
                operation.revokeAll();
            }

            @Override
            public boolean mayBeRefused() {
                return false;
            }

            @Override
            public boolean endsSpace() {
                return true;
            }

            @Override
            public String toString() {
                return "close";
            }
        }
    }

    /**
     * The program break ({@code brk}, {@code mm/mmap.c}). A failure returns the unchanged break. Only an interrupted
     * wait and a backing's refusal return a negated errno.
     *
     * @param address the wanted break
     */
    public record Brk(long address) implements Call {
        private static final long HEAP_FLAGS = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT;

        @Override
        public long from(Layout layout) {
            return layout.origin.heapStart();
        }

        @Override
        public long to(Layout layout) {
            return Addresses.endOf(Addresses.higher(layout.brk(), address), layout.geometry.pageSize());
        }

        @Override
        public long decide(Edit edit) {
            Layout layout = edit.layout;
            Geometry geometry = edit.geometry;
            long start = layout.origin.heapStart();
            // The lock of the district that contains the start of the heap guards the break.
            edit.require(start, start);
            long current = edit.brk();
            long newEnd = geometry.roundUp(address);
            // Rounding up wraps in the last page of all addresses.
            if (Addresses.isBelow(newEnd, address)
                    || Addresses.isBelow(address, start)
                    || Addresses.isBelow(edit.district.limits.bytes(Resource.DATA), address - start)) {
                return current;
            }
            long oldEnd = geometry.roundUp(current);
            boolean done = newEnd == oldEnd
                    || (!Addresses.isBelow(current, address)
                            ? shrink(edit, newEnd, oldEnd)
                            : grow(edit, start, oldEnd, newEnd));
            if (!done) {
                return current;
            }
            edit.setBrk(address);
            return address;
        }

        private static boolean shrink(Edit edit, long newEnd, long oldEnd) {
            edit.claim(newEnd, oldEnd);
            return edit.firstIn(newEnd, oldEnd) != null && VmaMerge.cutAndUnmap(edit, newEnd, oldEnd) == 0;
        }

        private static boolean grow(Edit edit, long heapStart, long oldEnd, long newEnd) {
            Geometry geometry = edit.geometry;
            long length = newEnd - oldEnd;
            long pages = geometry.pages(length);
            long flags = HEAP_FLAGS | edit.defaultLock();
            if (Errno.isError(Placement.find(edit, null, oldEnd, length, 0, Mman.PRIVATE | Mman.FIXED))
                    || !edit.district.limits.mayLockMore(edit.privileges(), edit.counters, edit.defaultLock(), pages)) {
                return false;
            }
            edit.claim(oldEnd, newEnd);
            // One page beyond the new end must also be free, and so must the gap below a stack.
            VmArea next = edit.atOrAfter(oldEnd);
            if (next != null && Addresses.isBelow(Placement.guardedStart(edit, next), newEnd + geometry.pageSize())) {
                return false;
            }
            if (!edit.district.limits.mayExpand(edit.counters, flags, pages)
                    || !edit.mayGrow(0)
                    || !edit.charge(pages)) {
                return false;
            }
            VmArea piece = new VmArea(oldEnd, newEnd, flags, geometry.pages(oldEnd), null, null, null);
            VmArea previous = edit.before(oldEnd);
            boolean ofHeap = previous != null && Addresses.isBelow(heapStart, previous.end());
            if (!ofHeap || VmaMerge.join(edit, piece, false) == null) {
                edit.put(piece);
            }
            if ((edit.defaultLock() & VmaFlags.LOCKED) != 0) {
                edit.populate(PopulateRange.Kind.BEST_EFFORT, oldEnd, newEnd);
            }
            return true;
        }

        @Override
        public void revoke(Operation operation) {
            operation.revokeAll();
        }

        @Override
        public String toString() {
            return Call.text("brk", address);
        }
    }

    /**
     * {@code remap_file_pages} ({@code mm/mmap.c}): maps another part of the file that is mapped at an address, with
     * the same rights. The check of the old mapping and the new mapping are one edit, so no operation can intervene.
     */
    public record RemapFilePages(long address, long length, int protection, long pageOffset, int flags)
            implements Call {
        @Override
        public long from(Layout layout) {
            return layout.geometry.roundDown(address);
        }

        @Override
        public long to(Layout layout) {
            return Addresses.endOf(address, length);
        }

        @Override
        public long decide(Edit edit) {
            Geometry geometry = edit.geometry;
            long start = geometry.roundDown(address);
            long size = geometry.roundDown(length);
            long end = start + size;
            if (protection != 0
                    || !Addresses.isBelow(start, end)
                    || Addresses.isBelow(pageOffset + geometry.pages(size), pageOffset)) {
                return Errno.EINVAL.result();
            }
            edit.claim(start, end);
            VmArea vma = edit.at(start);
            BackingTraits file = vma == null ? null : vma.traits;
            if (vma == null || file == null || !vma.has(VmaFlags.SHARED) || !isOfOneFile(edit, vma, end)) {
                return Errno.EINVAL.result();
            }
            // The old mapping ends first, and the segment ends with it, so the new mapping fails (do_mmap, shm_mmap).
            long refusal = isRemovedWithRange(edit, vma, file, start, end) ? Errno.EINVAL.result() : DONE;
            int rights = (int) (vma.flags() & VmaFlags.ACCESS);
            int mapFlags = Mman.SHARED
                    | Mman.FIXED
                    | Mman.POPULATE
                    | (flags & Mman.NONBLOCK)
                    | (vma.has(VmaFlags.LOCKED) ? Mman.LOCKED : 0);
            long mapped = new Mmap(start, size, rights, mapFlags, file, offset(geometry)).map(edit, refusal);
            return Errno.isError(mapped) ? mapped : DONE;
        }

        /**
         * Returns whether the range, from a VMA on, contains no hole, and its VMAs have the same file and equal flags.
         */
        private static boolean isOfOneFile(Edit edit, VmArea first, long end) {
            VmArea vma = first;
            while (Addresses.isBelow(vma.end(), end)) {
                VmArea next = edit.at(vma.end());
                if (next == null || next.backing() != first.backing() || next.flags() != first.flags()) {
                    return false;
                }
                vma = next;
            }
            return true;
        }

        /**
         * Returns whether the file is a System V segment that is marked for removal and mapped only by VMAs that are
         * completely in the range.
         */
        private static boolean isRemovedWithRange(Edit edit, VmArea first, BackingTraits file, long start, long end) {
            if (!(file.pageCache() instanceof FilePages pages) || first.start() != start) {
                return false;
            }
            int vmas = 1;
            VmArea vma = first;
            while (Addresses.isBelow(vma.end(), end)) {
                vma = Objects.requireNonNull(edit.at(vma.end()));
                vmas++;
            }
            return vma.end() == end && pages.isRemovedWith(vmas);
        }

        /**
         * Returns the offset in bytes. If it cannot be represented, returns the last page-aligned offset, which is
         * beyond the size of any file.
         */
        private long offset(Geometry geometry) {
            long last = geometry.roundDown(-1L);
            return Addresses.isAbove(pageOffset, geometry.pages(last)) ? last : pageOffset << geometry.pageShift();
        }

        @Override
        public void revoke(Operation operation) {
            operation.revoke(address, length);
        }

        @Override
        public String toString() {
            return Call.text("remap_file_pages", address, length, protection, pageOffset, flags);
        }
    }
}
