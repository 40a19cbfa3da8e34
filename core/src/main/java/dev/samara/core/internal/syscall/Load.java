// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Filling;
import dev.samara.core.internal.op.MergeRules;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.space.Counters;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.AnonVma;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The first contents of a layout: the initial mappings, or for a child copies of its parent's VMAs. */
public final class Load {
    private Load() {}

    /** Returns the descriptions that lie above the user's part; ascending. */
    public static List<Vma> above(Geometry geometry, List<Vma> mapped) {
        return mapped.stream()
                .filter(vma -> isAbove(geometry, vma))
                .sorted((one, other) -> Long.compareUnsigned(one.start(), other.start()))
                .toList();
    }

    private static boolean isAbove(Geometry geometry, Vma vma) {
        return Long.compareUnsigned(vma.start(), geometry.limit()) >= 0;
    }

    /** Loads descriptions, except those above the user's part. */
    public static void load(Layout layout, List<Vma> mapped) {
        for (Vma vma : mapped) {
            check(layout, vma);
        }
        run(layout, Call.LOAD, edit -> {
            for (Vma vma : mapped) {
                if (!isAbove(layout.geometry(), vma)) {
                    Vma other = edit.firstIn(vma.start(), vma.end());
                    if (other != null) {
                        throw new Refused(vma, other);
                    }
                    put(edit, copy(edit, vma));
                }
            }
            return Edit.DONE;
        });
    }

    /** Returns a new VMA: a description may be loaded into several spaces, and a VMA belongs to one. */
    private static Vma copy(Edit edit, Vma vma) {
        BackingTraits traits = vma.traits();
        return Vma.mapping(
                vma.start(),
                vma.end(),
                vma.flags(),
                vma.pageOffset(),
                traits == null ? null : edit.current(traits),
                vma.name(),
                vma.anonIdentity());
    }

    private static void check(Layout layout, Vma vma) {
        Geometry geometry = layout.geometry();
        if (!geometry.isAligned(vma.start()) || !geometry.isAligned(vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " does not lie on page boundaries");
        }
        if (isAbove(geometry, vma)) {
            return;
        }
        if (Long.compareUnsigned(vma.end(), geometry.limit()) > 0) {
            throw new IllegalArgumentException("mapping " + vma + " crosses the limit of the space");
        }
        if (layout.isGuarded(vma.start(), vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " reaches into a guard at an end of the space");
        }
        if (vma.backing() instanceof SharedAnonymous object && object.host() != layout.host()) {
            throw new IllegalArgumentException("mapping " + vma + " maps an object of another machine");
        }
    }

    /**
     * Acquires references to the VMAs whose backings are asked for the child's opens. Caller holds the parent's lock.
     */
    static void keep(Snapshot<Vma> parents, Counters counters, List<Vma> kept) {
        if (counters.opens == 0) {
            return;
        }
        parents.forEach((first, last, vma) -> {
            if (Life.openOf(vma) != null && Life.keep(vma)) {
                kept.add(vma);
            }
        });
    }

    /**
     * Fills a child's layout.
     *
     * @param maps the approximate number of VMAs
     */
    static void fork(Layout child, Snapshot<Vma> parents, List<InFlightRange.Join> joins, int maps) {
        List<Vma> wholes = wholes(parents, joins, child.geometry().pageShift(), maps);
        run(child, Call.FORK, edit -> {
            TreeBuilder<Vma> copies = new TreeBuilder<>(maps);
            edit.expect(maps);
            for (Vma vma : wholes) {
                if (!vma.has(VmaFlags.DONTCOPY)) {
                    Vma copy = inherit(vma);
                    charge(edit, copy);
                    edit.putLater(copy);
                    copies.add(copy.start(), copy.end() - 1, copy);
                }
            }
            edit.fill(copies);
            return Edit.DONE;
        });
    }

    /**
     * Returns the VMAs of a child. No range is in flight in a child, and none completes there: VMAs that only a range
     * in flight of the parent separates are joined here.
     */
    private static List<Vma> wholes(Snapshot<Vma> parents, List<InFlightRange.Join> joins, int pageShift, int maps) {
        List<Vma> wholes = new ArrayList<>(maps);
        parents.forEach((first, last, vma) -> {
            Vma whole = vma;
            for (InFlightRange.Join join : joins) {
                if (join.address() == first && !wholes.isEmpty()) {
                    Vma joined = MergeRules.whole(wholes.get(wholes.size() - 1), whole, join, pageShift);
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
     * Returns a child's copy of a VMA. It is not locked, and has an identity of its own for pages that it shares with
     * the parent until written.
     */
    private static Vma inherit(Vma vma) {
        boolean hasPages = vma.anonIdentity() != null && !vma.has(VmaFlags.WIPEONFORK);
        return Vma.mapping(
                vma.start(),
                vma.end(),
                vma.flags() & ~VmaFlags.LOCKED_MASK,
                vma.pageOffset(),
                vma.traits(),
                vma.name(),
                hasPages ? AnonVma.inherited() : null);
    }

    private static void put(Edit edit, Vma copy) {
        charge(edit, copy);
        edit.put(copy);
    }

    private static void charge(Edit edit, Vma copy) {
        if (copy.has(VmaFlags.ACCOUNT) && !edit.charge(edit.pagesOf(copy))) {
            throw new Refused(copy, null);
        }
    }

    private static void run(Layout layout, Call call, Filling filling) {
        String name = call.name().toLowerCase(Locale.ROOT);
        try {
            long result = new Operation(layout, call, 0, 0, 0, 0, 0, filling).run();
            if (Errno.isError(result)) {
                throw new MmException(name, Errno.of(result));
            }
        } catch (Refused refused) {
            Vma overlapped = refused.overlapped;
            if (overlapped != null) {
                throw new IllegalArgumentException("mapping " + refused.vma + " overlaps " + overlapped);
            }
            throw new MmException(name + " of " + refused.vma, Errno.ENOMEM);
        }
    }

    /**
     * Thrown in an attempt to leave it and the lock. A VMA must not be printed under the lock: its backing would be
     * asked for its name.
     */
    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient Vma vma;
        private final transient @Nullable Vma overlapped;

        Refused(Vma vma, @Nullable Vma overlapped) {
            super(null, null, false, false);
            this.vma = vma;
            this.overlapped = overlapped;
        }
    }
}
