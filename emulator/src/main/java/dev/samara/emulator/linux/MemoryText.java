// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

import dev.samara.core.MachineStatistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What the memory of a guest has done, as {@code --stats} shows it. */
final class MemoryText {
    private MemoryText() {}

    /**
     * Returns lines for a person.
     *
     * @param memory the machine's figures at the end
     * @param mostResident the most pages that one process had in memory
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
