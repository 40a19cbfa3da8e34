// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.file.Eviction;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.op.CopyPageTables;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperations.Ticket;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.TlbGather;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** Checks what is still reachable from a machine, its spaces and its files at the end. */
final class Remains {
    /** The classes of a call's state, which ends with the call. */
    private static final List<Class<?>> OF_CALLS =
            List.of(InFlightOperation.class, Operation.class, Ticket.class, CopyPageTables.class, TlbGather.class);

    private Remains() {}

    /** Checks, when the machine is quiet, that no state of a call is left, and no space except the given ones. */
    static void judge(Machine machine, Collection<AddressSpace> spaces, Collection<MemoryFile> files) {
        Object[] roots = roots(machine, spaces, files);
        nothingOfTheScheduler(roots);
        nothingOf(OF_CALLS, roots);
        spareBatchesAreEmpty(roots);
        long layouts = ReachableObjects.from(roots).stream()
                .filter(Layout.class::isInstance)
                .count();
        // One more layout: the one to which all closed references refer.
        if (layouts != spaces.size() + 1) {
            throw new AssertionError(layouts + " layouts are reachable, of " + spaces.size() + " spaces");
        }
    }

    /**
     * Checks that the search did not enter the scheduler. The scheduler refers to each object of the run, so the result
     * would depend on its trace.
     */
    private static void nothingOfTheScheduler(Object[] roots) {
        if (!ReachableObjects.of("Run", roots).isEmpty()) {
            throw new AssertionError("the search has looked into the scheduler");
        }
    }

    /** Checks that an idle batch, which keeps its gather, does not keep a page table that the last eviction walked. */
    private static void spareBatchesAreEmpty(Object[] roots) {
        for (Object spare : ReachableObjects.of("SpareBatches", roots)) {
            List<Object> kept =
                    ReachableObjects.from(
                                    List.of(MachineMemory.class, Frames.class, Cpus.class, Shootdowns.class), spare)
                            .stream()
                            .filter(PageTable.class::isInstance)
                            .toList();
            if (!kept.isEmpty()) {
                throw new AssertionError("a batch at rest reaches " + kept);
            }
        }
    }

    private static Object[] roots(Machine machine, Collection<AddressSpace> spaces, Collection<MemoryFile> files) {
        List<Object> roots = new ArrayList<>(spaces);
        roots.addAll(files);
        roots.add(machine);
        return roots.toArray();
    }

    private static void nothingOf(List<Class<?>> types, Object[] roots) {
        for (Object object : ReachableObjects.from(List.of(Eviction.SpareBatches.class), roots)) {
            if (types.stream().anyMatch(type -> type.isInstance(object))) {
                throw new AssertionError(
                        "reachable when all is over: " + object + ", by " + ReachableObjects.pathTo(object, roots));
            }
        }
    }
}
