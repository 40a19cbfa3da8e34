// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.top.ScreenSize;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Determines the properties of this process's terminal. */
final class TerminalStreams {
    static final int IN = 0;
    static final int OUT = 1;
    static final int ERR = 2;

    private static final Path OPEN_FILES = Path.of("/proc/self/fd");
    private static final Pattern TERMINAL = Pattern.compile("/dev/(pts/|tty|console).*");
    private static final Pattern TWO_NUMBERS = Pattern.compile("(\\d{1,5}) (\\d{1,5})\\s*");
    private static final int LEAST_COLUMNS = 20;
    private static final int LEAST_ROWS = 5;

    private TerminalStreams() {}

    /**
     * Returns whether an output is a terminal that supports cursor movement.
     *
     * @param descriptor {@link #OUT} or {@link #ERR}
     */
    static boolean movesCursor(int descriptor) {
        return !"dumb".equals(System.getenv("TERM")) && isTerminal(descriptor);
    }

    /**
     * Returns whether a stream is a terminal.
     *
     * @param descriptor {@link #IN}, {@link #OUT} or {@link #ERR}
     */
    static boolean isTerminal(int descriptor) {
        try {
            Path file = Files.readSymbolicLink(OPEN_FILES.resolve(String.valueOf(descriptor)));
            return TERMINAL.matcher(file.toString()).matches();
        } catch (IOException | UnsupportedOperationException notShown) {
            // The system does not show the open files of a process, or the stream is closed.
            return asksShell(descriptor);
        }
    }

    private static boolean asksShell(int descriptor) {
        try {
            Process test = new ProcessBuilder("sh", "-c", "test -t " + descriptor)
                    .inheritIO()
                    .start();
            return test.waitFor() == 0;
        } catch (IOException noShell) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Returns whether the user permits colours. */
    static boolean wantsColours() {
        String no = System.getenv("NO_COLOR");
        return no == null || no.isEmpty();
    }

    /** Returns the present size of the terminal. */
    static ScreenSize size() {
        return size(System.getenv(), askTerminal());
    }

    /**
     * Returns the size of a terminal.
     *
     * @param environment the environment, in which {@code COLUMNS} and {@code LINES} take precedence
     * @param told the rows and columns in the format of {@code stty size}; null if they are not known
     */
    static ScreenSize size(Map<String, String> environment, @Nullable String told) {
        Matcher numbers = TWO_NUMBERS.matcher(told == null ? "" : told);
        boolean isTold = numbers.matches();
        int rows = isTold ? Integer.parseInt(numbers.group(1)) : 0;
        int columns = isTold ? Integer.parseInt(numbers.group(2)) : 0;
        return new ScreenSize(
                atLeast(LEAST_COLUMNS, number(environment.get("COLUMNS")), columns, ScreenSize.USUAL.columns()),
                atLeast(LEAST_ROWS, number(environment.get("LINES")), rows, ScreenSize.USUAL.rows()));
    }

    private static int number(@Nullable String text) {
        return text != null && text.matches("\\d{1,5}") ? Integer.parseInt(text) : 0;
    }

    /** Returns the first number that is at least {@code least}; if none is, the last number. */
    private static int atLeast(int least, int... numbers) {
        for (int number : numbers) {
            if (number >= least) {
                return number;
            }
        }
        return numbers[numbers.length - 1];
    }

    private static @Nullable String askTerminal() {
        try {
            Process stty = new ProcessBuilder("stty", "size")
                    .redirectInput(new File("/dev/tty"))
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!stty.waitFor(1, TimeUnit.SECONDS)) {
                stty.destroyForcibly();
                return null;
            }
            return new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException noSuchProgram) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }
}
