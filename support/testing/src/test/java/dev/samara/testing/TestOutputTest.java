// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

@DisplayName("The output of a test")
final class TestOutputTest {
    @TempDir
    private Path folder;

    /** Runs a class with the listener, and returns the console output. */
    private String run(Class<?> type) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream console = new ByteArrayOutputStream();
        System.setOut(new PrintStream(console, true, Charset.defaultCharset()));
        try {
            LauncherFactory.create(LauncherConfig.builder()
                            .enableTestExecutionListenerAutoRegistration(false)
                            .addTestExecutionListeners(new TestOutput(folder.toString()))
                            .build())
                    .execute(LauncherDiscoveryRequestBuilder.request()
                            .selectors(selectClass(type))
                            .build());
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
        return console.toString(Charset.defaultCharset());
    }

    private String file(Class<?> type) throws IOException {
        return Files.readString(folder.resolve(type.getName() + ".txt"));
    }

    @Test
    @DisplayName("goes to a file, and of a failed test to the console too, with its stack trace")
    void failed() throws IOException {
        String console = run(PrintingCase.class);
        assertTrue(console.startsWith("FAILED: fails()"), console);
        assertTrue(console.contains("AssertionFailedError: the reason"), console);
        assertTrue(console.contains("PrintingCase.fails("), console);
        assertTrue(console.contains("its output:\nprinted by fails"), console);
        assertFalse(console.contains("printed by passes"), console);
        assertFalse(console.contains("printed before all"), console);
        assertTrue(file(PrintingCase.class).startsWith("printed before all\n"));
        assertTrue(file(PrintingCase.class).contains("printed by passes\n"));
        assertTrue(file(PrintingCase.class).contains("printed by fails\n"));
    }

    @Test
    @DisplayName("of a failed comparison of long texts or lists is the lines that differ, some of them, and once")
    void compared() {
        String console = run(ComparingCase.class);
        assertTrue(
                console.contains("AssertionFailedError: the texts ==> 25 of 1000 lines differ, "
                        + "line 101: expected <100>, but was <changed>\n"),
                console);
        assertTrue(console.contains("line 120: expected <119>, but was <changed>\nand 5 more lines"), console);
        assertEquals(1, console.split("line 102: ", -1).length - 1, console);
        assertTrue(
                console.contains(
                        "AssertionFailedError: 1 of 1000 lines differ, line 999: expected <998>, but was nothing"),
                console);
        assertTrue(console.lines().count() < 300, console);
    }

    @Test
    @DisplayName("of a class that fails before its tests is on the console")
    void failedClass() {
        String console = run(BrokenCase.class);
        assertTrue(console.contains("FAILED: BrokenCase"), console);
        assertTrue(console.contains("IllegalStateException: broken"), console);
        assertTrue(console.contains("printed before the end"), console);
    }

    @Test
    @DisplayName("leaves the console and the folder empty if the tests pass and print nothing")
    void silent() throws IOException {
        assertEquals("", run(SilentCase.class));
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(0, files.count());
        }
    }

    @Test
    @DisplayName("is kept up to a size, of which the end counts")
    void large() throws IOException {
        try (CapturedOutput captured = new CapturedOutput()) {
            captured.write("first".getBytes(Charset.defaultCharset()));
            long position = captured.position();
            captured.write("0123456789".repeat(10_000).getBytes(Charset.defaultCharset()));
            captured.write('!');
            String kept = captured.since(position);
            assertTrue(kept.startsWith("[...]"), kept.substring(0, 20));
            assertTrue(kept.endsWith("789!"), "its end");
            assertEquals("9!", captured.since(position + 99_999));
        }
    }
}
