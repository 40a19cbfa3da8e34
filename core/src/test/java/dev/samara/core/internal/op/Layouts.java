// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.Report;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineSeams;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.Origin;
import dev.samara.core.internal.space.RetirementHook;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.syscall.ExitMmap;
import dev.samara.core.internal.syscall.Msync;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes layouts, hosts and edits for tests. */
public final class Layouts {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    private Layouts() {}

    /** The state of a machine whose reports are failures. */
    public static MachineState host(int maxMaps, long stackGuardPages, long commitLimit) {
        return host(maxMaps, stackGuardPages, commitLimit, Layouts::refuse, null);
    }

    static MachineState host(RetirementHook retirement, List<Report> reports) {
        MachineState host = host(65530, 256, MachineState.UNLIMITED, Collections.synchronizedList(reports)::add, null);
        MachineSeams.retireWith(host, retirement);
        return host;
    }

    /** A host with memory, whose layouts have a lock of the test's. */
    static MachineState host(RetirementHook retirement, Supplier<ReentrantLock> locks, MachineMemory memory) {
        MachineState host = host(65530, 256, MachineState.UNLIMITED, Layouts::refuse, memory);
        MachineSeams.retireWith(host, retirement);
        MachineSeams.lockWith(host, locks);
        return host;
    }

    /** A host with memory that reports to a list, which is synchronized. */
    static MachineState host(MachineMemory memory, List<Report> reports) {
        return host(65530, 256, MachineState.UNLIMITED, reports::add, memory);
    }

    private static MachineState host(
            int maxMaps,
            long stackGuardPages,
            long commitLimit,
            Consumer<Report> reporter,
            @Nullable MachineMemory memory) {
        return new MachineState(new MachineState.Settings(
                maxMaps,
                stackGuardPages,
                commitLimit,
                Long.MAX_VALUE,
                TimeUnit.MINUTES.toNanos(5),
                MachineThreads.own(reporter, TimeUnit.MINUTES.toNanos(5)),
                memory == null ? null : (host, pageShift) -> memory));
    }

    private static void refuse(Report report) {
        throw new AssertionError("unexpected report: " + report);
    }

    /** The list of spaces of a machine. */
    public static Spaces spaces(MachineState host) {
        return new Spaces(host, ExitMmap::close);
    }

    /** A layout of a machine, without mappings. */
    static Layout layout(MachineState host) {
        return new Layout(spaces(host), origin(), List.of());
    }

    public static Origin origin() {
        return origin(GEOMETRY.defaultHeap(), GEOMETRY.defaultHeap());
    }

    static Origin origin(long heap, long brk) {
        return new Origin(
                null, GEOMETRY, Set.of(), Map.of(Resource.AS, -1L), true, heap, brk, 0, 0, GEOMETRY.limit(), false);
    }

    /** An edit of no operation in particular, which has the whole layout. */
    public static Edit edit(Layout layout) {
        Call call = new Msync(0, -1, 0);
        return new Edit(new Operation(layout, call), call.from(layout), call.to(layout));
    }

    /** Publishes and completes an edit that no other thread knows. */
    static void complete(Layout layout) {
        for (InFlightRange range : new ArrayList<>(layout.inFlight().ranges())) {
            range.run();
        }
    }

    static List<VmArea> vmas(Layout layout) {
        List<VmArea> vmas = new ArrayList<>();
        layout.snapshot().forEach((first, last, vma) -> vmas.add(vma));
        return vmas;
    }
}
