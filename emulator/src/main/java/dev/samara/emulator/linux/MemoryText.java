// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

import dev.samara.core.MachineStatistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The memory statistics of a guest, as {@code --stats} prints them. */
final class MemoryText {
    private MemoryText() {}

    /**
     * Returns the statistics as lines of text.
     *
     * @param memory the machine's statistics at the end
     * @param mostResident the highest number of resident pages that a process had
     */
    static List<String> lines(MachineStatistics memory, long mostResident) {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                Locale.ROOT,
                "faults of pages: %,d minor, %,d major, with %,d copies on write; the largest process had %,d pages in"
                        + " memory",
                memory.minorFaults(),
                memory.majorFaults(),
                memory.copiesOnWrite(),
                mostResident));
        lines.add(String.format(
                Locale.ROOT,
                "TLBs: %,d misses, %,d flushes; %,d shootdowns waited for %,d CPUs; %,d grace periods",
                memory.tlbMisses(),
                memory.flushes(),
                memory.shootdowns(),
                memory.shootdownTargets(),
                memory.gracePeriods()));
        lines.add(String.format(
                Locale.ROOT,
                "in use at the end: %,d frames, %,d bytes of page tables",
                memory.framesInUse(),
                memory.pageTableBytes()));
        if (memory.checkedAccesses() > 0) {
            lines.add(String.format(
                    Locale.ROOT,
                    "checked accesses: %,d, of which %,d used a translation whose end was under way",
                    memory.checkedAccesses(),
                    memory.staleAccesses()));
        }
        return lines;
    }
}
