// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.tool.record.FileIdentity;
import dev.samara.tool.record.MemoryCall;
import dev.samara.tool.record.MemoryCall.Brk;
import dev.samara.tool.record.MemoryCall.Direct;
import dev.samara.tool.record.MemoryCall.Mmap;
import dev.samara.tool.record.MemoryCall.Mprotect;
import dev.samara.tool.record.MemoryCall.Mremap;
import dev.samara.tool.record.MemoryCall.Shmat;
import dev.samara.tool.record.Outcome;
import dev.samara.tool.trace.TracedCall;
import org.jspecify.annotations.Nullable;

/**
 * Makes the calls of one trace in one space, and updates the {@link UnknownAccounting} of the pages that they affect.
 */
final class CallMaker {
    private final AddressSpace space;
    private final PlacementSource source;
    private final Opens opens;
    private final OpenModes modes;
    private final UnknownAccounting unknown;

    CallMaker(AddressSpace space, PlacementSource source, Opens opens, OpenModes modes, UnknownAccounting unknown) {
        this.space = space;
        this.source = source;
        this.opens = opens;
        this.modes = modes;
        this.unknown = unknown;
    }

    /** Returns the address that the kernel used for a call, which may differ from the argument. */
    static long placeOf(TracedCall operation) {
        Outcome outcome = operation.outcome();
        return operation.call().returnsAddress() && !outcome.failed()
                ? outcome.value()
                : operation.call().address();
    }

    /** Makes a call. Returns a value or a negated error number. */
    long perform(TracedCall operation) {
        MemoryCall call = operation.call();
        if (call instanceof Mmap mmap) {
            return map(operation, mmap);
        }
        if (call instanceof Mremap mremap) {
            return remap(operation.outcome(), mremap);
        }
        if (call instanceof Shmat shmat) {
            long address = isPlacedByTrace(operation.outcome(), shmat.address()) ? placeOf(operation) : shmat.address();
            return space.shmat(opens.segment(shmat), address, shmat.flags());
        }
        if (call instanceof Mprotect mprotect) {
            return protect(mprotect);
        }
        long result = ((Direct) call).perform(space);
        if (call instanceof Brk) {
            unknown.brkIs(result);
        }
        return result;
    }

    private long map(TracedCall operation, Mmap call) {
        long address = call.address();
        int flags = call.flags();
        if ((flags & (MapFlags.FIXED | MapFlags.FIXED_NOREPLACE)) == 0 && isPlacedByTrace(operation.outcome(), 0)) {
            address = placeOf(operation);
            flags |= MapFlags.FIXED_NOREPLACE;
            // The kernel validated the flags already. With the type SHARED_VALIDATE, the library would reject the flag
            // added above as unknown.
            if ((flags & MapFlags.TYPE) == MapFlags.SHARED_VALIDATE) {
                flags = (flags & ~MapFlags.TYPE) | MapFlags.SHARED;
            }
        }
        long result =
                space.mmap(address, call.length(), call.protection(), flags, backing(operation, call), call.offset());
        if (!Errno.isError(result)) {
            unknown.mapped(result, call.length());
        }
        return result;
    }

    private @Nullable Backing backing(TracedCall operation, Mmap call) {
        FileIdentity file = call.file();
        if (file == null || (call.flags() & MapFlags.ANONYMOUS) != 0) {
            return null;
        }
        Outcome outcome = operation.outcome();
        // Also true for SHARED_VALIDATE, which contains the bit of SHARED.
        boolean readOnly = (call.flags() & MapFlags.SHARED) != 0
                && (call.protection() & Protection.WRITE) == 0
                && !outcome.failed()
                && modes.isReadOnly(operation.sequence(), call, file, outcome.value());
        return opens.file(call.descriptor(), file, outcome.failed() ? -1 : call.fileSize(), readOnly);
    }

    private long remap(Outcome outcome, Mremap call) {
        LayoutSnapshot before = space.snapshot();
        int flags = call.flags();
        long newAddress = call.newAddress();
        boolean moved = !outcome.failed() && outcome.value() != call.address();
        if (moved && (flags & RemapFlags.MREMAP_FIXED) == 0 && isPlacedByTrace(outcome, 0)) {
            newAddress = outcome.value();
            flags |= RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
            if (!isFree(before, newAddress, call.newLength())) {
                return Errno.EEXIST.result();
            }
        }
        long result = space.mremap(call.address(), call.oldLength(), call.newLength(), flags, newAddress);
        unknown.remapped(call, before, result);
        return result;
    }

    private long protect(Mprotect call) {
        LayoutSnapshot before = space.snapshot();
        long result = call.perform(space);
        unknown.protectedPages(call, before, space.snapshot());
        return result;
    }

    private boolean isPlacedByTrace(Outcome outcome, long wanted) {
        return source == PlacementSource.TRACE && !outcome.failed() && wanted == 0;
    }

    /**
     * Returns whether a range is free. This is checked because a fixed mremap would replace mappings there, which the
     * kernel cannot have done when it chose the address.
     */
    private static boolean isFree(LayoutSnapshot layout, long start, long length) {
        long end = start + Geometry.LINUX_X86_64.roundUp(length);
        for (Vma vma : layout.vmas()) {
            if ((vma.start() >= start && vma.start() < end) || vma.contains(start)) {
                return false;
            }
        }
        return true;
    }
}
