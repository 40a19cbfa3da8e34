// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;

/**
 * The growth of a stack down to an accessed address ({@code expand_downwards} in {@code mm/vma.c}).
 *
 * @param isFault whether the call serves a fault, so that an interrupt does not end its waits
 */
public record ExpandStack(long address, boolean isFault) implements Call {
    /** Grows the stack above an address; the result is 0 if a mapping now covers the address. */
    public static long growStack(Layout layout, long address) {
        return new Operation(layout, new ExpandStack(address, false)).run();
    }

    /** Grows the stack above an address as {@link #growStack}, but never returns EINTR. */
    static long growForFault(Layout layout, long address) {
        return new Operation(layout, new ExpandStack(address, true)).run();
    }

    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        VmArea stack = edit.atOrAfter(address);
        if (stack == null) {
            return Errno.EFAULT.result();
        }
        if (stack.contains(address)) {
            return DONE;
        }
        if (!stack.has(VmaFlags.GROWSDOWN)) {
            return Errno.EFAULT.result();
        }
        long start = geometry.roundDown(address);
        if (Long.compareUnsigned(start, geometry.minimum()) < 0) {
            return Errno.EPERM.result();
        }
        long grown = geometry.pages(stack.start() - start);
        long gap = edit.layout.stackGuardGap();
        // Checks that do not depend on the layout below the stack come first, so that a fault waits only if the stack
        // may grow.
        if (Long.compareUnsigned(grown, stack.pageOffset()) > 0
                || !edit.district.limits.mayExpand(edit.counters, stack.flags(), grown)
                || Long.compareUnsigned(stack.end() - start, edit.district.limits.bytes(Resource.STACK)) > 0
                || !edit.district.limits.mayLockMore(edit.privileges(), edit.counters, stack.flags(), grown)) {
            if (!isTooClose(edit, start, gap)) {
                prepare(edit, stack);
            }
            return Errno.ENOMEM.result();
        }
        edit.claim(Long.compareUnsigned(start, gap) < 0 ? 0 : start - gap, stack.end());
        if (isTooClose(edit, start, gap) || !edit.isFree(start, stack.start())) {
            return Errno.ENOMEM.result();
        }
        if (!edit.charge(grown)) {
            prepare(edit, stack);
            return Errno.ENOMEM.result();
        }
        VmArea taller = new VmArea(
                start,
                stack.end(),
                stack.flags(),
                stack.pageOffset() - grown,
                stack.traits,
                stack.name(),
                edit.layout.memoryOrNull() != null && stack.anonVma() == null
                        ? VmaMerge.anonVmaFor(edit, stack)
                        : stack.anonVma());
        edit.replace(stack, null, null, taller);
        return DONE;
    }

    private static boolean isTooClose(Edit edit, long start, long gap) {
        VmArea below = edit.before(start);
        return below != null
                && !below.has(VmaFlags.GROWSDOWN)
                && below.hasAny(VmaFlags.ACCESS)
                && Addresses.isBelow(start - below.end(), gap);
    }

    /**
     * Sets the anon_vma of a stack that must not grow, because {@code expand_downwards} does so before it checks the
     * limits.
     */
    private static void prepare(Edit edit, VmArea stack) {
        if (edit.layout.memoryOrNull() != null) {
            VmaMerge.prepareAnonVma(edit.layout, stack);
        }
    }

    @Override
    public boolean mayBeRefused() {
        return false;
    }

    @Override
    public boolean isUninterruptible() {
        return isFault;
    }

    @Override
    public String toString() {
        return Call.text("grow_stack", address);
    }
}
