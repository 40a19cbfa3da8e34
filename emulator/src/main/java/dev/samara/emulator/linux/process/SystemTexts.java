// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.memory.SegmentTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Generates the system's text files in {@code /proc}: the processors, and the limits of shared segments. */
final class SystemTexts {
    /** The paths of the files below {@code /proc}. */
    static final Set<String> FILES = Set.of("cpuinfo", "sys/kernel/shmall", "sys/kernel/shmmax", "sys/kernel/shmmni");

    private final GuestSystem system;

    SystemTexts(GuestSystem system) {
        this.system = system;
    }

    /**
     * Returns the names in a directory of {@code /proc}, or none if there is no such directory. The path of {@code
     * /proc} itself is empty.
     */
    static List<String> names(String folder) {
        String prefix = folder.isEmpty() ? "" : folder + "/";
        return FILES.stream()
                .filter(each -> each.startsWith(prefix))
                .map(each -> each.substring(prefix.length()).split("/", 2)[0])
                .distinct()
                .toList();
    }

    /** Generates the bytes of one of the files. */
    byte[] bytes(String file) {
        return ProcessTexts.lines(
                switch (file) {
                    case "cpuinfo" -> processors();
                    case "sys/kernel/shmall", "sys/kernel/shmmax" ->
                        List.of(Long.toUnsignedString(SegmentTable.NO_LIMIT));
                    case "sys/kernel/shmmni" -> List.of(String.valueOf(SegmentTable.MOST));
                    default -> throw new IllegalArgumentException(file + " is no file of the system");
                },
                '\n');
    }

    private List<String> processors() {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < system.processors(); i++) {
            lines.addAll(List.of("processor\t: " + i, "hart\t\t: " + i, "isa\t\t: rv64imafdc", "mmu\t\t: sv39", ""));
        }
        return lines;
    }
}
