// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.memory.SegmentTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Generates the system's text files in {@code /proc}, which {@code ps}, {@code free}, {@code uptime}, {@code df} and
 * {@code ipcs} read.
 */
final class SystemTexts {
    /** The paths of the files below {@code /proc}. */
    static final Set<String> FILES = Set.of(
            "meminfo",
            "cpuinfo",
            "stat",
            "uptime",
            "loadavg",
            "mounts",
            "sys/kernel/shmall",
            "sys/kernel/shmmax",
            "sys/kernel/shmmni",
            "sysvipc/shm");

    private static final String DEVICE = "/dev/root";
    private static final long SECOND = 1_000_000_000;
    private static final long TICK = 10_000_000;
    private static final long PAGE = 4096;

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
                    case "mounts" -> mounts();
                    case "sys/kernel/shmall", "sys/kernel/shmmax" ->
                        List.of(Long.toUnsignedString(SegmentTable.NO_LIMIT));
                    case "sys/kernel/shmmni" -> List.of(String.valueOf(SegmentTable.MOST));
                    case "sysvipc/shm" -> system.segments().lines();
                    default -> throw new IllegalArgumentException(file + " is no file of the system");
                },
                '\n');
    }

    /**
     * Returns the lines of {@code mounts}: one for the root, although it may not be a mount point on the host, and one
     * for {@code /proc}.
     */
    List<String> mounts() {
        return List.of(DEVICE + " / " + system.root().fileSystem() + " rw,relatime 0 0", "proc /proc proc rw 0 0");
    }

    /** Returns the lines of a process's {@code mountinfo}. The root's device number is the same as in {@code stat}. */
    List<String> mountInfo() {
        long device = system.root().device();
        return List.of(
                "1 1 " + FileStatus.majorOf(device) + ":" + FileStatus.minorOf(device) + " / / rw,relatime - "
                        + system.root().fileSystem() + " " + DEVICE + " rw",
                "2 1 0:1 / /proc rw - proc proc rw");
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
            lines.addAll(List.of("processor\t: " + i, "hart\t\t: " + i, "isa\t\t: rv64imafdc", "mmu\t\t: sv39", ""));
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
