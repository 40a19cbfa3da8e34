// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Awake;
import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks that tests do not only spin while they wait for another thread, because on one processor each such wait would
 * take a time slice. Tests of this module wait with {@code Await}, or call {@link Awake}; tests of all other modules
 * call {@code Thread.yield}.
 */
@DisplayName("Tests")
final class SpinWaitsTest {
    private static final Pattern HINT = Pattern.compile("\\bThread(\\.|::)onSpinWait\\b");

    /** A condition in parentheses, nested at most four levels deep. */
    private static final String CONDITION = "\\((?:[^()]++|\\((?:[^()]++|\\((?:[^()]++|\\([^()]*+\\))*+\\))*+\\))*+\\)";

    /** A loop without a body, excluding the end of a {@code do} loop. */
    private static final Pattern NO_BODY =
            Pattern.compile("(?m)^ *(while|for) " + CONDITION + "\\s*(;|\\{(\\s|//[^\\n]*\\n)*})");

    /**
     * Exempt are the class that gives the hints for all tests; the threads of the stepped scheduler, which turns each
     * hint into a step; and the threads of JCStress, which meet within nanoseconds.
     */
    private static final Pattern EXEMPT =
            Pattern.compile(".*/fixture/Awake\\.java|.*/interleave/.*|.*/src/jcstress/.*");

    private static boolean spins(String source) {
        return HINT.matcher(source.replaceAll("(?m)^ *(\\*|//|/\\*\\*).*$", "")).find()
                || NO_BODY.matcher(source).find();
    }

    @Test
    @DisplayName("do not spin for another thread without a yield")
    void doNotSpin() throws IOException {
        List<String> spinning = new ArrayList<>();
        int read = 0;
        for (Path file : Project.testSources()) {
            read++;
            String name = file.toString().replace('\\', '/');
            if (!EXEMPT.matcher(name).matches() && spins(Files.readString(file))) {
                spinning.add(Project.root().relativize(file).toString());
            }
        }
        assertEquals(List.of(), spinning);
        assertTrue(read > 500, "read: " + read);
    }

    @Test
    @DisplayName("would be found if they did, by a hint or by a loop without a body")
    void found() {
        String hint = "Thread" + ".onSpinWait";
        for (String spinning : List.of(
                "while (!isOver) {\n    " + hint + "();\n}",
                "pool.submit(Thread" + "::onSpinWait);",
                "    while (!isOver.get()) {\n    }",
                "while (!isOver.get()) {\n    // nothing\n}",
                "while (a(b()) < 1);",
                "for (; !isOver; ) {}")) {
            assertTrue(spins(spinning), spinning);
        }
        for (String other : List.of(
                "     * Like {@link " + hint + "}.\n",
                "do {\n    step();\n} while (!isOver.get());\n",
                "while (!isOver) {\n    step();\n}",
                "for (int i = 0; i < 3; i++) {\n    step();\n}")) {
            assertEquals(false, spins(other), other);
        }
    }
}
