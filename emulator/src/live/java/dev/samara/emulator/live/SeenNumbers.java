// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The values that differ between runs of a script: the numbers of processes, threads and files, and the folder. */
final class SeenNumbers {
    private final int user;

    private final List<Long> processes = new ArrayList<>();
    private final List<Long> threads = new ArrayList<>();

    private final Map<Long, String> others = new HashMap<>();
    private final Map<Long, String> segments = new HashMap<>();

    SeenNumbers(int user) {
        this.user = user;
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

    String segment(long id) {
        return segments.computeIfAbsent(id, any -> "segment" + segments.size());
    }
}
