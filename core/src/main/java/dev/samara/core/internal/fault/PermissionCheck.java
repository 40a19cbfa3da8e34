// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.MachineThreads.MachineWaitReporter;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether the VMA that a lookup found permits the access ({@code access_error} in {@code arch/x86/mm/fault.c}).
 * Before that, a fault may have to wait at the gate of a VMA, or to grow a stack. Decides SIGSEGV only. A page beyond
 * the end of a file (SIGBUS) is found later: by {@code FilePages.frameFor} and {@code frameForFault}, or by {@code
 * OpenHostFile.fault} for a host file.
 *
 * <p>Every attempt has these steps:
 *
 * <ol>
 *   <li>The caller ({@code Faulter.find}) looks the VMA up, without a lock.
 *   <li>{@link #check} decides whether the VMA permits the access. The gate is checked before the rights, because while
 *       the gate is closed, the VMA is not yet the one of this address.
 *   <li>If the result is {@link Faulter#MUST_WAIT}, the caller leaves its reader section, and {@link #await} grows
 *       the stack or waits at the gate. After that the fault starts over with step 1.
 * </ol>
 *
 * <p>Steps 1 and 2 store nothing and wait for nothing. Only the growth of a stack takes a lock of the space.
 */
public final class PermissionCheck {
    /**
     * An access of a debugger, as a bit in addition to the one bit of {@link Protection} ({@code FOLL_FORCE}). It needs
     * the rights that the mapping may be given, not its current rights. No other access gains rights from this fault.
     */
    public static final int FORCED = 1 << 30;

    private static final int KNOWN = Protection.READ
            | Protection.WRITE
            | Protection.EXEC
            | Protection.SEM
            | Protection.PROT_GROWSDOWN
            | Protection.PROT_GROWSUP;

    private PermissionCheck() {}

    /**
     * Rejects a caller's access that has bits other than those of {@link Protection}, because {@link #FORCED} is
     * reserved for the library.
     *
     * @throws IllegalArgumentException if there are such bits
     */
    public static void requireKnown(int access) {
        if ((access & ~KNOWN) != 0) {
            throw new IllegalArgumentException(
                    "access 0x" + Integer.toHexString(access) + " has bits that are not of Protection");
        }
    }

    /** Looks the VMA up and checks it until there is a result. Maps no page. Returns a {@link Fault}. */
    public static int resolve(Layout layout, long address, int access) {
        int result;
        do {
            VmArea vma = layout.find(address);
            result = check(vma, access, layout.geometry());
            if (result == Faulter.MUST_WAIT) {
                result = await(layout, vma, address);
            }
        } while (result == Faulter.AGAIN);
        return result;
    }

    /**
     * Decides on a VMA that a lookup found.
     *
     * @return {@link Fault#NONE} if the VMA permits the access, ACCERR if not, or {@link Faulter#MUST_WAIT}
     */
    static int check(@Nullable VmArea vma, int access, Geometry geometry) {
        if (vma == null || InFlightOperation.stopsFaultsAt(vma)) {
            return Faulter.MUST_WAIT;
        }
        return permits(vma, access, geometry) ? Fault.NONE : Fault.ACCERR;
    }

    /**
     * Prepares a new attempt after an attempt without a result: grows the stack above the address if no VMA was found,
     * or waits at the gate of the VMA. An interrupt does not end the wait. The caller is not in a reader section.
     *
     * @return {@link Faulter#AGAIN} if a new lookup may find something else; {@link Fault#MAPERR} if no stack grows
     *     there
     * @throws IllegalStateException if the fault would have to wait, and was called by the retire phase of an operation
     *     in flight, while a CPU of the thread is in GUEST, or by a backing that must not wait
     */
    static int await(Layout layout, @Nullable VmArea vma, long address) {
        if (vma == null) {
            return grow(layout, address);
        }
        Gate gate = vma.gate();
        if (gate != null) {
            awaitGate(layout, gate, address);
        }
        return Faulter.AGAIN;
    }

    private static int grow(Layout layout, long address) {
        VmArea above = layout.findNext(address);
        if (above == null || !above.has(VmaFlags.GROWSDOWN)) {
            return Fault.MAPERR;
        }
        long grown = ExpandStack.growForFault(layout, address);
        return Errno.isError(grown) ? Fault.MAPERR : Faulter.AGAIN;
    }

    private static void awaitGate(Layout layout, Gate gate, long address) {
        if (!gate.isOpen()) {
            // Refuses to wait if this thread has a CPU in GUEST, because the operation of the gate may wait for that
            // CPU.
            ThreadCpus.checkMayWait("a fault that has to wait");
            InFlightOperation inside = InFlightOperation.retiring();
            if (inside != null) {
                throw new IllegalStateException(
                        String.format(Locale.ROOT, "a fault at 0x%x was called by the retirement of ", address) + inside
                                + ", and would have to wait for " + gate + ": nothing in flight may wait");
            }
        }
        // Keeps the interrupt flag: code that loads and stores expects no access to fail because of an interrupt.
        gate.awaitUninterruptibly(reporter(layout, address));
    }

    /** Returns what reports a long wait of a fault at an address. */
    static WaitReporter reporter(Layout layout, long address) {
        return new FaultWaitReporter(layout.host().threads(), address);
    }

    /**
     * Returns whether a VMA permits an access in a space with the given geometry.
     *
     * @param access bits of {@link Protection}, and perhaps {@link #FORCED}
     */
    private static boolean permits(VmArea vma, int access, Geometry geometry) {
        if ((access & FORCED) != 0) {
            return permitsForced(vma, access);
        }
        return geometry.protectionMap().permits((int) vma.flags(), access);
    }

    /** Decides as {@code check_vma_flags} in {@code mm/gup.c} does for {@code FOLL_FORCE}. */
    private static boolean permitsForced(VmArea vma, int access) {
        return (access & Protection.WRITE) == 0
                ? vma.hasAny(VmaFlags.READ | VmaFlags.MAYREAD)
                : vma.has(VmaFlags.WRITE) || isCopyOnWrite(vma);
    }

    /** Returns whether pages of a VMA are copied when they are written ({@code is_cow_mapping}). */
    public static boolean isCopyOnWrite(VmArea vma) {
        return !vma.has(VmaFlags.SHARED) && vma.has(VmaFlags.MAYWRITE);
    }

    /** Returns whether a write may copy a private page of the VMA, or reuse it. */
    static boolean mayCopy(VmArea now, int access) {
        return now.has(VmaFlags.WRITE) || ((access & FORCED) != 0 && isCopyOnWrite(now));
    }

    /** Reports a fault that waits for a long time. */
    private record FaultWaitReporter(MachineThreads threads, long address) implements MachineWaitReporter {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "resolve(0x%x)", address);
        }
    }
}
