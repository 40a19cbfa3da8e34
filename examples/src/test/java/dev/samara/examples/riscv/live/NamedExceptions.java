// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The differences that are meant, each by a name and with its reason. */
final class NamedExceptions {
    private static final Path DOCUMENT = Path.of("..", "docs", "emulator.md");
    private static final Pattern NOT_THERE = Pattern.compile("^\\| (.*`.*) \\| ENOSYS \\|.*");
    private static final Pattern NAME = Pattern.compile("`([a-z_0-9]+)`");
    private static final Pattern NO_TIMES = Pattern.compile(" atime 0\\.0 mtime 0\\.0");
    private static final Pattern TIMES = Pattern.compile(" atime \\S+ mtime \\S+");
    private static final String ENOSYS = "-38";
    private static final String EINVAL = "-22";
    private static final String EFBIG = "-27";
    private static final long MOST_OFFSET = (1L << 44) - 4096;
    private static final Set<JudgedCall> OF_OFFSETS = EnumSet.of(
            JudgedCall.LSEEK,
            JudgedCall.FTRUNCATE,
            JudgedCall.TRUNCATE,
            JudgedCall.PWRITE64,
            JudgedCall.PWRITEV,
            JudgedCall.FALLOCATE);
    private static final Set<Integer> COMMANDS =
            Set.of(0, 1, 2, 3, 4, 5, 6, 7, 9, 16, 36, 37, 38, 1030, 1032, 1033, 1034);
    private static final String EOPNOTSUPP = "-95";
    private static final int TMPFILE = 020000000;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;
    private static final int EXCHANGE_OR_WHITEOUT = 6;

    private static @Nullable Set<String> excluded;

    private NamedExceptions() {}

    /** Returns the name of the exception that a difference is; null for none. A script is compared up to there. */
    static @Nullable String of(Step step, String kernel, String guest) {
        if (step instanceof Step.Call call) {
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
            if (call.call() == JudgedCall.FALLOCATE && guest.startsWith(EOPNOTSUPP)) {
                return "flags other than those of a hole, which the document's table excludes";
            }
            boolean isAccess = call.call() == JudgedCall.FACCESSAT || call.call() == JudgedCall.FACCESSAT2;
            if (isAccess
                    && guest.equals("0")
                    && call.arguments().get(1) instanceof Argument.Text path
                    && (path.bytes().startsWith("/dev/") || path.bytes().startsWith("/proc/"))) {
                return "faccessat of what is in /proc and /dev";
            }
            if (isBeyond(call) && (kernel.startsWith(EINVAL) || kernel.startsWith(EFBIG))) {
                return "an offset that the host's file system does not have";
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
        }
        return null;
    }

    /** Whether a call names an offset beyond what ext4 has: the emulator does not know the file system. */
    private static boolean isBeyond(Step.Call call) {
        return call.arguments().stream()
                .anyMatch(each -> each instanceof Argument.Numeric number
                        && number.value() > MOST_OFFSET
                        && OF_OFFSETS.contains(call.call()));
    }

    /**
     * Returns an answer of the kernel as the emulator may give it. Pipes, events and memory files have no times there:
     * nothing of theirs is stored, as the document says.
     */
    static String expected(String kernel, String guest) {
        Matcher none = NO_TIMES.matcher(guest);
        Matcher times = TIMES.matcher(kernel);
        StringBuilder text = new StringBuilder();
        int from = 0;
        int at = 0;
        while (times.find()) {
            // The same number of times in both texts.
            Matcher other = TIMES.matcher(guest);
            boolean isFound = other.find(at);
            text.append(kernel, from, times.start());
            // Bytes that were written change the time of the file when they are saved.
            boolean isUnsaved = isFound
                    && times.group().endsWith(" mtime now")
                    && other.group().startsWith(times.group().replaceFirst(" mtime now$", " mtime "));
            boolean isNone = isFound && none.find(other.start()) && none.start() == other.start();
            text.append(isNone ? " atime 0.0 mtime 0.0" : isUnsaved ? other.group() : times.group());
            at = isFound ? other.end() : guest.length();
            from = times.end();
        }
        return text.append(kernel.substring(from)).toString();
    }

    /** Returns the calls that are ENOSYS by decision. */
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
