// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The VMAs of a fork's child ({@code dup_mmap}): which of the parent's VMAs it gets, and with which flags. {@link
 * dev.samara.core.internal.op.CopyPageTables} copies their pages, except for VMAs with {@code WIPEONFORK}.
 */
final class ForkVmas {
    private ForkVmas() {}

    /**
     * Acquires references to the VMAs whose backings are asked for the child's opens. The caller holds the parent's
     * lock.
     */
    static void acquire(Snapshot<VmArea> parents, LayoutCounters counters, List<VmArea> acquired) {
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

    /**
     * Fills a child's layout.
     *
     * @param maps the approximate number of VMAs
     */
    static void fork(Layout child, Snapshot<VmArea> parents, List<PendingJoin> joins, int maps) {
        List<VmArea> wholes = wholes(parents, joins, child.geometry().pageShift(), maps);
        InitialMappingsCall.run(child, new Inherited(wholes, maps));
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
                    InitialMappingsCall.charge(edit, copy);
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
                vma.traits(),
                vma.name(),
                hasPages ? AnonVma.inherited() : null);
    }
}
