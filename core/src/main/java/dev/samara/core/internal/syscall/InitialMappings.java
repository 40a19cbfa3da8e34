// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Layout.Origin;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.TreeBuilder;
import java.util.ArrayList;
import java.util.List;

/**
 * The initial mappings of a layout that is not a fork's child. {@link Fork} fills the layout of a child.
 *
 * <p>The descriptions are sorted and compared before the call, and stored in one step, because separate stores take half
 * of the time of a space that is loaded from an image.
 */
public final class InitialMappings {
    private InitialMappings() {}

    /** Returns the descriptions in ascending order. */
    private static List<VmArea> sorted(List<VmArea> mapped) {
        List<VmArea> sorted = new ArrayList<>(mapped);
        sorted.sort((one, other) -> Long.compareUnsigned(one.start(), other.start()));
        return sorted;
    }

    private static boolean isAbove(Geometry geometry, VmArea vma) {
        return !Addresses.isBelow(vma.start(), geometry.limit());
    }

    /**
     * Creates a layout and loads its initial mappings, except the mappings above the user's part.
     *
     * @param spaces the spaces of the machine
     * @param origin the initial state
     * @param mapped descriptions of mappings, in any order; no call can change mappings above the user's limit
     * @throws IllegalArgumentException if a mapping is unaligned, overlaps another mapping or a guard, or crosses the
     *     limit
     * @throws MmException with ENOMEM if the commit limit does not allow the mappings, or the limit of page tables does
     *     not allow the root table; or with the errno of a backing's refusal
     */
    public static Layout load(Spaces spaces, Origin origin, List<VmArea> mapped) {
        List<VmArea> sorted = sorted(mapped);
        int users = 0;
        while (users < sorted.size() && !isAbove(origin.geometry(), sorted.get(users))) {
            users++;
        }
        Layout layout = new Layout(spaces, origin, List.copyOf(sorted.subList(users, sorted.size())));
        for (VmArea vma : mapped) {
            check(layout, vma);
        }
        if (users > 0) {
            List<VmArea> stored = sorted.subList(0, users);
            checkApart(stored, mapped);
            run(layout, new Described(stored));
        }
        try {
            layout.chargeRoot("newSpace");
            return layout;
        } catch (Throwable thrown) {
            layout.lifetime.put();
            throw thrown;
        }
    }

    /** Checks that no description overlaps another one; of two that do, names the later one first. */
    private static void checkApart(List<VmArea> sorted, List<VmArea> mapped) {
        for (int i = 1; i < sorted.size(); i++) {
            VmArea lower = sorted.get(i - 1);
            VmArea upper = sorted.get(i);
            if (Addresses.isBelow(upper.start(), lower.end())) {
                boolean isLowerFirst = mapped.indexOf(lower) < mapped.indexOf(upper);
                throw new IllegalArgumentException(
                        "mapping " + (isLowerFirst ? upper : lower) + " overlaps " + (isLowerFirst ? lower : upper));
            }
        }
    }

    /** The call that stores descriptions, in ascending order and apart from each other, in an empty layout. */
    private record Described(List<VmArea> sorted) implements Call {
        @Override
        public long decide(Edit edit) {
            int count = sorted.size();
            TreeBuilder<VmArea> copies = new TreeBuilder<>(count);
            edit.expect(count);
            for (int i = 0; i < count; i++) {
                VmArea copy = copy(edit, sorted.get(i));
                charge(edit, copy);
                edit.putLater(copy);
                copies.add(copy.start(), copy.end() - 1, copy);
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
            return "load";
        }
    }

    /** Returns a new VMA, because a description may be loaded into several spaces, and a VMA belongs to only one. */
    private static VmArea copy(Edit edit, VmArea vma) {
        BackingTraits traits = vma.traits;
        return new VmArea(
                vma.start(),
                vma.end(),
                vma.flags(),
                vma.pageOffset(),
                traits == null ? null : edit.current(traits),
                vma.name(),
                vma.anonVma());
    }

    private static void check(Layout layout, VmArea vma) {
        Geometry geometry = layout.geometry;
        if (!geometry.isAligned(vma.start()) || !geometry.isAligned(vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " does not lie on page boundaries");
        }
        if (isAbove(geometry, vma)) {
            return;
        }
        if (Addresses.isBelow(geometry.limit(), vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " crosses the limit of the space");
        }
        if (layout.origin.isGuarded(vma.start(), vma.end())) {
            throw new IllegalArgumentException("mapping " + vma + " reaches into a guard at an end of the space");
        }
        if (vma.backing() instanceof SharedAnonymous object && !object.isChargedTo(layout.host.committed)) {
            throw new IllegalArgumentException("mapping " + vma + " maps an object of another machine");
        }
    }

    /** Charges the memory of a VMA that is stored next. */
    static void charge(Edit edit, VmArea copy) {
        if (copy.has(VmaFlags.ACCOUNT) && !edit.charge(edit.pagesOf(copy))) {
            throw new Refused(copy);
        }
    }

    /**
     * Runs the call.
     *
     * @throws MmException with ENOMEM if the commit limit does not allow a mapping, or with the errno of a backing
     */
    static void run(Layout layout, Call call) {
        try {
            long result = Syscall.run(layout, call);
            if (Errno.isError(result)) {
                throw new MmException(call.toString(), Errno.of(result));
            }
        } catch (Refused refused) {
            throw new MmException(call + " of " + refused.vma, Errno.ENOMEM);
        }
    }

    /**
     * Thrown to leave an attempt and release the lock. A VMA must not be formatted under the lock, because its backing
     * would be called for its name.
     */
    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient VmArea vma;

        Refused(VmArea vma) {
            super(null, null, false, false);
            this.vma = vma;
        }
    }
}
