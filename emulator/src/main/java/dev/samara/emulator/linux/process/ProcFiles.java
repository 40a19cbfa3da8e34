// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.LinkPlace;
import dev.samara.emulator.linux.file.ListedFolder;
import dev.samara.emulator.linux.file.MemoryAccess;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.PagemapFile;
import dev.samara.emulator.linux.file.TextFile;
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
            GuestProcess found = names[0].equals("self") ? asking : named(asking, names[0]);
            return found == null ? null : new ProcPath(found, null, names.length == 1 ? "" : names[1]).ofThread();
        }

        /** Returns the path in the directory of a thread if this path leads there; otherwise this. */
        private ProcPath ofThread() {
            String[] names = file.split("/", 3);
            GuestThread found = names[0].equals("task") && names.length > 1 ? process.find(number(names[1])) : null;
            return found == null ? this : new ProcPath(process, found, names.length == 2 ? "" : names[2]);
        }

        /** Returns the path without {@code self}, which means the same to all processes. */
        String path() {
            GuestThread named = thread;
            String entry = ROOT + "/" + process.pid() + (named == null ? "" : "/task/" + named.tid());
            return file.isEmpty() ? entry : entry + "/" + file;
        }

        /** Returns the inode number of the file, which is the same for all its paths. */
        long fileNumber() {
            return FileStatus.numberOf(path());
        }

        private static @Nullable GuestProcess named(GuestProcess asking, String name) {
            return asking.system().tree().find(number(name));
        }
    }

    /**
     * Opens a file of the emulator; returns null if the emulator has no file with that path. The caller must release
     * the file.
     */
    public static @Nullable GuestFile openSpecial(GuestThread thread, String path, int flags) {
        GuestProcess process = thread.process();
        if (path.equals(ROOT)) {
            return new ListedFolder(
                    path,
                    flags,
                    FileStatus.ofFolder(
                            0555,
                            FileStatus.numberOf(ROOT),
                            entries(process.system()).size()),
                    process.system().folderNames(),
                    () -> entries(process.system()),
                    ProcFiles::kind);
        }
        ProcPath found = ProcPath.of(process, path);
        return found == null ? ofSystem(process.system(), path, flags) : openIn(found, found.path(), flags);
    }

    private static @Nullable GuestFile openIn(ProcPath found, String path, int flags) {
        GuestProcess process = found.process;
        String file = found.file;
        if (file.isEmpty()) {
            List<String> names = found.thread == null ? OF_PROCESS : OF_THREAD;
            return new ListedFolder(
                    path,
                    flags,
                    FileStatus.ofFolder(0555, found.fileNumber(), found.thread == null ? 2 : 1),
                    process.system().folderNames(),
                    () -> names,
                    ProcFiles::kindOfFile);
        }
        if (file.equals("task") && found.thread == null) {
            return new ListedFolder(
                    path,
                    flags,
                    FileStatus.ofFolder(
                            0555, found.fileNumber(), threads(found.process).size()),
                    process.system().folderNames(),
                    () -> threads(found.process),
                    name -> ListedFolder.Listed.FOLDER);
        }
        if (file.equals("fd")) {
            return new ListedFolder(
                    path,
                    flags,
                    FileStatus.ofFolder(0500, found.fileNumber(), 0),
                    process.system().folderNames(),
                    () -> numbers(found.process),
                    name -> ListedFolder.Listed.LINK);
        }
        return ofProcess(found, path, flags);
    }

    private static @Nullable GuestFile ofProcess(ProcPath found, String path, int flags) {
        GuestProcess process = found.process;
        String file = found.file;
        switch (file) {
            case "mem" -> {
                Runnable dropsCode = () -> process.snapshot().forEach(GuestThread::changedCode);
                return new MemoryAccess(
                        path, flags, found.fileNumber(), process.memory().space(), dropsCode);
            }
            case "pagemap" -> {
                return new PagemapFile(
                        path, flags, found.fileNumber(), process.memory().space());
            }
            default -> {
                ProcessTexts texts = new ProcessTexts(process, found.thread);
                return ProcessTexts.FILES.contains(file)
                        ? new TextFile(
                                path,
                                flags,
                                ProcessTexts.kind(file),
                                found.fileNumber(),
                                process.system().texts(),
                                texts.text(file))
                        : null;
            }
        }
    }

    private static @Nullable GuestFile ofSystem(GuestSystem system, String path, int flags) {
        String file = path.startsWith(ROOT + "/") ? path.substring(ROOT.length() + 1) : "";
        SystemTexts texts = new SystemTexts(system);
        if (SystemTexts.FILES.contains(file)) {
            TextFile.Kind kind =
                    file.startsWith("sys/") ? TextFile.Kind.SENDABLE_BYTES : TextFile.Kind.SENDABLE_SEQUENCE;
            return new TextFile(path, flags, kind, FileStatus.numberOf(path), system.texts(), () -> texts.bytes(file));
        }
        List<String> names = file.isEmpty() ? List.of() : SystemTexts.names(file);
        return names.isEmpty()
                ? DeviceFile.open(path, flags)
                : new ListedFolder(
                        path,
                        flags,
                        FileStatus.ofFolder(0555, FileStatus.numberOf(path), 0),
                        system.folderNames(),
                        () -> names,
                        name -> kind(file + "/" + name));
    }

    private static List<String> entries(GuestSystem system) {
        List<String> names = new ArrayList<>(SystemTexts.names(""));
        names.add("self");
        system.tree().all().forEach(each -> names.add(String.valueOf(each.pid())));
        return names;
    }

    private static ListedFolder.Listed kind(String name) {
        return name.equals("self")
                ? ListedFolder.Listed.LINK
                : SystemTexts.FILES.contains(name) ? ListedFolder.Listed.TEXT : ListedFolder.Listed.FOLDER;
    }

    private static ListedFolder.Listed kindOfFile(String name) {
        return switch (name) {
            case "fd", "task" -> ListedFolder.Listed.FOLDER;
            case "exe", "cwd" -> ListedFolder.Listed.LINK;
            default -> ListedFolder.Listed.TEXT;
        };
    }

    private static List<String> threads(GuestProcess process) {
        return process.snapshot().stream()
                .map(each -> String.valueOf(each.tid()))
                .toList();
    }

    private static List<String> numbers(GuestProcess process) {
        return process.files().numbers().stream().map(String::valueOf).toList();
    }

    /** Returns the bytes of a text file in the process's own directory; null if there is no such file. */
    static byte @Nullable [] bytesOrNull(GuestProcess process, String own) {
        return ProcessTexts.FILES.contains(own) ? new ProcessTexts(process, null).bytes(own) : null;
    }

    /**
     * Returns the open file of a path that is a descriptor's link in {@code /proc}; null for any other path. The caller
     * must not release the file.
     */
    public static @Nullable GuestFile descriptor(GuestProcess process, String path) {
        return process.files().get(numberOfDescriptor(process, path));
    }

    /** Returns the descriptor of a path that is a descriptor's link; -1 for any other path. */
    private static int numberOfDescriptor(GuestProcess process, String path) {
        String own = own(process, path);
        String number = own != null && own.startsWith("fd/") ? own.substring("fd/".length()) : null;
        return number == null ? -1 : number(number);
    }

    /** Returns the status of a symbolic link in {@code /proc}, which is not followed; null if there is none. */
    public static @Nullable FileStatus linkStatus(GuestThread thread, String path) {
        String target = link(thread, path);
        if (target == null) {
            return null;
        }
        int number = numberOfDescriptor(thread.process(), path);
        GuestFile open = thread.process().files().get(number);
        if (open != null) {
            return FileStatus.ofDescriptor(open, (long) thread.process().pid() << Integer.SIZE | number);
        }
        ProcPath found = path.equals("/proc/self") ? null : ProcPath.of(thread.process(), path);
        // Only the links of /dev report the length of their targets.
        return found != null
                ? FileStatus.ofLink(found.fileNumber(), 0)
                : FileStatus.ofLink(FileStatus.numberOf(path), DEVICE_LINKS.containsKey(path) ? target.length() : 0);
    }

    /** Returns the target of a symbolic link in {@code /proc}; null if there is none of that path. */
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
        if (own == null) {
            return null;
        }
        if (own.equals("exe")) {
            return process.program().path();
        }
        if (own.equals("cwd")) {
            return process.folder().shown();
        }
        if (!own.startsWith("fd/")) {
            return null;
        }
        GuestFile found = process.files().get(number(own.substring("fd/".length())));
        return found == null ? null : found.shownPath();
    }

    /**
     * Returns the target of a link that leads to a host file, or of a link of {@code /dev}. Null for any other path,
     * and if the file has no known name any more. The caller holds the monitor of {@code GuestNames}.
     */
    public static @Nullable String followed(GuestThread thread, String path) {
        if (!mayLead(path)) {
            return null;
        }
        String ofDevice = DEVICE_LINKS.get(path);
        if (ofDevice != null) {
            return ofDevice;
        }
        if (path.endsWith("/exe")) {
            return link(thread, path);
        }
        GuestFile open = descriptor(thread.process(), path);
        if (open instanceof LinkPlace) {
            return null;
        }
        OpenedName name = open != null ? open.openedName() : currentFolder(thread, path);
        return name == null ? null : name.currentPath();
    }

    /**
     * Returns the directory to which a link leads if the directory was removed; null otherwise. The caller holds the
     * monitor of {@code GuestNames}.
     */
    public static @Nullable OpenedName removedFolder(GuestThread thread, String path) {
        if (!mayLead(path)) {
            return null;
        }
        GuestFile open = descriptor(thread.process(), path);
        OpenedName name = open instanceof GuestFolder ? open.openedName() : currentFolder(thread, path);
        return name == null || name.currentPath() != null ? null : name;
    }

    private static boolean mayLead(String path) {
        return path.startsWith(ROOT + "/") || path.startsWith("/dev/");
    }

    /** Returns the name of the current directory if a path is the directory's link in {@code /proc}; null otherwise. */
    private static @Nullable OpenedName currentFolder(GuestThread thread, String path) {
        return "cwd".equals(own(thread.process(), path))
                ? thread.process().folder().name()
                : null;
    }
}
