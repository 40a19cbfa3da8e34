// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
            if (guest.split(" ", -1)[0].equals(ENOSYS) && excluded().contains(call.call().text())) {
                return "a call that the document's table excludes";
            }
            if (call.call() == JudgedCall.LSEEK
                    && call.arguments().get(2) instanceof Argument.Number from
                    && ((int) from.value() == SEEK_DATA || (int) from.value() == SEEK_HOLE)) {
                return "a file is one piece of data";
            }
            if (call.call() == JudgedCall.OPENAT
                    && guest.startsWith(EOPNOTSUPP)
                    && call.arguments().get(2) instanceof Argument.Number flags
                    && (flags.value() & TMPFILE) != 0) {
                return "files without a name, which the document's table excludes";
            }
            if (call.call() == JudgedCall.RENAMEAT2
                    && guest.startsWith(EINVAL)
                    && call.arguments().get(4) instanceof Argument.Number flags
                    && (flags.value() & EXCHANGE_OR_WHITEOUT) != 0) {
                return "renames that the document's table excludes";
            }
        }
        return null;
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
            boolean isNone = isFound && none.find(other.start()) && none.start() == other.start();
            text.append(isNone ? " atime 0.0 mtime 0.0" : times.group());
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
