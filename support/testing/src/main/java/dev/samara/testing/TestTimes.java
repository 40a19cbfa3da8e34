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
 * Records the processor time of each test class, its {@link TestKind} and its tests, for {@link Budget}: a {@link
 * TestTime} a line, in a file for each test JVM, in the folder of {@link TestOutput}. The start of the JVM counts to
 * its first class. Without that folder it does nothing. JUnit finds it as a service, and calls it from one thread.
 */
public final class TestTimes implements TestExecutionListener {
    private final long pid = ProcessHandle.current().pid();
    private final @Nullable Path file;

    /** The milliseconds that are recorded. */
    private long recorded;

    /** The tests that have run since the last record. */
    private long tests;

    /** Makes the listener, for JUnit. */
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
