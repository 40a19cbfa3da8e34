// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import dev.samara.examples.riscv.linux.abi.GuestText;
import dev.samara.examples.riscv.linux.file.DeviceFile;
import dev.samara.examples.riscv.linux.file.GuestFile;
import dev.samara.examples.riscv.linux.file.GuestRoot;
import dev.samara.examples.riscv.linux.file.LinkFolder;
import dev.samara.examples.riscv.linux.file.TextFile;
import org.jspecify.annotations.Nullable;

/** The files that are no files of the host: those of {@code /proc/self}, and devices. */
public final class ProcFiles {
    private static final String SELF = "/proc/self/";

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
            return openShared(process, path, flags);
        }
        if (own.equals("fd")) {
            return new LinkFolder(
                    path,
                    flags,
                    () -> process.files().numbers().stream()
                            .map(String::valueOf)
                            .toList());
        }
        if (own.startsWith("fd/")) {
            return openAgain(process, own.substring("fd/".length()));
        }
        byte[] bytes = bytes(process, own);
        return bytes == null ? null : new TextFile(path, flags, bytes);
    }

    /** Returns the bytes of a file of the guest's own entry; null if it has no file of that name. */
    static byte @Nullable [] bytes(GuestProcess process, String own) {
        return switch (own) {
            case "maps" -> maps(process);
            case "auxv" -> process.memory().auxiliary();
            case "cmdline" -> lines(process.program().arguments(), '\0');
            case "comm" -> GuestText.bytes(process.program().command() + "\n");
            case "stat" ->
                GuestText.bytes(process.pid() + " (" + process.program().command() + ") R "
                        + process.system().tree().parentOf(process) + " " + process.pid() + "\n");
            default -> null;
        };
    }

    private static @Nullable GuestFile openShared(GuestProcess process, String path, int flags) {
        switch (path) {
            case "/dev/stdin" -> {
                return openAgain(process, "0");
            }
            case "/dev/stdout" -> {
                return openAgain(process, "1");
            }
            case "/dev/stderr" -> {
                return openAgain(process, "2");
            }
            default -> {
                return DeviceFile.open(path, flags);
            }
        }
    }

    private static @Nullable GuestFile openAgain(GuestProcess process, String number) {
        try {
            GuestFile found = process.files().get(Integer.parseInt(number));
            if (found != null) {
                found.retain();
            }
            return found;
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
