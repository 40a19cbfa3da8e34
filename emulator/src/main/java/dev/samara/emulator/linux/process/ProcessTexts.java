// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.Residency;
import dev.samara.emulator.elf.ProgramLoader.ArgumentPlace;
import dev.samara.emulator.linux.abi.GuestText;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Generates the text files of a process in {@code /proc} ({@code fs/proc/array.c}). Values that the emulator does not
 * have are 0.
 */
final class ProcessTexts {
    /** The names of the files. */
    static final Set<String> FILES =
            Set.of("maps", "smaps", "smaps_rollup", "auxv", "cmdline", "environ", "comm", "stat", "statm", "status");

    private static final long TICK = 10_000_000;
    private static final long PAGE = 4096;
    private static final int STAT_FIELDS = 52;
    private static final int PRIORITY = 20;

    private final GuestProcess process;
    private final @Nullable GuestThread thread;
    private final ProcessTree tree;

    /** Prepares the files of a process, or of one of its threads. */
    ProcessTexts(GuestProcess process, @Nullable GuestThread thread) {
        this.process = process;
        this.thread = thread;
        tree = process.system().tree();
    }

    /** Generates the bytes of one of the files. */
    byte[] bytes(String file) {
        return switch (file) {
            case "maps", "smaps", "smaps_rollup" -> process.isExiting() ? new byte[0] : lines(mappings(file), '\n');
            case "auxv" -> process.memory().auxiliary();
            case "cmdline" -> process.isExiting() ? new byte[0] : arguments();
            case "environ" -> process.isExiting() ? new byte[0] : environment();
            case "comm" -> GuestText.bytes(command() + "\n");
            case "stat" -> GuestText.bytes(stat() + "\n");
            case "statm" -> GuestText.bytes(memoryInPages() + "\n");
            case "status" -> lines(status(), '\n');
            default -> throw new IllegalArgumentException(file + " is no file of a process");
        };
    }

    /** Returns the arguments in the memory of the process, which may have changed them ({@code get_mm_cmdline}). */
    private byte[] arguments() {
        ArgumentPlace place = process.memory().arguments();
        byte[] found = bytesOf(place.argumentsStart(), place.argumentsEnd());
        if (found.length == 0 || found[found.length - 1] == 0) {
            return found;
        }
        // The process overwrote the terminating null, e.g. to set a title. The title may continue in the environment,
        // up to a page.
        byte[] longer = bytesOf(place.argumentsStart(), place.argumentsStart() + PAGE);
        int end = 0;
        while (end < longer.length && longer[end] != 0) {
            end++;
        }
        return Arrays.copyOf(longer, Math.min(end + 1, longer.length));
    }

    private byte[] environment() {
        ArgumentPlace place = process.memory().arguments();
        return bytesOf(place.environmentStart(), place.environmentEnd());
    }

    private byte[] bytesOf(long start, long end) {
        byte[] bytes = new byte[(int) (end - start)];
        long read = process.memory().space().read(start, bytes, 0, bytes.length);
        return Arrays.copyOf(bytes, (int) Math.max(read, 0));
    }

    private char state() {
        GuestThread asked = thread;
        boolean isWaiting = asked == null ? process.isWaiting() : asked.isWaiting();
        // The state of a process is that of its first thread, which may have ended before others.
        boolean isZombie = tree.isZombie(process) || (asked == null && process.find(process.pid()) == null);
        return isZombie ? 'Z' : isWaiting ? 'S' : 'R';
    }

    /** Returns the ID of the thread, or of the process if there is no thread. */
    private int id() {
        GuestThread asked = thread;
        return asked == null ? process.pid() : asked.tid();
    }

    /** Returns the name of the thread, which may have been changed. */
    private String command() {
        GuestThread asked = thread == null ? process.find(process.pid()) : thread;
        return asked == null ? process.program().command() : asked.name();
    }

    private Residency residency() {
        return process.isExiting() ? Residency.NONE : process.memory().space().residency();
    }

    private String stat() {
        List<Object> fields = new ArrayList<>(Collections.nCopies(STAT_FIELDS, 0));
        Residency residency = residency();
        fields.set(0, id());
        fields.set(1, "(" + command() + ")");
        fields.set(2, state());
        fields.set(3, tree.parentOf(process));
        fields.set(4, tree.group(process.pid()));
        fields.set(5, ProcessTree.FIRST_PID);
        fields.set(7, -1);
        fields.set(13, process.usedNanos() / TICK);
        fields.set(15, process.used().children() / TICK);
        fields.set(17, PRIORITY);
        fields.set(19, Math.max(process.threads(), 1));
        fields.set(21, process.started() / TICK);
        fields.set(22, residency.total() * PAGE);
        fields.set(23, residency.resident());
        StringBuilder text = new StringBuilder();
        fields.forEach(each -> text.append(text.length() == 0 ? "" : " ").append(each));
        return text.toString();
    }

    private String memoryInPages() {
        Residency residency = residency();
        return residency.total() + " " + residency.resident() + " " + (residency.file() + residency.shmem()) + " 0 0 "
                + residency.anonymous() + " 0";
    }

    private static String kilobytes(String name, long pages) {
        return String.format(Locale.ROOT, "%s:\t%8d kB", name, pages * (PAGE >> 10));
    }

    private List<String> status() {
        Residency residency = residency();
        char state = state();
        String word = state == 'R' ? "running" : state == 'S' ? "sleeping" : "zombie";
        int user = process.system().user();
        String ids = user + "\t" + user + "\t" + user + "\t" + user;
        return List.of(
                "Name:\t" + command(),
                "State:\t" + state + " (" + word + ")",
                "Tgid:\t" + process.pid(),
                "Pid:\t" + id(),
                "PPid:\t" + tree.parentOf(process),
                "Uid:\t" + ids,
                "Gid:\t" + ids,
                "Groups:\t",
                kilobytes("VmPeak", residency.totalPeak()),
                kilobytes("VmSize", residency.total()),
                kilobytes("VmHWM", residency.peak()),
                kilobytes("VmRSS", residency.resident()),
                kilobytes("RssAnon", residency.anonymous()),
                kilobytes("RssFile", residency.file()),
                kilobytes("RssShmem", residency.shmem()),
                "Threads:\t" + Math.max(process.threads(), 1));
    }

    private List<String> mappings(String file) {
        MappingTexts texts = new MappingTexts(process);
        return file.equals("maps") ? texts.maps() : file.equals("smaps") ? texts.residency() : texts.rollup();
    }

    static byte[] lines(Iterable<String> lines, char end) {
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append(line).append(end));
        return GuestText.bytes(text.toString());
    }
}
