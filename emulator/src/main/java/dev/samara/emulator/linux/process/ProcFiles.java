// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.MappingResidency;
import dev.samara.core.Residency;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.emulator.elf.ProgramLoader.ArgumentPlace;
import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.ProcFile;
import dev.samara.emulator.linux.memory.SegmentTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
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
            GuestProcess found = names[0].equals("self") ? asking : asking.system.tree.find(number(names[0]));
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
            String entry = ROOT + "/" + process.pid + (named == null ? "" : "/task/" + named.tid());
            return file.isEmpty() ? entry : entry + "/" + file;
        }
    }

    /** Opens a file of the emulator; returns null if there is none at a path. */
    public static @Nullable GuestFile openSpecial(GuestThread thread, String path, int flags) {
        GuestSystem system = thread.process().system;
        ProcPath found = ProcPath.of(thread.process(), path);
        if (found != null) {
            return ofProcess(found, flags);
        }
        if (path.equals(ROOT)) {
            List<String> names = new ArrayList<>(names(""));
            names.add("self");
            system.tree.all().forEach(each -> names.add(String.valueOf(each.pid)));
            return folder(system, path, flags, names);
        }
        String file = path.startsWith(ROOT + "/") ? path.substring(ROOT.length() + 1) : "";
        if (OF_SYSTEM.contains(file)) {
            return ProcFile.ofText(
                    path,
                    flags,
                    0444,
                    FileStatus.numberOf(path),
                    system.texts,
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
        for (int i = 0; i < system.processors; i++) {
            lines.addAll(List.of("processor\t: " + i, "hart\t\t: " + i, "isa\t\t: rv64imafdc", "mmu\t\t: sv39", ""));
        }
        return lines;
    }

    private static GuestFolder folder(GuestSystem system, String path, int flags, List<String> names) {
        FileStatus status = FileStatus.ofFolder(0555, FileStatus.numberOf(path), 0);
        return GuestFolder.ofEmulator(path, flags, system.folderNames, status, new GuestFolder.FolderEntries() {
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
        GuestSystem system = process.system;
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
                        process.files.numbers().stream().map(String::valueOf).toList();
                return folder(system, path, flags, numbers);
            }
            case "mem" -> {
                Runnable dropsCode = () -> process.snapshot().forEach(GuestThread::changedCode);
                return ProcFile.ofMemory(path, flags, number, process.memory().space, dropsCode);
            }
            case "pagemap" -> {
                return new ProcFile.PageMapFile(path, flags, number, process.memory().space);
            }
            default -> {
                String file = found.file;
                ProcessTexts texts = new ProcessTexts(process, found.thread);
                boolean isPrivate = file.equals("auxv") || file.equals("environ");
                return ProcessTexts.FILES.contains(file)
                        ? ProcFile.ofText(
                                path, flags, isPrivate ? 0400 : 0444, number, system.texts, () -> texts.bytes(file))
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
        return own != null && own.startsWith("fd/") ? process.files.get(number(own.substring("fd/".length()))) : null;
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
            return String.valueOf(process.pid);
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
            return process.folder.shown();
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
        OpenedName name = open != null ? open.openedName() : "cwd".equals(own) ? process.folder.name() : null;
        return name == null || name.host() == null ? null : name.path();
    }

    /** Generates the files of a process in {@code /proc} that show its mappings ({@code fs/proc/task_mmu.c}). */
    static final class MappingTexts {
        private static final int NAME_COLUMN = 73;

        private final AddressSpace space;
        private final GuestRoot root;
        private final GuestNames names;

        MappingTexts(GuestProcess process) {
            space = process.memory().space;
            root = process.system.root;
            names = process.system.names;
        }

        /** Returns the lines of {@code maps}. Files of the host have the names that the guest sees. */
        List<String> maps() {
            return maps(space.snapshot());
        }

        private List<String> maps(LayoutSnapshot snapshot) {
            List<String> lines = new ArrayList<>(snapshot.maps());
            List<Vma> vmas = snapshot.vmas();
            for (int i = 0; i < lines.size(); i++) {
                lines.set(i, shown(lines.get(i), vmas.get(i)));
            }
            return lines;
        }

        private String shown(String line, Vma vma) {
            // A name that the guest set may contain any characters. In maps it starts with a bracket.
            int name = line.indexOf(" /") + 1;
            if (name == 0 || line.lastIndexOf('[', name) >= 0) {
                return line;
            }
            String opened = names.shownOf(vma.backing());
            String shown = opened == null ? root.shown(line.substring(name)) : opened.replace("\n", "\\012");
            return line.substring(0, name) + shown;
        }

        /** Returns the lines of {@code smaps}. */
        List<String> residency() {
            LayoutSnapshot snapshot = space.snapshot();
            Map<Long, MappingResidency> found = new HashMap<>();
            space.smaps(each -> found.put(Objects.requireNonNull(each.vma()).start(), each));
            List<Vma> vmas = snapshot.vmas();
            List<String> maps = maps(snapshot);
            List<String> lines = new ArrayList<>();
            for (int i = 0; i < vmas.size(); i++) {
                Vma vma = vmas.get(i);
                lines.add(maps.get(i));
                lines.add(kilobytes("Size", vma.end() - vma.start()));
                lines.add(kilobytes("KernelPageSize", space.geometry().pageSize()));
                lines.add(kilobytes("MMUPageSize", space.geometry().pageSize()));
                // A mapping that was removed or replaced after the snapshot is shown without pages.
                lines.addAll(amounts(found.getOrDefault(vma.start(), MappingResidency.NONE), false));
                lines.add("THPeligible:           0");
                lines.add("VmFlags: " + VmaFlags.format(vma.flags()) + " ");
            }
            return lines;
        }

        /** Returns the lines of {@code smaps_rollup}. */
        List<String> rollup() {
            List<Vma> vmas = space.snapshot().vmas();
            if (vmas.isEmpty()) {
                return List.of();
            }
            String range = String.format(
                    Locale.ROOT,
                    "%08x-%08x ---p 00000000 00:00 0 ",
                    vmas.get(0).start(),
                    vmas.get(vmas.size() - 1).end());
            List<String> lines = new ArrayList<>();
            lines.add(range + " ".repeat(Math.max(NAME_COLUMN - range.length(), 0)) + "[rollup]");
            lines.addAll(amounts(space.smapsRollup(), true));
            return lines;
        }

        private static List<String> amounts(MappingResidency of, boolean isRollup) {
            List<String> lines = new ArrayList<>();
            lines.add(kilobytes("Rss", of.rss()));
            lines.add(kilobytes("Pss", of.pss()));
            lines.add(kilobytes("Pss_Dirty", of.pssDirty()));
            if (isRollup) {
                lines.add(kilobytes("Pss_Anon", of.pssAnonymous()));
                lines.add(kilobytes("Pss_File", of.pssFile()));
                lines.add(kilobytes("Pss_Shmem", of.pssShmem()));
            }
            lines.add(kilobytes("Shared_Clean", of.sharedClean()));
            lines.add(kilobytes("Shared_Dirty", of.sharedDirty()));
            lines.add(kilobytes("Private_Clean", of.privateClean()));
            lines.add(kilobytes("Private_Dirty", of.privateDirty()));
            lines.add(kilobytes("Referenced", of.referenced()));
            lines.add(kilobytes("Anonymous", of.anonymous()));
            // The library does not support these kinds of pages.
            for (String none : List.of(
                    "KSM",
                    "LazyFree",
                    "AnonHugePages",
                    "ShmemPmdMapped",
                    "FilePmdMapped",
                    "Shared_Hugetlb",
                    "Private_Hugetlb",
                    "Swap",
                    "SwapPss")) {
                lines.add(kilobytes(none, 0));
            }
            lines.add(kilobytes("Locked", of.locked()));
            return lines;
        }

        private static String kilobytes(String name, long bytes) {
            return String.format(Locale.ROOT, "%-16s%8d kB", name + ":", bytes >> 10);
        }
    }

    /**
     * Generates the text files of a process in {@code /proc} ({@code fs/proc/array.c}). Values that the emulator does
     * not have are 0.
     */
    static final class ProcessTexts {
        /** The names of the files. */
        static final Set<String> FILES = Set.of(
                "maps", "smaps", "smaps_rollup", "auxv", "cmdline", "environ", "comm", "stat", "statm", "status");

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
            tree = process.system.tree;
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
            ArgumentPlace place = process.memory().arguments;
            byte[] found = bytesOf(place.argumentsStart(), place.argumentsEnd());
            if (found.length == 0 || found[found.length - 1] == 0) {
                return found;
            }
            // The process overwrote the terminating null, e.g. to set a title. The title may continue in the
            // environment,
            // up to a page.
            byte[] longer = bytesOf(place.argumentsStart(), place.argumentsStart() + PAGE);
            int end = 0;
            while (end < longer.length && longer[end] != 0) {
                end++;
            }
            return Arrays.copyOf(longer, Math.min(end + 1, longer.length));
        }

        private byte[] environment() {
            ArgumentPlace place = process.memory().arguments;
            return bytesOf(place.environmentStart(), place.environmentEnd());
        }

        private byte[] bytesOf(long start, long end) {
            byte[] bytes = new byte[(int) (end - start)];
            long read = process.memory().space.read(start, bytes, 0, bytes.length);
            return Arrays.copyOf(bytes, (int) Math.max(read, 0));
        }

        private char state() {
            GuestThread asked = thread;
            boolean isWaiting = asked == null ? process.isWaiting() : asked.isWaiting();
            // The state of a process is that of its first thread, which may have ended before others.
            boolean isZombie = tree.isZombie(process) || (asked == null && process.find(process.pid) == null);
            return isZombie ? 'Z' : isWaiting ? 'S' : 'R';
        }

        /** Returns the ID of the thread, or of the process if there is no thread. */
        private int id() {
            GuestThread asked = thread;
            return asked == null ? process.pid : asked.tid();
        }

        /** Returns the name of the thread, which may have been changed. */
        private String command() {
            GuestThread asked = thread == null ? process.find(process.pid) : thread;
            return asked == null ? process.program().command() : asked.name();
        }

        private Residency residency() {
            return process.isExiting() ? Residency.NONE : process.memory().space.residency();
        }

        private String stat() {
            List<Object> fields = new ArrayList<>(Collections.nCopies(STAT_FIELDS, 0));
            Residency residency = residency();
            fields.set(0, id());
            fields.set(1, "(" + command() + ")");
            fields.set(2, state());
            fields.set(3, tree.parentOf(process));
            fields.set(4, tree.group(process.pid));
            fields.set(5, ProcessTree.FIRST_PID);
            fields.set(7, -1);
            fields.set(13, process.usedNanos() / TICK);
            fields.set(15, process.used.children() / TICK);
            fields.set(17, PRIORITY);
            fields.set(19, Math.max(process.threads(), 1));
            fields.set(21, process.started / TICK);
            fields.set(22, residency.total() * PAGE);
            fields.set(23, residency.resident());
            StringBuilder text = new StringBuilder();
            fields.forEach(each -> text.append(text.length() == 0 ? "" : " ").append(each));
            return text.toString();
        }

        private String memoryInPages() {
            Residency residency = residency();
            return residency.total() + " " + residency.resident() + " " + (residency.file() + residency.shmem())
                    + " 0 0 " + residency.anonymous() + " 0";
        }

        private static String kilobytes(String name, long pages) {
            return String.format(Locale.ROOT, "%s:\t%8d kB", name, pages * (PAGE >> 10));
        }

        private List<String> status() {
            Residency residency = residency();
            char state = state();
            String word = state == 'R' ? "running" : state == 'S' ? "sleeping" : "zombie";
            int user = process.system.user;
            String ids = user + "\t" + user + "\t" + user + "\t" + user;
            return List.of(
                    "Name:\t" + command(),
                    "State:\t" + state + " (" + word + ")",
                    "Tgid:\t" + process.pid,
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
}
