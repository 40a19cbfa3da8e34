// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import dev.samara.core.Residency;
import dev.samara.examples.riscv.elf.ArgumentPlace;
import dev.samara.examples.riscv.linux.abi.GuestText;
import dev.samara.examples.riscv.linux.file.GuestRoot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/** The files of a process in {@code /proc} ({@code fs/proc/array.c}). What is not known here is 0. */
final class ProcessTexts {
    /** Their names. */
    static final Set<String> FILES = Set.of("maps", "auxv", "cmdline", "environ", "comm", "stat", "statm", "status");

    private static final long TICK = 10_000_000;
    private static final long PAGE = 4096;
    private static final int STAT_FIELDS = 52;
    private static final int PRIORITY = 20;

    private final GuestProcess process;
    private final ProcessTree tree;

    ProcessTexts(GuestProcess process) {
        this.process = process;
        tree = process.system().tree();
    }

    /** Returns the bytes of one of the files. */
    byte[] bytes(String file) {
        return switch (file) {
            case "maps" -> process.isExiting() ? new byte[0] : lines(maps(), '\n');
            case "auxv" -> process.memory().auxiliary();
            case "cmdline" -> process.isExiting() ? new byte[0] : arguments();
            case "environ" -> process.isExiting() ? new byte[0] : environment();
            case "comm" -> GuestText.bytes(process.program().command() + "\n");
            case "stat" -> GuestText.bytes(stat() + "\n");
            case "statm" -> GuestText.bytes(memoryInPages() + "\n");
            case "status" -> lines(status(), '\n');
            default -> throw new IllegalArgumentException(file + " is no file of a process");
        };
    }

    /** Returns the arguments as the memory has them, which the process may have changed ({@code get_mm_cmdline}). */
    private byte[] arguments() {
        ArgumentPlace place = process.memory().arguments();
        byte[] found = bytesOf(place.argumentsStart(), place.argumentsEnd());
        if (found.length == 0 || found[found.length - 1] == 0) {
            return found;
        }
        // A title that has overwritten the end may go on in the environment, up to a page.
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
        return tree.isZombie(process) ? 'Z' : process.stop().isBegun() ? 'T' : process.isWaiting() ? 'S' : 'R';
    }

    private Residency residency() {
        return process.isExiting()
                ? new Residency(0, 0, 0, 0, 0, 0)
                : process.memory().space().residency();
    }

    private String stat() {
        List<Object> fields = new ArrayList<>(Collections.nCopies(STAT_FIELDS, 0));
        Residency residency = residency();
        fields.set(0, process.pid());
        fields.set(1, "(" + process.program().command() + ")");
        fields.set(2, state());
        fields.set(3, tree.parentOf(process));
        fields.set(4, tree.group(process.pid()));
        fields.set(5, tree.session(process.pid()));
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
        return String.format("%s:\t%8d kB", name, pages * (PAGE >> 10));
    }

    private List<String> status() {
        Residency residency = residency();
        char state = state();
        String word = state == 'R' ? "running" : state == 'S' ? "sleeping" : state == 'T' ? "stopped" : "zombie";
        int user = process.user();
        String users = user + "\t" + user + "\t" + user + "\t" + user;
        return List.of(
                "Name:\t" + process.program().command(),
                "State:\t" + state + " (" + word + ")",
                "Tgid:\t" + process.pid(),
                "Pid:\t" + process.pid(),
                "PPid:\t" + tree.parentOf(process),
                "Uid:\t" + users,
                "Gid:\t" + users,
                kilobytes("VmPeak", residency.totalPeak()),
                kilobytes("VmSize", residency.total()),
                kilobytes("VmHWM", residency.peak()),
                kilobytes("VmRSS", residency.resident()),
                kilobytes("RssAnon", residency.anonymous()),
                kilobytes("RssFile", residency.file()),
                kilobytes("RssShmem", residency.shmem()),
                "Threads:\t" + Math.max(process.threads(), 1));
    }

    /** Returns the lines of the mappings, with the guest's names of the host's files. The memory is still there. */
    List<String> maps() {
        GuestRoot root = process.system().root();
        return process.memory().space().snapshot().maps().stream()
                .map(line -> {
                    int name = line.indexOf('/');
                    return name < 0 ? line : line.substring(0, name) + root.shown(line.substring(name));
                })
                .toList();
    }

    static byte[] lines(Iterable<String> lines, char end) {
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append(line).append(end));
        return GuestText.bytes(text.toString());
    }
}
