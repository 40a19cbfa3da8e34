// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.CopyPageTables;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code fork}: copies the layout of one instant, with its pages, for a child ({@code dup_mmap} in {@code
 * kernel/fork.c}). The parent's lock is held only for that instant.
 */
public final class Fork {
    private Fork() {}

    /**
     * Copies the layout of one instant for a child.
     *
     * @return the child's layout
     * @throws MmException with ESRCH if the parent is closed, with ENOMEM if the commit limit does not allow a second
     *     copy or the parent is {@linkplain Layout#reaping unstable}, with EAGAIN if there is no page table context, or
     *     with the errno of a backing's refusal
     */
    @SuppressWarnings("try") // the resource is only closed
    public static Layout fork(Layout parent) {
        ThreadCpus.checkMayWait("a fork");
        parent.checkNotClosed("fork");
        MachineMemory memory = parent.memoryOrNull();
        if (memory == null) {
            return copyOf(parent, null);
        }
        try (TlbGather gather = gatherOf(memory);
                AccessChecker.Revocation revocation = AccessChecker.beginIfChecked(
                        memory.accessChecker(),
                        "fork",
                        AccessChecker.WRITE,
                        parent.pages().number(),
                        0,
                        0)) {
            return copyOf(parent, gather);
        }
    }

    /**
     * Returns a gather with a page table context, for the copy and its undo. Called before anything that must be
     * undone.
     */
    private static TlbGather gatherOf(MachineMemory memory) {
        try {
            TlbGather gather = TlbGather.with(memory, null);
            if (gather.tryResume()) {
                return gather;
            }
        } catch (OutOfMemoryError exhausted) {
            throw new MmException("fork", Errno.ENOMEM);
        }
        throw new MmException("fork", Errno.EAGAIN);
    }

    private static Layout copyOf(Layout parent, @Nullable TlbGather gather) {
        // The finally blocks below release resources, so they must not overflow the stack.
        StackReserve.check(StackReserve.MANY);
        List<VmArea> acquired = new ArrayList<>();
        List<SharedAnonymous> objects = new ArrayList<>(0);
        ArrayList<FilePages> segments = new ArrayList<>(0);
        CopyPageTables copy = null;
        Layout child = null;
        boolean done = false;
        try {
            Snapshot<VmArea> vmas;
            List<PendingJoin> joins;
            int maps;
            try {
                try (ForkInstant instant = new ForkInstant(parent)) {
                    instant.await();
                    checkStable(parent);
                    child = parent.emptyChild();
                    vmas = parent.snapshot();
                    maps = (int) parent.counters().maps;
                    joins = parent.inFlight().joins();
                    ForkVmas.acquire(vmas, parent.counters(), acquired);
                    if (gather != null) {
                        List<InFlightOperation> earlier =
                                List.copyOf(parent.inFlight().operations());
                        copy = new CopyPageTables(parent, child, gather, earlier);
                        copy.holdWritableFiles(vmas);
                        parent.copies().add(copy.gate());
                    }
                }
                if (copy != null) {
                    // Copies the pages before the child's opens are requested, so that no operation waits for a
                    // backing.
                    copy.run(vmas, objects, segments);
                }
            } finally {
                // Ends the copy in any case, because until then faults and operations of the parent wait.
                end(parent, copy);
            }
            ForkVmas.fork(child, vmas, joins, maps);
            if (copy != null) {
                copy.trim();
            }
            done = true;
            return child;
        } finally {
            try {
                if (!done) {
                    undo(child, copy);
                }
            } finally {
                if (copy != null) {
                    copy.endHolds();
                }
                release(objects, segments, acquired);
            }
        }
    }

    /** Allocates nothing, so that every resource is released even if the heap is exhausted. */
    private static void release(List<SharedAnonymous> objects, List<FilePages> segments, List<VmArea> acquired) {
        for (int i = 0; i < objects.size(); i++) {
            objects.get(i).drop();
        }
        for (int i = 0; i < segments.size(); i++) {
            segments.get(i).endUse();
        }
        for (int i = 0; i < acquired.size(); i++) {
            acquired.get(i).release();
        }
    }

    /**
     * Refuses the fork of a space whose pages were reaped. On Linux its threads have a pending fatal signal, and {@code
     * dup_mmap} ends with an EINTR that no caller sees. Here, a caller would retry EINTR forever. The caller holds the
     * layout lock, under which the reap sets its mark. So if the mark is not set, the caller registers its copy before
     * the first page is reaped.
     */
    private static void checkStable(Layout parent) {
        if (parent.isUnstable()) {
            throw new MmException("fork", Errno.ENOMEM);
        }
    }

    /** Releases the pages and VMAs of a child that is not returned. */
    private static void undo(@Nullable Layout child, @Nullable CopyPageTables copy) {
        try {
            if (copy != null) {
                copy.undo();
            }
        } finally {
            if (child != null) {
                child.lifetime().put();
            }
        }
    }

    /** Ends a copy and wakes its waiters. */
    private static void end(Layout parent, @Nullable CopyPageTables copy) {
        if (copy != null) {
            parent.lock();
            try {
                copy.end();
            } finally {
                parent.unlock();
            }
            Gate.wake(copy.gate().open());
        }
    }
}
