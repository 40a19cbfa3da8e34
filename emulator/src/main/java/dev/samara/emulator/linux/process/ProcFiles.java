// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.ProcFile;
import dev.samara.emulator.linux.memory.SegmentTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Finds and opens the files of the emulator, which are not on the host: the files of {@code /proc}, and devices. */
public final class ProcFiles {
    private static final String ROOT = "/proc";

    /** The links in {@code /dev} and their targets. */
    private static final Map<String, String> DEVICE_LINKS = Map.of(
            "/dev/fd", "/proc/self/fd",
            "/dev/stdin", "/proc/self/fd/0",
            "/dev/stdout", "/proc/self/fd/1",
            "/dev/stderr", "/proc/self/fd/2");

    private static final List<String> OF_THREAD = Stream.concat(
                    ProcessTexts.FILES.stream(), Stream.of("fd", "exe", "cwd", "mem", "pagemap"))
            .toList();

    private static final List<String> OF_PROCESS =
            Stream.concat(OF_THREAD.stream(), Stream.of("task")).toList();

    /** The texts about the system, below {@code /proc}. */
    private static final List<String> OF_SYSTEM =
            List.of("cpuinfo", "sys/kernel/shmall", "sys/kernel/shmmax", "sys/kernel/shmmni");

    private static final Pattern NUMBER = Pattern.compile("0|[1-9][0-9]{0,8}");

    private ProcFiles() {}

    /** Parses a name that is a number ({@code name_to_int}); returns -1 if it is not a number. */
    private static int number(String name) {
        return NUMBER.matcher(name).matches() ? Integer.parseInt(name) : -1;
    }

    /** Returns the part of a path below the process's own directory in {@code /proc}; null for any other path. */
    static @Nullable String own(GuestProcess process, String path) {
        ProcPath found = ProcPath.of(process, path);
        return found != null && found.process() == process && !found.file().isEmpty() ? found.file() : null;
    }

    /**
     * A path in the directory of a process in {@code /proc}, or in the directory of a thread below it.
     *
     * @param process the process
     * @param thread the thread; null if the path is in the directory of the process
     * @param file the path in the directory; empty for the directory itself
     */
    private record ProcPath(GuestProcess process, @Nullable GuestThread thread, String file) {
        static @Nullable ProcPath of(GuestProcess asking, String path) {
            if (!path.startsWith(ROOT + "/")) {
                return null;
            }
            String[] names = path.substring(ROOT.length() + 1).split("/", 2);
            GuestProcess found =
                    names[0].equals("self") ? asking : asking.system().tree().find(number(names[0]));
            return found == null ? null : new ProcPath(found, null, names.length == 1 ? "" : names[1]).ofThread();
        }

        private ProcPath ofThread() {
            String[] names = file.split("/", 3);
            GuestThread found = names[0].equals("task") && names.length > 1 ? process.find(number(names[1])) : null;
            return found == null ? this : new ProcPath(process, found, names.length == 2 ? "" : names[2]);
        }

        /** Returns the path with the number of the process, so that each file has one inode number. */
        String path() {
            GuestThread named = thread;
            String entry = ROOT + "/" + process.pid() + (named == null ? "" : "/task/" + named.tid());
            return file.isEmpty() ? entry : entry + "/" + file;
        }
    }

    /** Opens a file of the emulator; returns null if there is none at a path. */
    public static @Nullable GuestFile openSpecial(GuestThread thread, String path, int flags) {
        GuestSystem system = thread.process().system();
        ProcPath found = ProcPath.of(thread.process(), path);
        if (found != null) {
            return ofProcess(found, flags);
        }
        if (path.equals(ROOT)) {
            List<String> names = new ArrayList<>(names(""));
            names.add("self");
            system.tree().all().forEach(each -> names.add(String.valueOf(each.pid())));
            return folder(system, path, flags, names);
        }
        String file = path.startsWith(ROOT + "/") ? path.substring(ROOT.length() + 1) : "";
        if (OF_SYSTEM.contains(file)) {
            return ProcFile.ofText(
                    path,
                    flags,
                    0444,
                    FileStatus.numberOf(path),
                    system.texts(),
                    () -> ProcessTexts.lines(systemText(system, file), '\n'));
        }
        List<String> names = file.isEmpty() ? List.of() : names(file);
        return names.isEmpty() ? DeviceFile.open(path, flags) : folder(system, path, flags, names);
    }

    private static List<String> names(String folder) {
        String prefix = folder.isEmpty() ? "" : folder + "/";
        return OF_SYSTEM.stream()
                .filter(each -> each.startsWith(prefix))
                .map(each -> each.substring(prefix.length()).split("/", 2)[0])
                .distinct()
                .toList();
    }

    private static List<String> systemText(GuestSystem system, String file) {
        if (file.endsWith("shmmni")) {
            return List.of(String.valueOf(SegmentTable.MOST));
        }
        if (file.startsWith("sys/")) {
            return List.of(Long.toUnsignedString(SegmentTable.NO_LIMIT));
        }
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < system.processors(); i++) {
            lines.addAll(List.of("processor\t: " + i, "hart\t\t: " + i, "isa\t\t: rv64imafdc", "mmu\t\t: sv39", ""));
        }
        return lines;
    }

    private static GuestFolder folder(GuestSystem system, String path, int flags, List<String> names) {
        FileStatus status = FileStatus.ofFolder(0555, FileStatus.numberOf(path), 0);
        return GuestFolder.ofEmulator(path, flags, system.folderNames(), status, new GuestFolder.FolderEntries() {
            @Override
            public List<String> names() {
                return names;
            }

            @Override
            public FileStatus status(String name) {
                long number = FileStatus.numberOf(path + "/" + name);
                boolean isLink =
                        name.equals("self") || name.equals("exe") || name.equals("cwd") || path.endsWith("/fd");
                boolean isFolder = !OF_SYSTEM.contains(name)
                        && (path.equals(ROOT)
                                || path.endsWith("/task")
                                || name.startsWith(".")
                                || name.equals("fd")
                                || name.equals("task")
                                || name.equals("kernel"));
                return isLink
                        ? FileStatus.ofLink(number, 0)
                        : isFolder
                                ? FileStatus.ofFolder(0555, number, 0)
                                : FileStatus.of(FileStatus.REGULAR | 0444, number, 0);
            }
        });
    }

    private static @Nullable GuestFile ofProcess(ProcPath found, int flags) {
        GuestProcess process = found.process;
        GuestSystem system = process.system();
        String path = found.path();
        long number = FileStatus.numberOf(path);
        switch (found.file) {
            case "" -> {
                return folder(system, path, flags, found.thread == null ? OF_PROCESS : OF_THREAD);
            }
            case "task" -> {
                List<String> threads = process.snapshot().stream()
                        .map(each -> String.valueOf(each.tid()))
                        .toList();
                return found.thread == null ? folder(system, path, flags, threads) : null;
            }
            case "fd" -> {
                List<String> numbers =
                        process.files().numbers().stream().map(String::valueOf).toList();
                return folder(system, path, flags, numbers);
            }
            case "mem" -> {
                Runnable dropsCode = () -> process.snapshot().forEach(GuestThread::changedCode);
                return ProcFile.ofMemory(path, flags, number, process.memory().space(), dropsCode);
            }
            case "pagemap" -> {
                return new ProcFile.PageMapFile(
                        path, flags, number, process.memory().space());
            }
            default -> {
                String file = found.file;
                ProcessTexts texts = new ProcessTexts(process, found.thread);
                boolean isPrivate = file.equals("auxv") || file.equals("environ");
                return ProcessTexts.FILES.contains(file)
                        ? ProcFile.ofText(
                                path, flags, isPrivate ? 0400 : 0444, number, system.texts(), () -> texts.bytes(file))
                        : null;
            }
        }
    }

    /** Returns the bytes of one of the process's own texts; null if it has no such text. */
    static byte @Nullable [] bytesOrNull(GuestProcess process, String own) {
        return ProcessTexts.FILES.contains(own) ? new ProcessTexts(process, null).bytes(own) : null;
    }

    /** Returns the process's open file to which a link in {@code /proc} leads; null if the path is not such a link. */
    public static @Nullable GuestFile descriptor(GuestProcess process, String path) {
        String own = own(process, path);
        return own != null && own.startsWith("fd/") ? process.files().get(number(own.substring("fd/".length()))) : null;
    }

    /** Returns the status of a link of the emulator; null if there is no link at a path. */
    public static @Nullable FileStatus linkStatus(GuestThread thread, String path) {
        String target = link(thread, path);
        return target == null ? null : FileStatus.ofLink(FileStatus.numberOf(path), target.length());
    }

    /** Returns the target that a link of the emulator shows; null if there is no link at a path. */
    public static @Nullable String link(GuestThread thread, String path) {
        GuestProcess process = thread.process();
        if (path.equals("/proc/self")) {
            return String.valueOf(process.pid());
        }
        String ofDevice = DEVICE_LINKS.get(path);
        if (ofDevice != null) {
            return ofDevice;
        }
        String own = own(process, path);
        if ("exe".equals(own)) {
            return process.program().path();
        }
        if ("cwd".equals(own)) {
            return process.folder().shown();
        }
        GuestFile found = descriptor(process, path);
        return found == null ? null : found.shownPath();
    }

    /**
     * Returns the path to which a link of the emulator leads; null if there is no link at a path, or if it leads to an
     * open file without a path.
     */
    public static @Nullable String followed(GuestThread thread, String path) {
        if (!path.startsWith(ROOT + "/") && !path.startsWith("/dev/")) {
            return null;
        }
        String ofDevice = DEVICE_LINKS.get(path);
        if (ofDevice != null) {
            return ofDevice;
        }
        GuestProcess process = thread.process();
        String own = own(process, path);
        if ("exe".equals(own)) {
            return process.program().path();
        }
        GuestFile open = descriptor(process, path);
        OpenedName name = open != null
                ? open.openedName()
                : "cwd".equals(own) ? process.folder().name() : null;
        return name == null || name.host() == null ? null : name.path();
    }
}
