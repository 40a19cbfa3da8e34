// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.memory;

import dev.samara.core.Machine;
import dev.samara.core.vma.SharedSegment;
import dev.samara.examples.riscv.elf.ProgramLoader;
import dev.samara.examples.riscv.limit.GuestLimits;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The segments of shared memory of all processes, by their numbers. Thread-safe. */
public final class SegmentTable {
    private record Keyed(int key, SharedSegment segment) {}

    private final Map<Integer, Keyed> all = new HashMap<>();
    private int next;

    public SegmentTable() {}

    /** Returns the number of the segment with a key; -1 for none. */
    public synchronized int find(int key) {
        for (Map.Entry<Integer, Keyed> each : all.entrySet()) {
            SharedSegment segment = each.getValue().segment;
            if (each.getValue().key == key && !segment.isMarkedForRemoval()) {
                return each.getKey();
            }
        }
        return -1;
    }

    /** Makes a segment; returns its number, or ENOSPC if there are too many. */
    public synchronized long add(Machine machine, int key, long size) {
        all.values().removeIf(each -> each.segment.isRemoved());
        if (all.size() >= GuestLimits.SEGMENTS) {
            return LinuxErrno.ENOSPC;
        }
        int id = next++;
        all.put(
                id,
                new Keyed(key, new SharedSegment(id, key, size, machine.newPageCache(ProgramLoader.GEOMETRY, size))));
        return id;
    }

    public synchronized @Nullable SharedSegment get(int id) {
        Keyed found = all.get(id);
        return found == null || found.segment.isRemoved() ? null : found.segment;
    }

    /** Frees the memory of all segments, at the end. */
    public synchronized void close() {
        all.values().forEach(each -> each.segment.remove());
        all.clear();
    }
}
