// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import dev.samara.core.Machine;
import dev.samara.core.MachineStatistics;
import dev.samara.core.SpaceReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The row of a machine in the view. Several machines may use the row one after another; the events of all of them are
 * counted. Thread-safe. Before a thread closes a machine, it must call {@link #end}, which waits for a sample that is
 * being taken. If a machine is closed without this call, only its events up to the last sample are counted.
 */
public final class WatchedMachine {
    private final String name;
    private final long memory;
    private final long pageSize;
    private @Nullable Machine machine;
    private Supplier<List<WatchedSpace>> spaces = List::of;
    private EventTotals ended = EventTotals.NONE;

    /** The events of the machine in the last sample. */
    private EventTotals newest = EventTotals.NONE;

    /**
     * Creates a row without a machine.
     *
     * @param name the name in the view, which must be unique in the view
     * @param memory the size of a machine's memory in bytes
     * @param pageSize the page size of its spaces in bytes
     */
    public WatchedMachine(String name, long memory, long pageSize) {
        this.name = name;
        this.memory = memory;
        this.pageSize = pageSize;
    }

    /**
     * Puts a machine into the row. If the row has another machine, {@link #end} is called first.
     *
     * @param begun the machine
     * @param listed called for each sample, by the thread that takes it; returns the spaces that have separate lines,
     *     whose names must be unique
     */
    public synchronized void begin(Machine begun, Supplier<List<WatchedSpace>> listed) {
        end();
        machine = begun;
        spaces = listed;
    }

    /** Removes the machine from the row, and keeps the counts of its events. Does nothing if there is no machine. */
    public synchronized void end() {
        if (machine != null) {
            try {
                newest = EventTotals.of(machine.statistics());
            } catch (IllegalStateException closed) {
                // The machine was already closed, so the counts of the last sample are used.
            }
            takeOut();
        }
    }

    private void takeOut() {
        ended = ended.plus(newest);
        newest = EventTotals.NONE;
        machine = null;
        spaces = List::of;
    }

    synchronized MachineFigures figures() {
        if (machine != null) {
            try {
                return figures(machine);
            } catch (IllegalStateException closed) {
                takeOut();
            }
        }
        return new MachineFigures(name, 0, memory, 0, 0, 0, ended, List.of());
    }

    private MachineFigures figures(Machine running) {
        MachineStatistics statistics = running.statistics();
        newest = EventTotals.of(statistics);
        List<SpaceFigures> listed = new ArrayList<>();
        for (WatchedSpace space : spaces.get()) {
            SpaceFigures figures = space.figures();
            if (figures != null) {
                listed.add(figures);
            }
        }
        return new MachineFigures(
                name,
                statistics.framesInUse() * pageSize,
                memory,
                statistics.pageTableBytes(),
                running.committed(),
                spacesOf(running),
                ended.plus(newest),
                List.copyOf(listed));
    }

    private static int spacesOf(Machine machine) {
        return (int) machine.references().stream()
                .filter(reference -> reference.kind() == SpaceReference.Kind.USERS)
                .mapToLong(SpaceReference::space)
                .distinct()
                .count();
    }
}
