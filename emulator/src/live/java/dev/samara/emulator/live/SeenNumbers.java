// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The values that differ between runs of a script: the numbers of processes, threads and files, and the folder. */
final class SeenNumbers {
    /** The signals that a child may send when it ends, as a judge writes them: SIGCHLD, SIGUSR1, SIGCONT and SIGURG. */
    private static final Set<String> OF_CHILDREN = Set.of("11", "a", "12", "17");

    private final Architecture architecture;
    private final int user;

    /** The folder that contains the scripts' folders. */
    private final String base;

    private final List<Long> processes = new ArrayList<>();
    private final List<Long> threads = new ArrayList<>();
    private final Map<Long, String> inodes = new HashMap<>();
    private final Map<Long, String> others = new HashMap<>();
    private final Map<Long, String> segments = new HashMap<>();

    SeenNumbers(Architecture architecture, int user, String base) {
        this.architecture = architecture;
        this.user = user;
        this.base = base;
    }

    Architecture architecture() {
        return architecture;
    }

    int user() {
        return user;
    }

    /** Adds a task. */
    void add(long process, long thread) {
        processes.add(process);
        threads.add(thread);
    }

    long processOf(int task) {
        return processes.get(task);
    }

    /** Returns the script's name for the number of a process. */
    String process(long number) {
        if (number == 0 || number == -1) {
            return Long.toString(number);
        }
        int task = processes.indexOf(Math.abs(number));
        int thread = threads.indexOf(Math.abs(number));
        String found = task >= 0
                ? "pid" + task
                : thread >= 0 ? "tid" + thread : others.computeIfAbsent(number, any -> "other" + others.size());
        return number < 0 ? "-" + found : found;
    }

    /** Returns the text of a loaded word; a lock word may contain a thread ID. */
    String word(String loaded) {
        if (loaded.length() > 8 || !loaded.matches("[0-9a-f]+")) {
            return loaded;
        }
        long word = Long.parseLong(loaded, 16);
        long owner = word & 0x3fff_ffff;
        boolean isTask = processes.contains(owner) || threads.contains(owner) || others.containsKey(owner);
        return isTask ? Long.toHexString(word & ~0x3fff_ffffL) + "+" + process(owner) : loaded;
    }

    /** Returns recorded signals. If a process sent the signal, its address consists of PID and UID. */
    String signals(String noted) {
        return noted.isEmpty()
                ? noted
                : Stream.of(noted.split(" ", -1)).map(this::signal).collect(Collectors.joining(" "));
    }

    private String signal(String noted) {
        String[] parts = noted.split(",", -1);
        if (parts.length != 3) {
            return noted;
        }
        boolean isOfProcess = parts[1].equals("0") || parts[1].startsWith("fffffff") || OF_CHILDREN.contains(parts[0]);
        return parts[0] + "," + parts[1] + ","
                + (isOfProcess ? process(Long.parseUnsignedLong(parts[2], 16) << 32 >> 32) : parts[2]);
    }

    String inode(long number) {
        return inodes.computeIfAbsent(number, any -> "i" + inodes.size());
    }

    String segment(long id) {
        return segments.computeIfAbsent(id, any -> "segment" + segments.size());
    }

    String path(String found) {
        String text = found.endsWith("\0") ? found.substring(0, found.length() - 1) + "." : found;
        // A path may be truncated within the part that only one side's paths contain.
        String top = base.substring(0, base.length() - 1);
        String inside = text.startsWith(base)
                ? found.substring(base.length())
                : text.equals(top) || text.equals(top + ".")
                        ? found.substring(top.length())
                        : text.startsWith("/") ? found.substring(1) : found;
        return inside.length() > 60 ? inside.length() + "*" + inside.substring(0, 20) : inside;
    }
}
