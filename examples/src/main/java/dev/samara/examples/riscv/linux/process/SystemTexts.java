// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The files of the system in {@code /proc}, which {@code ps}, {@code free}, {@code uptime} and {@code df} read. */
final class SystemTexts {
    /** Their names. */
    static final Set<String> FILES = Set.of("meminfo", "cpuinfo", "stat", "uptime", "loadavg", "mounts");

    private static final long SECOND = 1_000_000_000;
    private static final long TICK = 10_000_000;
    private static final long PAGE = 4096;

    private final GuestSystem system;

    SystemTexts(GuestSystem system) {
        this.system = system;
    }

    /** Returns the bytes of one of the files. */
    byte[] bytes(String file) {
        return ProcessTexts.lines(
                switch (file) {
                    case "meminfo" -> memory();
                    case "cpuinfo" -> processors();
                    case "stat" -> statistics();
                    case "uptime" -> List.of(String.format(Locale.ROOT, "%.2f %.2f", seconds(), idle()));
                    case "loadavg" ->
                        List.of(String.format(
                                Locale.ROOT,
                                "0.00 0.00 0.00 %d/%d %d",
                                running(),
                                system.tree().all().size(),
                                system.tree().lastId()));
                    case "mounts" -> List.of("rootfs / rootfs rw 0 0", "proc /proc proc rw 0 0");
                    default -> throw new IllegalArgumentException(file + " is no file of the system");
                },
                '\n');
    }

    private static double seconds() {
        return (double) GuestSystem.uptimeNanos() / SECOND;
    }

    private long used() {
        return system.tree().living().stream()
                .mapToLong(GuestProcess::usedNanos)
                .sum();
    }

    private double idle() {
        return Math.max(seconds() * system.processors() - (double) used() / SECOND, 0);
    }

    private long running() {
        return system.tree().living().stream().filter(each -> !each.isWaiting()).count();
    }

    private static String kilobytes(String name, long bytes) {
        return String.format(Locale.ROOT, "%-16s%8d kB", name + ":", bytes >> 10);
    }

    private List<String> memory() {
        long total = system.memoryBytes();
        long free = Math.max(total - system.machine().statistics().framesInUse() * PAGE, 0);
        return List.of(
                kilobytes("MemTotal", total),
                kilobytes("MemFree", free),
                kilobytes("MemAvailable", free),
                kilobytes("Buffers", 0),
                kilobytes("Cached", 0),
                kilobytes("SwapCached", 0),
                kilobytes("SwapTotal", 0),
                kilobytes("SwapFree", 0),
                kilobytes("Shmem", 0),
                kilobytes("SReclaimable", 0));
    }

    private List<String> processors() {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < system.processors(); i++) {
            lines.addAll(List.of("processor\t: " + i, "hart\t\t: " + i, "isa\t\t: rv64imafdc", "mmu\t\t: sv48", ""));
        }
        return lines;
    }

    private List<String> statistics() {
        List<String> lines = new ArrayList<>();
        long used = used() / TICK;
        long idle = (long) (idle() * SECOND) / TICK;
        lines.add("cpu  " + used + " 0 0 " + idle + " 0 0 0 0 0 0");
        for (int i = 0; i < system.processors(); i++) {
            long share = system.processors();
            lines.add("cpu" + i + " " + used / share + " 0 0 " + idle / share + " 0 0 0 0 0 0");
        }
        lines.add("btime " + (System.currentTimeMillis() / 1000 - (long) seconds()));
        lines.add("processes " + system.tree().all().size());
        lines.add("procs_running " + running());
        lines.add("procs_blocked 0");
        return lines;
    }
}
