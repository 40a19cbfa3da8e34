// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Keeps the console output of a build short. The output of each test class is written to the file {@code CLASS.txt} in
 * the directory that the property {@value #FOLDER} names. If a test or a class fails, its stack trace and its own
 * output are printed on the console. {@link Progress} prints a line at intervals. Without the property, as in an IDE,
 * this class does nothing.
 *
 * <p>JUnit finds it as a service. A test JVM runs one class at a time. If a background thread of an earlier class still
 * prints, its output is in the file of the current class.
 */
public final class TestOutput implements TestExecutionListener {
    static final String FOLDER = "samara.output";

    private final @Nullable Path folder;
    private final CapturedOutput captured = new CapturedOutput();

    /** The position at which the output of a test or class starts, by its id. */
    private final Map<String, Long> positions = new ConcurrentHashMap<>();

    private @Nullable PrintStream console;
    private @Nullable Progress progress;

    /** Called by JUnit. */
    public TestOutput() {
        this(System.getProperty(FOLDER));
    }

    TestOutput(@Nullable String folder) {
        this.folder = folder == null || folder.isEmpty() ? null : Path.of(folder);
    }

    /** Replaces standard output and standard error, only once. */
    @Override
    public void testPlanExecutionStarted(TestPlan plan) {
        if (folder == null || console != null) {
            return;
        }
        try {
            Files.createDirectories(folder);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot create " + folder, failed);
        }
        PrintStream original = System.out;
        console = original;
        progress = new Progress(label(folder), original);
        PrintStream stream = new PrintStream(captured, true, Charset.defaultCharset());
        System.setOut(stream);
        System.setErr(stream);
    }

    /** Returns the module and the run, e.g. {@code core/divided}. */
    private static String label(Path folder) {
        Path module =
                Path.of(System.getProperty("basedir", "")).toAbsolutePath().getFileName();
        return module + "/" + folder.getFileName();
    }

    /** Returns the class name if the node is a top-level test class, otherwise null. */
    static @Nullable String topLevel(TestIdentifier test) {
        return test.getSource().orElse(null) instanceof ClassSource source
                        && !source.getClassName().contains("$")
                ? source.getClassName()
                : null;
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        Path to = folder;
        if (console == null || to == null) {
            return;
        }
        String name = topLevel(test);
        if (name != null) {
            captured.switchTo(to.resolve(name + ".txt"));
            if (progress != null) {
                progress.started(name);
            }
        }
        positions.put(test.getUniqueId(), captured.position());
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        PrintStream to = console;
        Long position = positions.remove(test.getUniqueId());
        if (to == null || position == null) {
            return;
        }
        if (result.getStatus() == TestExecutionResult.Status.FAILED) {
            to.println(failure(test, result, captured.since(position)));
        }
        if (test.isTest() && progress != null) {
            progress.finished();
        }
        if (topLevel(test) != null) {
            captured.switchTo(null);
        }
    }

    private static String failure(TestIdentifier test, TestExecutionResult result, String output) {
        StringWriter text = new StringWriter();
        PrintWriter out = new PrintWriter(text);
        out.println("FAILED: " + test.getDisplayName() + " (" + test.getUniqueId() + ")");
        if (TestKind.of(test.getTags()) == TestKind.EXPLORATION) {
            out.println("explored with -D" + Share.SEED + "=" + System.getProperty(Share.SEED));
        }
        // Adds the stack trace to the text that is printed for the failed test.
        result.getThrowable().ifPresent(thrown -> thrown.printStackTrace(out));
        if (!output.isBlank()) {
            out.println("its output:");
            out.println(output.stripTrailing());
        }
        return text.toString().stripTrailing();
    }
}
