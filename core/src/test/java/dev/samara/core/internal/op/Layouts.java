// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.Report;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.RetirementHook;
import dev.samara.core.internal.syscall.Msync;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes layouts, hosts and edits for tests. */
public final class Layouts {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    private Layouts() {}

    /** A host on which nothing is reported but what the test must know of. */
    public static MachineState host(int maxMaps, long stackGuardPages, long commitLimit) {
        return host(maxMaps, stackGuardPages, commitLimit, RetirementHook.NOTHING, Layouts::refuse);
    }

    static MachineState host(RetirementHook retirement, List<Report> reports) {
        return host(65530, 256, MachineState.UNLIMITED, retirement, Collections.synchronizedList(reports)::add);
    }

    /** A host with memory, whose layouts have a lock of the test's. */
    static MachineState host(RetirementHook retirement, Supplier<ReentrantLock> locks, Memory memory) {
        MachineState.MemoryMaker memories = (host, pageShift) -> memory;
        return host(65530, 256, MachineState.UNLIMITED, retirement, Layouts::refuse, locks, memories);
    }

    /** A host with memory that reports to a list, which is synchronized. */
    static MachineState host(Memory memory, List<Report> reports) {
        MachineState.MemoryMaker memories = (host, pageShift) -> memory;
        return host(
                65530, 256, MachineState.UNLIMITED, RetirementHook.NOTHING, reports::add, ReentrantLock::new, memories);
    }

    private static MachineState host(
            int maxMaps,
            long stackGuardPages,
            long commitLimit,
            RetirementHook retirement,
            java.util.function.Consumer<Report> reporter) {
        return host(maxMaps, stackGuardPages, commitLimit, retirement, reporter, ReentrantLock::new, null);
    }

    private static MachineState host(
            int maxMaps,
            long stackGuardPages,
            long commitLimit,
            RetirementHook retirement,
            java.util.function.Consumer<Report> reporter,
            Supplier<ReentrantLock> locks,
            MachineState.@Nullable MemoryMaker memories) {
        return new MachineState(new MachineState.Settings(
                maxMaps,
                stackGuardPages,
                commitLimit,
                TimeUnit.MINUTES.toNanos(5),
                reporter,
                retirement,
                locks,
                memories));
    }

    private static void refuse(Report report) {
        throw new AssertionError("unexpected report: " + report);
    }

    public static Layout.Origin origin(MachineState host) {
        return origin(host, false);
    }

    public static Layout.Origin origin(MachineState host, boolean earlyReuse) {
        return origin(host, GEOMETRY.defaultHeap(), GEOMETRY.defaultHeap(), earlyReuse);
    }

    public static Layout.Origin origin(MachineState host, long heap, long brk, boolean earlyReuse) {
        return new Layout.Origin(
                host,
                GEOMETRY,
                Set.of(),
                Map.of(Resource.AS, -1L),
                true,
                heap,
                brk,
                0,
                0,
                GEOMETRY.limit(),
                earlyReuse);
    }

    /** An edit of no operation in particular. */
    public static Edit edit(Layout layout) {
        return new Edit(new Operation(layout, new Msync(0, 0, 0)));
    }

    /** Publishes and completes what an edit that nobody else knows of has unmapped. */
    static void complete(Layout layout) {
        for (InFlightRange transit : new ArrayList<>(layout.inTransit().transits())) {
            transit.run();
        }
    }

    static List<Vma> vmas(Layout layout) {
        List<Vma> vmas = new ArrayList<>();
        layout.snapshot().forEach((first, last, vma) -> vmas.add(vma));
        return vmas;
    }
}
