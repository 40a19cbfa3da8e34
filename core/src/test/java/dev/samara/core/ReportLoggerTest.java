// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.ChildJvm;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Runs each case in a separate JVM, whose logger uses the JDK's handler, which prints. */
@DisplayName("A machine without a reporter logs its reports")
final class ReportLoggerTest {
    /** The logger's name, the level, the message, and the exception. */
    private static final List<String> FORMAT =
            List.of("-Djava.util.logging.SimpleFormatter.format=<%3$s> <%4$s> <%5$s> <%6$s>");

    @Test
    @DisplayName("by the logger dev.samara.core, each with its level, kind, message and cause")
    void logged() throws Exception {
        ChildJvm.run(LoggedReport.class, "<dev.samara.core> <WARNING> <CALLBACK_FAILED: ", FORMAT);
        ChildJvm.run(LoggedReport.class, "java.lang.IllegalStateException: of the notifier", FORMAT);
    }

    @Test
    @DisplayName("also where the JVM has no module java.logging: by the JDK's own logger")
    void withoutLogging() throws Exception {
        ChildJvm.run(LoggedReport.class, "CALLBACK_FAILED: ", List.of("--limit-modules", "java.base"));
    }

    @Test
    @DisplayName("and one with a reporter prints nothing")
    void notLogged() throws Exception {
        List<String> noMessage = List.of("-Djava.util.logging.SimpleFormatter.format=<%3$s>");
        AssertionError missing = assertThrows(
                AssertionError.class,
                () -> ChildJvm.run(LoggedReport.class, "<dev.samara.core>", noMessage, "reporter"));
        assertTrue(String.valueOf(missing.getMessage()).contains(LoggedReport.DONE), missing::getMessage);
    }
}
