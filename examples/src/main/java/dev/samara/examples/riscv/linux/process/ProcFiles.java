// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import dev.samara.examples.riscv.linux.abi.GuestText;
import dev.samara.examples.riscv.linux.file.DeviceFile;
import dev.samara.examples.riscv.linux.file.GuestFile;
import dev.samara.examples.riscv.linux.file.GuestRoot;
import dev.samara.examples.riscv.linux.file.LinkFolder;
import dev.samara.examples.riscv.linux.file.TextFile;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The files that are no files of the host: those of {@code /proc/self}, and devices. */
public final class ProcFiles {
    private static final String SELF = "/proc/self/";
    private static final Set<String> FILES = Set.of("maps", "auxv", "cmdline", "comm", "stat");
    private static final Map<String, String> STREAMS =
            Map.of("/dev/stdin", "0", "/dev/stdout", "1", "/dev/stderr", "2");

    private ProcFiles() {}

    /** Returns the part of a path below the guest's own entry in {@code /proc}; null for others. */
    static @Nullable String own(GuestProcess process, String path) {
        if (path.startsWith(SELF)) {
            return path.substring(SELF.length());
        }
        String numbered = "/proc/" + process.pid() + "/";
        return path.startsWith(numbered) ? path.substring(numbered.length()) : null;
    }

    /** Opens a file that is none of the host's, which the caller releases; null if there is none of that path. */
    public static @Nullable GuestFile openSpecial(GuestThread thread, String path, int flags) {
        GuestProcess process = thread.process();
        String own = own(process, path);
        if (own == null) {
            return DeviceFile.open(path, flags);
        }
        if (own.equals("fd")) {
            return new LinkFolder(
                    path,
                    flags,
                    () -> process.files().numbers().stream()
                            .map(String::valueOf)
                            .toList());
        }
        return FILES.contains(own) ? new TextFile(path, flags, () -> bytes(process, own)) : null;
    }

    /** Returns the bytes of a file of the guest's own entry; null if it has no file of that name. */
    static byte @Nullable [] bytesOrNull(GuestProcess process, String own) {
        return FILES.contains(own) ? bytes(process, own) : null;
    }

    private static byte[] bytes(GuestProcess process, String own) {
        return switch (own) {
            case "maps" -> maps(process);
            case "auxv" -> process.memory().auxiliary();
            case "cmdline" -> lines(process.program().arguments(), '\0');
            case "comm" -> GuestText.bytes(process.program().command() + "\n");
            case "stat" ->
                GuestText.bytes(process.pid() + " (" + process.program().command() + ") R "
                        + process.system().tree().parentOf(process) + " " + process.pid() + "\n");
            default -> throw new IllegalArgumentException(own + " is no file of a process");
        };
    }

    /** Returns the open file that a path names by its descriptor, which the caller does not release; null for none. */
    public static @Nullable GuestFile descriptor(GuestProcess process, String path) {
        String own = own(process, path);
        String number = own != null && own.startsWith("fd/")
                ? own.substring("fd/".length())
                : path.startsWith("/dev/fd/") ? path.substring("/dev/fd/".length()) : STREAMS.get(path);
        if (number == null) {
            return null;
        }
        try {
            return process.files().get(Integer.parseInt(number));
        } catch (NumberFormatException noNumber) {
            return null;
        }
    }

    /** Returns the target of a symbolic link in {@code /proc}; null if there is none of that path. */
    public static @Nullable String link(GuestThread thread, String path) {
        GuestProcess process = thread.process();
        if (path.equals("/proc/self")) {
            return String.valueOf(process.pid());
        }
        String own = own(process, path);
        if (own == null) {
            return null;
        }
        if (own.equals("exe")) {
            return process.program().path();
        }
        if (own.equals("cwd")) {
            return process.folder().path();
        }
        if (!own.startsWith("fd/")) {
            return null;
        }
        try {
            GuestFile found = process.files().get(Integer.parseInt(own.substring("fd/".length())));
            return found == null ? null : found.path();
        } catch (NumberFormatException noNumber) {
            return null;
        }
    }

    /** Returns where a link to a file of the host leads; null for all others. */
    public static @Nullable String followed(GuestThread thread, String path) {
        return path.endsWith("/exe") || path.endsWith("/cwd") ? link(thread, path) : null;
    }

    /** The lines of the mappings, with the guest's names of the host's files. */
    private static byte[] maps(GuestProcess process) {
        if (process.isExiting()) {
            return new byte[0];
        }
        GuestRoot root = process.system().root();
        return lines(process.memory().space().snapshot().maps().stream()
                .map(line -> {
                    int name = line.indexOf('/');
                    return name < 0 ? line : line.substring(0, name) + root.shown(line.substring(name));
                })
                .toList());
    }

    private static byte[] lines(Iterable<String> lines) {
        return lines(lines, '\n');
    }

    private static byte[] lines(Iterable<String> lines, char end) {
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append(line).append(end));
        return GuestText.bytes(text.toString());
    }
}
