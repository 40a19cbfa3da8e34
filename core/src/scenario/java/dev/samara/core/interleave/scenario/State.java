// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageTableRef;
import dev.samara.core.event.Report;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.SharedSegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The objects of one run's operations: a machine with a space, and the objects that the operations create. */
public final class State {
    public final Machine machine;
    public final AddressSpace space;
    public final StandStill standStill;

    /** The spaces that forks created, by name. */
    public final Map<String, AddressSpace> children = new TreeMap<>();

    /** The CPUs that an operation left in GUEST. */
    public final Set<Cpu> inGuest = new HashSet<>();

    /** The asynchronous calls for which no operation waits, by the labels of their operations. */
    public final Map<String, PendingCall> unjoined = new LinkedHashMap<>();

    /** Whether asynchronous calls complete before the next operation. Otherwise they may complete at any later time. */
    public boolean joins;

    /** The number of operations that did not return yet, not counting those whose CPU polls until then. */
    public int unfinished;

    /** The device's contents when a save returned, by the operation that saved and the page of the file. */
    public final Map<String, String> saved = new TreeMap<>();

    /** The reports of the machine. */
    public final List<String> reports = new ArrayList<>();

    /** References to the page tables of spaces, by the labels of the operations that close them. */
    public final Map<String, PageTableRef> held = new TreeMap<>();

    /** The file that the ground maps, if it maps one. */
    @Nullable
    public GroundFile file;

    private @Nullable AddressSpace other;
    private final Map<Integer, SharedSegment> segments = new TreeMap<>();
    private final List<PageCache> segmentPages = new ArrayList<>();

    /**
     * Creates a machine with a space.
     *
     * @param pages the number of frames
     * @param frames creates the store of their bytes
     * @param addresses the pages whose translations are judged
     */
    public State(
            MachineBuilder builder,
            int pages,
            MachineBuilder.StoreMaker frames,
            Function<Machine, AddressSpace> spaces,
            List<Long> addresses) {
        machine = builder.memory(pages * SpaceScenario.PAGE)
                .frameStore(frames)
                .tlbEntries(64)
                .writeBackEvery(Duration.ZERO)
                .housekeeping(new IdleByClock())
                .reportTo(this::report)
                .build();
        space = spaces.apply(machine);
        standStill = new StandStill(space, addresses);
    }

    /** Returns the space that a fork created. */
    public AddressSpace child(String name) {
        return Objects.requireNonNull(children.get(name), name);
    }

    /** Returns a space without mappings. */
    public AddressSpace other() {
        if (other == null) {
            other = machine.newSpace(SpaceScenario.LINUX);
        }
        return other;
    }

    /** Returns the shared segment with a number of pages. */
    public SharedSegment segment(int pages) {
        return segments.computeIfAbsent(pages, size -> {
            PageCache cache = machine.newPageCache(SpaceScenario.LINUX, size * SpaceScenario.PAGE);
            segmentPages.add(cache);
            return new SharedSegment(size, size, size * SpaceScenario.PAGE, cache);
        });
    }

    /** Frees the pages of the shared segments. */
    void closeSegments() {
        segmentPages.forEach(PageCache::close);
    }

    /** Returns all spaces. */
    public List<AddressSpace> spaces() {
        List<AddressSpace> spaces = new ArrayList<>(children.values());
        spaces.add(space);
        if (other != null) {
            spaces.add(other);
        }
        return spaces;
    }

    /** Checks that nothing keeps a part of a space after all spaces were closed (I8). */
    public void requireUnreferenced() {
        if (!machine.references().isEmpty()) {
            throw new AssertionError("I8: references are left: " + machine.references());
        }
        for (AddressSpace each : spaces()) {
            Lifetime lifetime = MachineInternals.layoutOf(each).lifetime;
            int users = lifetime.context.users();
            int held = lifetime.context.holds();
            if (users != 0 || held != 0) {
                throw new AssertionError("I8: " + users + " users and " + held + " references to the page table of "
                        + each + " are left");
            }
        }
    }

    private void report(Report report) {
        if (report.kind() == Report.Kind.SPACE_REAPED) {
            // The scenario requested the reap.
            return;
        }
        reports.add(report.kind() + " " + report.message() + " " + report.cause());
    }
}
