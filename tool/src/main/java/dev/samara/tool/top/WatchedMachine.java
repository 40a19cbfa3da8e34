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
 * The place of a machine in the view. One machine after another may have it: the events of all of them are counted. For
 * any thread. The thread that closes a machine calls {@link #end} before, which waits for a sample that is being taken.
 * Of a machine that is closed without this call, the events up to the last sample are counted.
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
     * Makes a place without a machine.
     *
     * @param name the name in the view, which no other place of the view has
     * @param memory the bytes that a machine may use
     * @param pageSize the page size of its spaces in bytes
     */
    public WatchedMachine(String name, long memory, long pageSize) {
        this.name = name;
        this.memory = memory;
        this.pageSize = pageSize;
    }

    /**
     * Puts a machine into the place. If another one is there, {@link #end} is called first.
     *
     * @param begun the machine
     * @param listed called for each sample by its thread; returns the spaces that have lines of their own, and no two
     *     of one name
     */
    public synchronized void begin(Machine begun, Supplier<List<WatchedSpace>> listed) {
        end();
        machine = begun;
        spaces = listed;
    }

    /** Takes the machine out of the place, and keeps the numbers of its events. Does nothing without a machine. */
    public synchronized void end() {
        if (machine != null) {
            try {
                newest = EventTotals.of(machine.statistics());
            } catch (IllegalStateException closed) {
                // Its last sample counts.
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
