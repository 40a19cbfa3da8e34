// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

@DisplayName("A test during which the library logs, or a thread ends with an exception, fails")
final class IncidentCheckTest {
    private static final System.Logger LIBRARY = System.getLogger("dev.samara.testing.example");

    private static void log(String message) {
        LIBRARY.log(System.Logger.Level.WARNING, message);
    }

    private static void endThread(RuntimeException with) throws InterruptedException {
        Thread thread = new Thread(
                () -> {
                    throw with;
                },
                "example");
        thread.start();
        thread.join();
    }

    @ExtendWith(IncidentCheck.class)
    static final class OneOfMany {
        @Test
        void logs() {
            log("LONG_WAIT: of the example");
            log("CALLBACK_FAILED: of the example");
        }

        @Test
        void endsAThread() throws InterruptedException {
            endThread(new IllegalStateException("of the example"));
        }

        @Test
        void takes() throws InterruptedException {
            log("LONG_WAIT: first");
            log("CALLBACK_FAILED: second");
            assertEquals(
                    "CALLBACK_FAILED: second", Incidents.take("CALLBACK_FAILED").text());
            assertEquals("LONG_WAIT: first", Incidents.take("LONG_WAIT").text());
            RuntimeException thrown = new IllegalStateException("of the example");
            endThread(thrown);
            assertSame(thrown, Incidents.take("thread example ends with").cause());
        }

        @Test
        void missesOne() {
            log("LONG_WAIT: of the example");
            Incidents.take("CALLBACK_FAILED");
        }

        @Test
        void isQuiet() {}
    }

    @ExtendWith(IncidentCheck.class)
    static final class InABefore {
        @BeforeEach
        void logs() {
            log("LONG_WAIT: of the example");
        }

        @Test
        void isQuiet() {}
    }

    @ExtendWith(IncidentCheck.class)
    static final class AtItsEnd {
        @AfterAll
        static void logs() {
            log("LONG_WAIT: of the example");
        }

        @Test
        void isQuiet() {}
    }

    @ExtendWith(IncidentCheck.class)
    static final class Around {
        @Nested
        final class Inner {
            @Test
            void logs() {
                log("LONG_WAIT: of the example");
            }
        }
    }

    @ExtendWith(IncidentCheck.class)
    static final class Stopped {
        @Test
        void isQuiet() {}
    }

    /** Runs a class, and returns the message of each failure, by the name of the test or class. */
    private static Map<String, String> failures(Class<?> of) {
        SummaryGeneratingListener results = new SummaryGeneratingListener();
        LauncherFactory.create(LauncherConfig.builder()
                        .enableTestExecutionListenerAutoRegistration(false)
                        .build())
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectClass(of))
                                .build(),
                        results);
        Map<String, String> failures = new TreeMap<>();
        results.getSummary()
                .getFailures()
                .forEach(failed -> failures.put(
                        failed.getTestIdentifier().getDisplayName(),
                        String.valueOf(failed.getException().getMessage())));
        return failures;
    }

    @Test
    @DisplayName("unless it takes each of them; and it fails also if what it takes has not come")
    void each() {
        Map<String, String> failures = failures(OneOfMany.class);
        assertEquals(Set.of("logs()", "endsAThread()", "missesOne()"), failures.keySet());
        String here = "\n    OneOfMany.";
        assertEquals(
                "2 unexpected"
                        + (here + "logs (logs()): LONG_WAIT: of the example")
                        + (here + "logs (logs()): CALLBACK_FAILED: of the example"),
                failures.get("logs()"));
        assertEquals(
                "1 unexpected"
                        + (here + "endsAThread (endsAThread()): thread example ends with ")
                        + "java.lang.IllegalStateException: of the example",
                failures.get("endsAThread()"));
        assertEquals(
                "no incident \"CALLBACK_FAILED\", but 1"
                        + (here + "missesOne (missesOne()): LONG_WAIT: of the example"),
                failures.get("missesOne()"));
    }

    @Test
    @DisplayName("also in a method before it, and in a nested class")
    void before() {
        assertEquals(List.of("isQuiet()"), List.copyOf(failures(InABefore.class).keySet()));
        assertEquals(List.of("logs()"), List.copyOf(failures(Around.class).keySet()));
    }

    @Test
    @DisplayName("and what comes after the last test fails the class")
    void late() {
        Map<String, String> failures = failures(AtItsEnd.class);
        assertEquals(1, failures.size(), failures::toString);
        assertTrue(failures.containsKey("IncidentCheckTest$AtItsEnd"), failures::toString);
        assertTrue(failures.toString().contains("after AtItsEnd.isQuiet (isQuiet()): LONG_WAIT"), failures::toString);
    }

    @Test
    @DisplayName("and the JVM prints again afterwards")
    void stops() {
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        assertEquals(Map.of(), failures(Stopped.class));
        assertSame(before, Thread.getDefaultUncaughtExceptionHandler());
        Logger library = Logger.getLogger("dev.samara");
        assertTrue(library.getUseParentHandlers());
        assertEquals(0, library.getHandlers().length);
    }
}
