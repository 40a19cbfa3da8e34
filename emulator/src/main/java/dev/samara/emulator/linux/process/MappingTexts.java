// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.MappingResidency;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestRoot;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** Generates the files of a process in {@code /proc} that show its mappings ({@code fs/proc/task_mmu.c}). */
final class MappingTexts {
    private static final int NAME_COLUMN = 73;

    private final AddressSpace space;
    private final GuestRoot root;
    private final GuestNames names;

    MappingTexts(GuestProcess process) {
        space = process.memory().space();
        root = process.system().root();
        names = process.system().names();
    }

    /** Returns the lines of {@code maps}. Files of the host have the names that the guest sees. */
    List<String> maps() {
        return maps(space.snapshot());
    }

    private List<String> maps(LayoutSnapshot snapshot) {
        List<String> lines = new ArrayList<>(snapshot.maps());
        List<Vma> vmas = snapshot.vmas();
        for (int i = 0; i < lines.size(); i++) {
            lines.set(i, shown(lines.get(i), vmas.get(i)));
        }
        return lines;
    }

    private String shown(String line, Vma vma) {
        // A name that the guest set may contain any characters. In maps it starts with a bracket.
        int name = line.indexOf(" /") + 1;
        if (name == 0 || line.lastIndexOf('[', name) >= 0) {
            return line;
        }
        String opened = names.shownOf(vma.backing());
        String shown = opened == null ? root.shown(line.substring(name)) : opened.replace("\n", "\\012");
        return line.substring(0, name) + shown;
    }

    /** Returns the lines of {@code smaps}. */
    List<String> residency() {
        LayoutSnapshot snapshot = space.snapshot();
        Map<Long, MappingResidency> found = new HashMap<>();
        space.smaps(each -> found.put(Objects.requireNonNull(each.vma()).start(), each));
        List<Vma> vmas = snapshot.vmas();
        List<String> maps = maps(snapshot);
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < vmas.size(); i++) {
            Vma vma = vmas.get(i);
            lines.add(maps.get(i));
            lines.add(kilobytes("Size", vma.end() - vma.start()));
            lines.add(kilobytes("KernelPageSize", space.geometry().pageSize()));
            lines.add(kilobytes("MMUPageSize", space.geometry().pageSize()));
            // A mapping that was removed or replaced after the snapshot is shown without pages.
            lines.addAll(amounts(found.getOrDefault(vma.start(), MappingResidency.NONE), false));
            lines.add("THPeligible:           0");
            lines.add("VmFlags: " + VmaFlags.format(vma.flags()) + " ");
        }
        return lines;
    }

    /** Returns the lines of {@code smaps_rollup}. */
    List<String> rollup() {
        List<Vma> vmas = space.snapshot().vmas();
        if (vmas.isEmpty()) {
            return List.of();
        }
        String range = String.format(
                Locale.ROOT,
                "%08x-%08x ---p 00000000 00:00 0 ",
                vmas.get(0).start(),
                vmas.get(vmas.size() - 1).end());
        List<String> lines = new ArrayList<>();
        lines.add(range + " ".repeat(Math.max(NAME_COLUMN - range.length(), 0)) + "[rollup]");
        lines.addAll(amounts(space.smapsRollup(), true));
        return lines;
    }

    private static List<String> amounts(MappingResidency of, boolean isRollup) {
        List<String> lines = new ArrayList<>();
        lines.add(kilobytes("Rss", of.rss()));
        lines.add(kilobytes("Pss", of.pss()));
        lines.add(kilobytes("Pss_Dirty", of.pssDirty()));
        if (isRollup) {
            lines.add(kilobytes("Pss_Anon", of.pssAnonymous()));
            lines.add(kilobytes("Pss_File", of.pssFile()));
            lines.add(kilobytes("Pss_Shmem", of.pssShmem()));
        }
        lines.add(kilobytes("Shared_Clean", of.sharedClean()));
        lines.add(kilobytes("Shared_Dirty", of.sharedDirty()));
        lines.add(kilobytes("Private_Clean", of.privateClean()));
        lines.add(kilobytes("Private_Dirty", of.privateDirty()));
        lines.add(kilobytes("Referenced", of.referenced()));
        lines.add(kilobytes("Anonymous", of.anonymous()));
        // The library does not support these kinds of pages.
        for (String none : List.of(
                "KSM",
                "LazyFree",
                "AnonHugePages",
                "ShmemPmdMapped",
                "FilePmdMapped",
                "Shared_Hugetlb",
                "Private_Hugetlb",
                "Swap",
                "SwapPss")) {
            lines.add(kilobytes(none, 0));
        }
        lines.add(kilobytes("Locked", of.locked()));
        return lines;
    }

    private static String kilobytes(String name, long bytes) {
        return String.format(Locale.ROOT, "%-16s%8d kB", name + ":", bytes >> 10);
    }
}
