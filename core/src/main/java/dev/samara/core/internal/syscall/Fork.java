// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.CopyPageTables;
import dev.samara.core.internal.op.Cut;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
                        memory.accessChecker,
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
                try (Cut.Instant instant = new Cut.Instant(parent, "a fork")) {
                    instant.await();
                    checkStable(parent);
                    child = parent.emptyChild();
                    vmas = parent.snapshot();
                    maps = (int) parent.counters().maps;
                    joins = parent.inFlight().joins();
                    acquire(vmas, parent.counters(), acquired);
                    if (gather != null) {
                        Cut cut = new Cut(parent, "a fork");
                        copy = new CopyPageTables(parent, child, gather, cut);
                        copy.holdWritableFiles(vmas);
                        cut.begin();
                    }
                }
                if (copy != null) {
                    // Copies the pages before the child's opens are requested, so that no operation waits for a
                    // backing.
                    copy.run(vmas, objects, segments);
                }
            } finally {
                // Ends the copy in any case, because until then faults and operations of the parent wait.
                if (copy != null) {
                    copy.cut.close();
                }
            }
            List<VmArea> wholes = wholes(vmas, joins, child.geometry.pageShift(), maps);
            InitialMappings.run(child, new Inherited(wholes, maps));
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
                child.lifetime.put();
            }
        }
    }

    /**
     * Acquires references to the VMAs whose backings are asked for the child's opens. The caller holds the parent's
     * lock.
     */
    private static void acquire(Snapshot<VmArea> parents, LayoutCounters counters, List<VmArea> acquired) {
        if (counters.opens == 0) {
            return;
        }
        parents.forEach((first, last, vma) -> {
            if (vma.open() != null) {
                // Added to the list before it is acquired, because a reference that is not in the list would never be
                // released.
                acquired.add(vma);
                if (!vma.acquire()) {
                    acquired.remove(acquired.size() - 1);
                }
            }
        });
    }

    /** The call that stores copies of a parent's VMAs. */
    private record Inherited(List<VmArea> wholes, int maps) implements Call {
        @Override
        public long decide(Edit edit) {
            TreeBuilder<VmArea> copies = new TreeBuilder<>(maps);
            edit.expect(maps);
            for (VmArea vma : wholes) {
                if (!vma.has(VmaFlags.DONTCOPY)) {
                    VmArea copy = inherit(vma);
                    InitialMappings.charge(edit, copy);
                    edit.putLater(copy);
                    copies.add(copy.start(), copy.end() - 1, copy);
                }
            }
            edit.fill(copies);
            return Edit.DONE;
        }

        @Override
        public boolean mayBeRefused() {
            return false;
        }

        @Override
        public String toString() {
            return "fork";
        }
    }

    /**
     * Returns the VMAs of a child. Because no range is in flight in a child, none completes there. So VMAs that are
     * separate only because of a range in flight of the parent are joined here.
     */
    private static List<VmArea> wholes(Snapshot<VmArea> parents, List<PendingJoin> joins, int pageShift, int maps) {
        Map<Long, PendingJoin> byAddress = byAddress(joins);
        List<VmArea> wholes = new ArrayList<>(maps);
        parents.forEach((first, last, vma) -> {
            // Most forks find no range in flight; then no key is boxed.
            PendingJoin join = wholes.isEmpty() || byAddress.isEmpty() ? null : byAddress.get(first);
            VmArea whole = join == null ? null : VmaMerge.whole(wholes.get(wholes.size() - 1), vma, join, pageShift);
            if (whole == null) {
                wholes.add(vma);
            } else {
                wholes.set(wholes.size() - 1, whole);
            }
        });
        return wholes;
    }

    /** Returns the joins by address. Of two joins at the same address, keeps a seam, which permits more merges. */
    private static Map<Long, PendingJoin> byAddress(List<PendingJoin> joins) {
        Map<Long, PendingJoin> byAddress = new HashMap<>();
        for (PendingJoin join : joins) {
            if (join.isSeam() || !byAddress.containsKey(join.address())) {
                byAddress.put(join.address(), join);
            }
        }
        return byAddress;
    }

    /**
     * Returns a child's copy of a VMA. The copy is not locked. It has its own anon_vma, for pages that it shares with
     * the parent until they are written.
     */
    private static VmArea inherit(VmArea vma) {
        boolean hasPages = vma.anonVma() != null && !vma.has(VmaFlags.WIPEONFORK);
        return new VmArea(
                vma.start(),
                vma.end(),
                vma.flags() & ~VmaFlags.LOCKED_MASK,
                vma.pageOffset(),
                vma.traits,
                vma.name(),
                hasPages ? AnonVma.inherited() : null);
    }
}
