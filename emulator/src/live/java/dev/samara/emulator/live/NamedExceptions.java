// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The intended differences, each with a name and a reason. */
final class NamedExceptions {
    private static final Path DOCUMENT = Path.of("..", "docs", "emulator.md");
    private static final Pattern NOT_THERE = Pattern.compile("^\\| (.*`.*) \\| ENOSYS \\|.*");
    private static final Pattern NAME = Pattern.compile("`([a-z_0-9]+)`");
    private static final Pattern NO_TIMES = Pattern.compile(" atime 0\\.0 mtime 0\\.0");
    private static final Pattern CHILD = Pattern.compile("other[0-9]+");

    /** A set of signals in memory, and SIGCHLD's bit in it. */
    private static final Pattern SET = Pattern.compile("\\{(-?[0-9]+)\\}");

    private static final long SIGCHLD = 1L << 16;

    /** SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU. */
    private static final Set<Long> STOPS = Set.of(18L, 19L, 20L, 21L, 22L);

    /** A time in seconds and nanoseconds. */
    private static final Pattern TIME = Pattern.compile("(time -?[0-9]+\\.)([0-9]+)");

    private static final int NANOS_OF_MICROSECOND = 1000;

    private static final Pattern ACCESSED = Pattern.compile(" atime \\S+");
    private static final Pattern TIMES = Pattern.compile(" atime \\S+ mtime \\S+");
    private static final String ENOSYS = "-38";
    private static final String EINVAL = "-22";
    private static final Set<Integer> COMMANDS =
            Set.of(0, 1, 2, 3, 4, 5, 6, 7, 9, 16, 36, 37, 38, 1027, 1028, 1030, 1031, 1032, 1033, 1034);
    private static final String EPERM = "-1";
    private static final String EOVERFLOW = "-75";

    private static final Pattern IN_FOLDER = Pattern.compile("^[0-9].* at any mode 4");

    /** The result of a read of a folder: EISDIR, or EBADF if the folder is also the target of the bytes. */
    private static final Pattern OF_READ_FOLDER = Pattern.compile("^-(21|9) .* at any mode 4");

    private static final Set<JudgedCall> OF_WAITS = EnumSet.of(JudgedCall.WAITID, JudgedCall.WAIT4);

    /* The exit statuses of children that return the negative values of these errors. */
    private static final String ENDED_BY_EINVAL = "{" + ((256 - 22) << 8) + "}";
    private static final String ENDED_BY_EISDIR = "{" + ((256 - 21) << 8) + "}";

    private static final Set<JudgedCall> OF_READS = EnumSet.of(JudgedCall.READ, JudgedCall.READV);

    private static final Set<JudgedCall> OF_WRITES = EnumSet.of(
            JudgedCall.WRITE, JudgedCall.WRITEV, JudgedCall.PWRITE64, JudgedCall.PWRITEV, JudgedCall.PWRITEV2);

    private static final Set<JudgedCall> OF_POSITIONS =
            EnumSet.of(JudgedCall.READ, JudgedCall.READV, JudgedCall.SENDFILE);

    /** The result of a call that sent bytes, if both descriptors refer to the same file. */
    private static final Pattern SENT = Pattern.compile("^[1-9].* (i[0-9]+) atime .* \\1 atime ");

    private static final String EOPNOTSUPP = "-95";
    private static final String EACCES = "-13";

    /** The results of a read of entries if the first entry does not fit, or the memory for it is not writable. */
    private static final Set<String> UNFIT = Set.of(EINVAL, "-14");

    /** The calls that may end another task. */
    private static final Set<JudgedCall> ENDING = EnumSet.of(
            JudgedCall.KILL,
            JudgedCall.TKILL,
            JudgedCall.TGKILL,
            JudgedCall.RT_SIGQUEUEINFO,
            JudgedCall.RT_TGSIGQUEUEINFO,
            JudgedCall.PIDFD_SEND_SIGNAL,
            JudgedCall.EXIT);

    /** The calls that send a signal to a process, where any thread may take it. */
    private static final Set<JudgedCall> TO_PROCESS =
            EnumSet.of(JudgedCall.KILL, JudgedCall.RT_SIGQUEUEINFO, JudgedCall.PIDFD_SEND_SIGNAL);

    /** The description of an event counter. */
    private static final String OF_EVENTS = " mode 600 links 1 user any size 0 ";

    private static final Pattern NUMBER = Pattern.compile(" i[0-9]+");
    private static final int NO_WAIT = 1;
    private static final int SET_FLAGS = 4;
    private static final int DIRECT = 040000;
    private static final int TMPFILE = 020000000;
    /** The size of an entry with the longest name, in bytes. */
    private static final int MOST_ENTRY = 280;

    private static final int UNSHARE = 2;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;
    private static final int EXCHANGE_OR_WHITEOUT = 6;

    private static @Nullable Set<String> excluded;

    private NamedExceptions() {}

    /**
     * Returns the name of the exception that permits a difference, or null if there is none. The rest of the script is
     * not compared.
     */
    static @Nullable String of(Difference found) {
        if (isNumberAgain(found)) {
            return "the number of a removed folder, which the host gives to the next file";
        }
        if (found.at() == null) {
            return null;
        }
        if (!(found.at() instanceof Step.Call call)) {
            return null;
        }
        if (isWaitForNone(call, found.kernel()) != isWaitForNone(call, found.guest()) && isAfter(found, ENDING)) {
            return "a wait that does not wait, beside an end under way";
        }
        if (call.call() == JudgedCall.RT_SIGPENDING && hasThread(found) && isAfter(found, TO_PROCESS)) {
            return "a signal for the process, which another thread is about to take";
        }
        if (call.call() == JudgedCall.RT_SIGPENDING && isAfterStop(found) && isSignalOfChild(found)) {
            return "SIGCHLD of a child that is about to stop or to continue";
        }
        if (OF_POSITIONS.contains(call.call()) && isAfterEntries(found) && isReadOfFolder(found)) {
            return "a position in a folder after its last entry, which is the greatest of all in ext4";
        }
        if (call.call() == JudgedCall.LSEEK
                && isAfterEntries(found)
                && found.kernel().startsWith(EINVAL + " ")
                && IN_FOLDER.matcher(found.guest()).find()) {
            return "a sum with the same position, which is beyond the largest one";
        }
        if (OF_WAITS.contains(call.call()) && isAfterEntries(found) && isEndOfReadOfFolder(found)) {
            return "the same position, at which a child has read, and tells the result by its end";
        }
        if (OF_READS.contains(call.call()) && isAfter(found, Set.of(JudgedCall.SENDFILE)) && hasOtherBytes(found)) {
            return "bytes of a file that were sent to a pipe without a copy, and have changed in the file since";
        }
        if (call.call() == JudgedCall.GETDENTS64
                && isAfterSeek(found, call)
                && (!found.kernel().startsWith("-") || UNFIT.contains(first(found.kernel())))) {
            return "a position in a folder, which is the file system's own";
        }
        if (first(found.guest()).equals(EACCES)
                && call.arguments().stream().anyMatch(NamedExceptions::isOpenFile)
                && isAfter(found, Set.of(JudgedCall.FCHMOD, JudgedCall.FCHMODAT))) {
            return "an open file by its descriptor's name, in a folder that the JDK may not search any more";
        }
        if (OF_WAITS.contains(call.call()) && hasThread(found) && isOfAnotherChild(found)) {
            return "which child of several that have ended is found first: that of the calling thread";
        }
        if (isAfter(found, Set.of(JudgedCall.UTIMENSAT)) && isLinkInMicroseconds(found)) {
            return "the times of a link, which the JDK sets in microseconds, as the document says";
        }
        if (OF_WRITES.contains(call.call()) && isAfter(found, Set.of(JudgedCall.UTIMENSAT)) && isReadForWrite(found)) {
            return "the time of access of a file, of which a write has read a page from the host, as the document says";
        }
        boolean isOfMemory = call.call() == JudgedCall.PROCESS_VM_READV || call.call() == JudgedCall.PROCESS_VM_WRITEV;
        if (isOfMemory && isOwn(found, call) && first(found.kernel()).equals(first(found.guest()))) {
            return "bytes that are copied over themselves, in parts of any size";
        }
        return of(call, found.kernel(), found.guest());
    }

    /** Returns whether an earlier step sent a signal that stops or continues a process. */
    private static boolean isAfterStop(Difference found) {
        return found.script().subList(0, found.step()).stream()
                .anyMatch(each -> each instanceof Step.Call call
                        && TO_PROCESS.contains(call.call())
                        && call.arguments().stream().anyMatch(NamedExceptions::isStop));
    }

    private static boolean isStop(Argument argument) {
        return argument instanceof Argument.Numeric number && STOPS.contains(number.value());
    }

    /** Returns whether two sets of pending signals differ in SIGCHLD only. */
    private static boolean isSignalOfChild(Difference found) {
        return withoutSignalOfChild(found.kernel()).equals(withoutSignalOfChild(found.guest()));
    }

    private static String withoutSignalOfChild(String pending) {
        return SET.matcher(pending).replaceAll(set -> "{" + (Long.parseLong(set.group(1)) & ~SIGCHLD) + "}");
    }

    /** Returns whether the results of two waits differ only in the child that they name. */
    private static boolean isOfAnotherChild(Difference found) {
        return !first(found.kernel()).startsWith("-")
                && CHILD.matcher(found.kernel())
                        .replaceAll("child")
                        .equals(CHILD.matcher(found.guest()).replaceAll("child"));
    }

    /** Returns whether two results differ only in the last access time, which is the current time in the emulator. */
    private static boolean isReadForWrite(Difference found) {
        return found.guest().contains(" atime now ")
                && ACCESSED.matcher(found.kernel())
                        .replaceAll("")
                        .equals(ACCESSED.matcher(found.guest()).replaceAll(""));
    }

    /** Returns whether two results for a link differ only in the parts of its times below a microsecond. */
    private static boolean isLinkInMicroseconds(Difference found) {
        String rounded = TIME.matcher(found.kernel()).replaceAll(time -> {
            int nanos = Integer.parseInt(time.group(2));
            return time.group(1) + (nanos - nanos % NANOS_OF_MICROSECOND);
        });
        return found.kernel().contains(" mode 120777 ") && rounded.equals(found.guest());
    }

    private static boolean isOpenFile(Argument argument) {
        return argument instanceof Argument.Text text && text.bytes().startsWith("/proc/self/fd/");
    }

    private static String first(String answer) {
        return answer.split(" ", 2)[0];
    }

    /** Returns whether a call names a task of the caller's own process. */
    private static boolean isOwn(Difference found, Step.Call call) {
        return call.arguments().get(0) instanceof Argument.TaskNumber of
                && processOf(found, of.task()) == processOf(found, call.task());
    }

    /** Returns the first task of a task's process. */
    private static int processOf(Difference found, int task) {
        List<Step.Make> made = found.script().stream()
                .filter(Step.Make.class::isInstance)
                .map(Step.Make.class::cast)
                .toList();
        int at = task;
        while (at > 0 && at <= made.size() && made.get(at - 1).isThread()) {
            at = made.get(at - 1).task();
        }
        return at;
    }

    /**
     * Returns whether a read of entries found none that fits, or had so little room that the result depends on which
     * entry is first.
     */
    private static boolean isOfOrder(Step.Call call, String answer) {
        return UNFIT.contains(first(answer))
                || (answer.startsWith("entries")
                        && call.arguments().get(2) instanceof Argument.Numeric room
                        && room.value() < MOST_ENTRY);
    }

    /** Returns whether an earlier call set the position of the descriptor. */
    private static boolean isAfterSeek(Difference found, Step.Call read) {
        return found.script().subList(0, found.step()).stream()
                .anyMatch(each -> each instanceof Step.Call call
                        && call.call() == JudgedCall.LSEEK
                        && call.arguments().get(0).equals(read.arguments().get(0)));
    }

    /** Returns whether a folder's entries were read before the call that differs. */
    private static boolean isAfterEntries(Difference found) {
        return found.script().subList(0, found.step()).stream()
                .anyMatch(each -> each instanceof Step.Call call && call.call() == JudgedCall.GETDENTS64);
    }

    /** Returns whether the kernel rejects the position, and the emulator rejects the folder. */
    private static boolean isReadOfFolder(Difference found) {
        boolean isSent = found.kernel().startsWith(EOVERFLOW + " ")
                && found.guest().startsWith(EINVAL + " ")
                && found.guest().contains(" at any mode 4");
        boolean isRead = found.kernel().startsWith(EINVAL + " ")
                && OF_READ_FOLDER.matcher(found.guest()).find();
        return isSent || isRead;
    }

    /** Returns whether a child ended with EINVAL on the kernel, and with EISDIR in the emulator. */
    private static boolean isEndOfReadOfFolder(Difference found) {
        return found.kernel().endsWith(ENDED_BY_EINVAL)
                && found.kernel().equals(found.guest().replace(ENDED_BY_EISDIR, ENDED_BY_EINVAL));
    }

    /** Returns whether a read returned the same number of bytes on both sides, but different bytes. */
    private static boolean hasOtherBytes(Difference found) {
        return !first(found.kernel()).startsWith("-") && first(found.kernel()).equals(first(found.guest()));
    }

    private static boolean isAfter(Difference found, Set<JudgedCall> calls) {
        return found.script().subList(0, found.step()).stream()
                .anyMatch(each -> each instanceof Step.Call call && calls.contains(call.call()));
    }

    private static boolean hasThread(Difference found) {
        return found.script().stream().anyMatch(each -> each instanceof Step.Make made && made.isThread());
    }

    /** Returns whether a folder was removed, and the ends differ only in the numbers of files. */
    private static boolean isNumberAgain(Difference found) {
        return isAfter(found, Set.of(JudgedCall.UNLINKAT))
                && !found.kernel().equals(found.guest())
                && NUMBER.matcher(found.kernel())
                        .replaceAll(" i")
                        .equals(NUMBER.matcher(found.guest()).replaceAll(" i"));
    }

    /** Returns whether a call is a non-blocking wait that found no child. */
    private static boolean isWaitForNone(Step.Call call, String answer) {
        boolean isId = call.call() == JudgedCall.WAITID;
        if (!isId && call.call() != JudgedCall.WAIT4) {
            return false;
        }
        return call.arguments().get(isId ? 3 : 2) instanceof Argument.Numeric options
                && (options.value() & NO_WAIT) != 0
                && (isId ? answer.contains("signal 0 code 0") : first(answer).equals("0"));
    }

    private static @Nullable String of(Step.Call call, String kernel, String guest) {
        if (guest.split(" ", -1)[0].equals(ENOSYS)
                && excluded().contains(call.call().text())) {
            return "a call that the document's table excludes";
        }
        if (call.call() == JudgedCall.FCNTL
                && guest.startsWith(EINVAL)
                && call.arguments().get(1) instanceof Argument.Numeric command
                && !COMMANDS.contains((int) command.value())) {
            return "other commands of fcntl, which the document's table excludes";
        }
        if (call.call() == JudgedCall.FCNTL
                && guest.startsWith(EINVAL)
                && kernel.contains(" mode 10")
                && call.arguments().get(1).equals(new Argument.Numeric(SET_FLAGS))
                && call.arguments().get(2) instanceof Argument.Numeric flags
                && (flags.value() & DIRECT) != 0) {
            return "a pipe of packets, which the document's table excludes";
        }
        if ((call.call() == JudgedCall.FCNTL || call.call() == JudgedCall.FLOCK)
                && first(kernel).equals("-11")
                && first(guest).equals("0")
                && kernel.contains(OF_EVENTS)) {
            return "a lock of the inode that all event counters of a machine have, of which another program has a part";
        }
        if (call.call() == JudgedCall.FALLOCATE && guest.startsWith(EOPNOTSUPP)) {
            return "flags other than those of a hole, which the document's table excludes";
        }
        boolean isOfFile = call.call() == JudgedCall.FCHMOD || call.call() == JudgedCall.UTIMENSAT;
        if (isOfFile && guest.startsWith(EOPNOTSUPP)) {
            return "a file that has lost its name, which the JDK cannot change, as the document says";
        }
        boolean isUnfit = isOfOrder(call, kernel) && isOfOrder(call, guest);
        if (call.call() == JudgedCall.GETDENTS64
                && (isUnfit || (kernel.startsWith("entries") && guest.startsWith("entries")))) {
            return "the order of entries, which begins with the folder and its parent in the emulator";
        }
        if (call.call() == JudgedCall.MKNODAT && guest.startsWith(EPERM) && kernel.equals("0")) {
            return "a device that stands for a removed name, which the JDK cannot make";
        }
        if (call.call() == JudgedCall.LSEEK
                && !kernel.startsWith("-")
                && IN_FOLDER.matcher(guest).find()) {
            return "a position in a folder, which is the file system's own";
        }
        if (call.call() == JudgedCall.LSEEK
                && call.arguments().get(2) instanceof Argument.Numeric from
                && ((int) from.value() == SEEK_DATA || (int) from.value() == SEEK_HOLE)) {
            return "a file is one piece of data";
        }
        if (call.call() == JudgedCall.OPENAT
                && guest.startsWith(EOPNOTSUPP)
                && call.arguments().get(2) instanceof Argument.Numeric flags
                && (flags.value() & TMPFILE) != 0) {
            return "files without a name, which the document's table excludes";
        }
        if (call.call() == JudgedCall.RENAMEAT2
                && guest.startsWith(EINVAL)
                && call.arguments().get(4) instanceof Argument.Numeric flags
                && (flags.value() & EXCHANGE_OR_WHITEOUT) != 0) {
            return "renames that the document's table excludes";
        }
        return null;
    }

    /**
     * Returns how many steps of a script are compared. If a file is sent to itself, its content and length afterwards
     * depend on how the kernel copies between the same pages, which is not one copy after another. If {@code
     * close_range} gives a thread its own table, the script continues without the descriptors of all other threads.
     */
    static int compared(List<Step> script, List<String> answers) {
        for (int i = 0; i < Math.min(script.size(), answers.size()); i++) {
            if (script.get(i) instanceof Step.Call call) {
                if (call.call() == JudgedCall.SENDFILE
                        && SENT.matcher(answers.get(i)).find()) {
                    return i;
                }
                if (isUnsharing(call) && sharesFiles(script.subList(0, i))) {
                    return i + 1;
                }
            }
        }
        return script.size() + 1;
    }

    /** Returns whether a call requests a separate descriptor table, which the emulator supports only for processes. */
    private static boolean isUnsharing(Step.Call call) {
        return call.call() == JudgedCall.CLOSE_RANGE
                && call.arguments().get(2) instanceof Argument.Numeric flags
                && (flags.value() & UNSHARE) != 0;
    }

    private static boolean sharesFiles(List<Step> before) {
        return before.stream().anyMatch(each -> each instanceof Step.Make made && made.isThread());
    }

    /**
     * Returns a result of the kernel as the emulator may report it. There, pipes, events and memory files have no
     * times, because nothing about them is stored, as the document describes.
     */
    static String expected(String kernel, String guest) {
        Matcher none = NO_TIMES.matcher(guest);
        Matcher times = TIMES.matcher(kernel);
        StringBuilder text = new StringBuilder();
        int from = 0;
        int at = 0;
        while (times.find()) {
            // Both texts contain the same number of times.
            Matcher other = TIMES.matcher(guest);
            boolean isFound = other.find(at);
            text.append(kernel, from, times.start());
            boolean isNone = isFound && none.find(other.start()) && none.start() == other.start();
            text.append(isNone ? " atime 0.0 mtime 0.0" : times.group());
            at = isFound ? other.end() : guest.length();
            from = times.end();
        }
        return text.append(kernel.substring(from)).toString();
    }

    /** Returns the calls that are ENOSYS on purpose. */
    private static synchronized Set<String> excluded() {
        Set<String> found = excluded;
        if (found == null) {
            found = new TreeSet<>();
            try {
                for (String line : Files.readAllLines(DOCUMENT)) {
                    Matcher row = NOT_THERE.matcher(line);
                    if (row.matches()) {
                        Matcher name = NAME.matcher(row.group(1));
                        while (name.find()) {
                            found.add(name.group(1));
                        }
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            excluded = found;
        }
        return found;
    }
}
