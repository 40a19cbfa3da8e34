// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.MergeRules;
import dev.samara.core.internal.op.SharedContents;
import dev.samara.core.internal.space.Counters;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Origin;
import dev.samara.core.internal.space.PendingJoin;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The first contents of a layout: the initial mappings, or for a child copies of its parent's VMAs. */
public final class Load {
    private Load() {}

    /** Returns the descriptions that lie above the user's part; ascending. */
    private static List<VmArea> above(Geometry geometry, List<VmArea> mapped) {
        return mapped.stream()
                .filter(vma -> isAbove(geometry, vma))
                .sorted((one, other) -> Long.compareUnsigned(one.start(), other.start()))
                .toList();
    }

    private static boolean isAbove(Geometry geometry, VmArea vma) {
        return !Addresses.isBelow(vma.start(), geometry.limit());
    }

    /**
     * Creates a layout and loads its initial mappings, except those above the user's part.
     *
     * @param origin the initial state
     * @param mapped descriptions of mappings, in any order; no call can change those above the user's limit
     * @throws IllegalArgumentException if a mapping is unaligned, overlaps another or a guard, or crosses the limit
     * @throws MmException with ENOMEM if the commit limit does not allow them, or the limit of page tables the topmost
     *     one; or with the errno of a backing's refusal
     */
    public static Layout load(Origin origin, List<VmArea> mapped) {
        Layout layout = new Layout(origin, above(origin.geometry(), mapped));
        for (VmArea vma : mapped) {
            check(layout, vma);
        }
        run(layout, new Described(mapped));
        boolean isCharged = false;
        try {
            layout.chargeRoot("newSpace");
            isCharged = true;
            return layout;
        } finally {
            if (!isCharged) {
                layout.lifetime().put();
            }
        }
    }

    /** The call that stores descriptions. */
    private record Described(List<VmArea> mapped) implements Call {
        @Override
        public long decide(Edit edit) {
            for (VmArea vma : mapped) {
                if (!isAbove(edit.geometry, vma)) {
                    VmArea other = edit.firstIn(vma.start(), vma.end());
                    if (other != null) {
                        throw new Refused(vma, other);
                    }
                    VmArea copy = copy(edit, vma);
                    charge(edit, copy);
                    edit.put(copy);
                }
            }
            return Edit.DONE;
        }

        @Override
        public boolean mayBeRefused() {
            return false;
        }

        @Override
        public String toString() {
            return "load";
        }
    }

    /** Returns a new VMA: a description may be loaded into several spaces, and a VMA belongs to one. */
    private static VmArea copy(Edit edit, VmArea vma) {
        BackingTraits traits = vma.traits();
        return new VmArea(
                vma.start(),
                vma.end(),
                vma.flags(),
                vma.pageOffset(),
                traits == null ? null : SharedContents.current(edit, traits),
                vma.name(),
                vma.anonVma());
    }

    private static void check(Layout layout, VmArea vma) {
        Geometry geometry = layout.geometry();
        if (!geometry.isAligned(vma.start()) || !geometry.isAligned(vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " does not lie on page boundaries");
        }
        if (isAbove(geometry, vma)) {
            return;
        }
        if (Addresses.isBelow(geometry.limit(), vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " crosses the limit of the space");
        }
        if (layout.origin().isGuarded(vma.start(), vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " reaches into a guard at an end of the space");
        }
        if (vma.backing() instanceof SharedAnonymous object
                && !object.isChargedTo(layout.host().committed())) {
            throw new IllegalArgumentException("mapping " + vma + " maps an object of another machine");
        }
    }

    /**
     * Acquires references to the VMAs whose backings are asked for the child's opens. Caller holds the parent's lock.
     */
    static void acquire(Snapshot<VmArea> parents, Counters counters, List<VmArea> acquired) {
        if (counters.opens == 0) {
            return;
        }
        parents.forEach((first, last, vma) -> {
            if (vma.open() != null) {
                // Before the reference is acquired: without a place in the list it would never be released.
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
        run(child, new Inherited(wholes, maps));
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
                    charge(edit, copy);
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
     * Returns the VMAs of a child. No range is in flight in a child, and none completes there: VMAs that only a range
     * in flight of the parent separates are joined here.
     */
    private static List<VmArea> wholes(Snapshot<VmArea> parents, List<PendingJoin> joins, int pageShift, int maps) {
        List<VmArea> wholes = new ArrayList<>(maps);
        parents.forEach((first, last, vma) -> {
            VmArea whole = vma;
            for (PendingJoin join : joins) {
                if (join.address() == first && !wholes.isEmpty()) {
                    VmArea joined = MergeRules.whole(wholes.get(wholes.size() - 1), whole, join, pageShift);
                    if (joined != null) {
                        wholes.remove(wholes.size() - 1);
                        whole = joined;
                        break;
                    }
                }
            }
            wholes.add(whole);
        });
        return wholes;
    }

    /**
     * Returns a child's copy of a VMA. The copy is not locked. It has an anon_vma of its own, for pages that it shares
     * with the parent until written.
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

    private static void charge(Edit edit, VmArea copy) {
        if (copy.has(VmaFlags.ACCOUNT) && !edit.charge(edit.pagesOf(copy))) {
            throw new Refused(copy, null);
        }
    }

    private static void run(Layout layout, Call call) {
        try {
            long result = Syscall.run(layout, call);
            if (Errno.isError(result)) {
                throw new MmException(call.toString(), Errno.of(result));
            }
        } catch (Refused refused) {
            VmArea overlapped = refused.overlapped;
            if (overlapped != null) {
                throw new IllegalArgumentException("mapping " + refused.vma + " overlaps " + overlapped);
            }
            throw new MmException(call + " of " + refused.vma, Errno.ENOMEM);
        }
    }

    /**
     * Thrown in an attempt to leave it and the lock. A VMA must not be printed under the lock: its backing would be
     * asked for its name.
     */
    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient VmArea vma;
        private final transient @Nullable VmArea overlapped;

        Refused(VmArea vma, @Nullable VmArea overlapped) {
            super(null, null, false, false);
            this.vma = vma;
            this.overlapped = overlapped;
        }
    }
}
