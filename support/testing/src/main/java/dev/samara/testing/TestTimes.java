// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;

/**
 * Records the CPU time, the {@link TestKind} and the number of tests of each test class, for {@link Budget}. Each test
 * JVM writes a file with one {@link TestTime} per line into the directory of {@link TestOutput}. The start of the JVM
 * counts as time of its first class. Without that directory, this class does nothing. JUnit finds it as a service, and
 * calls it from one thread.
 */
public final class TestTimes implements TestExecutionListener {
    private final long pid = ProcessHandle.current().pid();
    private final @Nullable Path file;

    /** The CPU time that was recorded so far, in milliseconds. */
    private long recorded;

    /** The number of tests that ran since the last record was written. */
    private long tests;

    /** Called by JUnit. */
    public TestTimes() {
        String folder = System.getProperty(TestOutput.FOLDER);
        file = folder == null || folder.isEmpty() ? null : Path.of(folder, pid + TestTime.SUFFIX);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        if (test.isTest() && result.getStatus() != TestExecutionResult.Status.ABORTED) {
            tests++;
        }
        String name = TestOutput.topLevel(test);
        if (file != null && name != null) {
            ProcessorTime.of(pid).ifPresent(now -> record(file, name, TestKind.of(test.getTags()), now));
        }
    }

    private void record(Path to, String name, TestKind kind, long now) {
        TestTime time = new TestTime(name, kind, now - recorded, tests);
        recorded = now;
        tests = 0;
        try {
            Files.createDirectories(to.getParent());
            Files.writeString(to, time + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot write " + to, failed);
        }
    }
}
