// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.VmaFlags;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** {@code shmat}, {@code shmdt}, and the lock of a segment ({@code ipc/shm.c}). */
public final class Shm {
    /** The stack that ending the use of a segment needs, in stack frames. */
    private static final int DEPTH = 16;

    private Shm() {}

    public static long shmat(Layout layout, @Nullable SharedSegment segment, long address, int flags) {
        if (segment == null || segment.isRemoved()) {
            return Syscall.run(layout, new Attach(null, address, flags));
        }
        if (!(segment.attach(true).pageCache() instanceof FilePages pages)) {
            return Syscall.run(layout, new Attach(segment, address, flags));
        }
        // Like do_shmat, counts an attachment before it maps one, so that the segment is not removed in the meantime.
        StackReserve.check(DEPTH);
        boolean isThere = pages.beginUse();
        try {
            return Syscall.run(layout, new Attach(isThere ? segment : null, address, flags));
        } finally {
            if (isThere) {
                pages.endUse();
            }
        }
    }

    /** {@code SHM_LOCK} ({@code shmctl_do_lock}). The layout lock guards the limit. */
    public static long shmLock(Layout layout, @Nullable SharedSegment segment) {
        int privileges = layout.privileges.held();
        boolean isAllowed;
        long limit;
        layout.lock();
        try {
            if (layout.isClosed()) {
                return Errno.ESRCH.result();
            }
            isAllowed = layout.limits.mayLock(privileges);
            limit = layout.limits.lockable(privileges);
        } finally {
            layout.unlock();
        }
        if (segment == null || segment.isRemoved()) {
            return Errno.EINVAL.result();
        }
        long charge = layout.geometry.roundUp(segment.size());
        return layout.host.lockedSegments.shmLock(segment, charge, isAllowed, limit);
    }

    /** {@code SHM_UNLOCK}. */
    public static long shmUnlock(Layout layout, @Nullable SharedSegment segment) {
        if (layout.isClosed()) {
            return Errno.ESRCH.result();
        }
        return segment == null || segment.isRemoved()
                ? Errno.EINVAL.result()
                : layout.host.lockedSegments.shmUnlock(segment);
    }

    /**
     * {@code shmat}.
     *
     * @param segment the segment; null for an identifier that does not exist
     */
    record Attach(@Nullable SharedSegment segment, long address, int flags) implements Call {
        @Override
        public long decide(Edit edit) {
            Geometry geometry = edit.geometry;
            boolean remap = (flags & Mman.REMAP) != 0;
            boolean fixed = address != 0;
            long wanted = (flags & Mman.RND) != 0 ? geometry.roundDown(address) : address;
            if (segment == null || !geometry.isAligned(wanted) || (remap && wanted == 0)) {
                return Errno.EINVAL.result();
            }
            if (wanted != 0 && !remap) {
                long end = wanted + segment.size();
                if (Addresses.isBelow(end, wanted)) {
                    return Errno.EINVAL.result();
                }
                edit.claim(wanted, end);
                if (edit.firstIn(wanted, end) != null) {
                    return Errno.EINVAL.result();
                }
            }
            boolean readOnly = (flags & Mman.RDONLY) != 0;
            int protection = Mman.READ | (readOnly ? 0 : Mman.WRITE) | ((flags & Mman.SHM_EXEC) != 0 ? Mman.EXEC : 0);
            int mapFlags = Mman.SHARED | (fixed ? Mman.FIXED : 0);
            return new Mmap(wanted, segment.size(), protection, mapFlags, BackingTraits.of(segment.attach(readOnly)), 0)
                    .map(edit, DONE);
        }

        @Override
        public void revoke(Operation operation) {
            operation.revokeAll();
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "shmat(%s, 0x%x, 0x%x)", segment, address, flags);
        }
    }

    /** {@code shmdt}: unmaps every piece of the attachment that starts at an address. */
    public record Detach(long address) implements Call {
        @Override
        public long decide(Edit edit) {
            if (!edit.geometry.isAligned(address)) {
                return Errno.EINVAL.result();
            }
            VmArea found = edit.atOrAfter(address);
            while (found != null && !startsAttachment(edit, found, null)) {
                found = edit.atOrAfter(found.end());
            }
            if (found == null || !(found.backing() instanceof SharedSegment.Attachment attachment)) {
                return Errno.EINVAL.result();
            }
            detach(edit, found);
            // Then unmaps other pieces of the attachment, if a partial munmap or mprotect cut it.
            long size = edit.geometry.roundUp(attachment.segment().size());
            VmArea vma = edit.atOrAfter(found.end());
            while (vma != null && Addresses.isAtMost(vma.end() - address, size)) {
                if (startsAttachment(edit, vma, attachment)) {
                    detach(edit, vma);
                }
                vma = edit.atOrAfter(vma.end());
            }
            return DONE;
        }

        private static void detach(Edit edit, VmArea vma) {
            edit.claim(vma.start(), vma.end());
            if (!vma.has(VmaFlags.SEALED)) {
                VmaMerge.unmap(edit, vma.start(), vma.end());
            }
        }

        /** Returns whether the offset of a VMA shows that it is a piece of an attachment that began at the address. */
        private boolean startsAttachment(Edit edit, VmArea vma, SharedSegment.@Nullable Attachment attachment) {
            return vma.backing() instanceof SharedSegment.Attachment own
                    && (attachment == null || own == attachment)
                    && edit.geometry.pages(vma.start() - address) == vma.pageOffset();
        }

        @Override
        public void revoke(Operation operation) {
            operation.revokeAll();
        }

        @Override
        public String toString() {
            return Call.text("shmdt", address);
        }
    }
}
