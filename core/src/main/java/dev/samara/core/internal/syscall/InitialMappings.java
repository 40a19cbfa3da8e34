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
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The initial mappings of a layout that is not a fork's child. {@link Fork} fills the layout of a child. */
public final class InitialMappings {
    private InitialMappings() {}

    /** Returns the descriptions above the user's part of the space, in ascending order. */
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
        Layout layout = new Layout(spaces, origin, above(origin.geometry(), mapped));
        for (VmArea vma : mapped) {
            check(layout, vma);
        }
        run(layout, new Described(mapped));
        try {
            layout.chargeRoot("newSpace");
            return layout;
        } catch (Throwable thrown) {
            layout.lifetime.put();
            throw thrown;
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
            throw new Refused(copy, null);
        }
    }

    /**
     * Runs the call.
     *
     * @throws IllegalArgumentException if a mapping overlaps another one
     * @throws MmException with ENOMEM if the commit limit does not allow a mapping, or with the errno of a backing
     */
    static void run(Layout layout, Call call) {
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
     * Thrown to leave an attempt and release the lock. A VMA must not be formatted under the lock, because its backing
     * would be called for its name.
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
