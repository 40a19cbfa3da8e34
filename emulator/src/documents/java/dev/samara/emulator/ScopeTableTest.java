// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks the table of {@code docs/emulator.md} that names the calls that the emulator does not support. */
final class ScopeTableTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));
    private static final Path CODE = BASE.resolve("src/main/java/dev/samara/emulator/linux");
    private static final String HEADER = "| not there | answer | because |";
    private static final Pattern NAME = Pattern.compile("`([a-z0-9_]+)`");
    private static final Pattern CALL = Pattern.compile("LinuxCall\\.([A-Z0-9_]+)");
    private static final Pattern CONSTANT = Pattern.compile("(?m)^    ([A-Z0-9_]+)\\(\\d+\\)");

    private static Set<String> found(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map((MatchResult each) -> each.group(1).toLowerCase(Locale.ROOT))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Returns the calls in the rows whose result is ENOSYS. */
    private static Set<String> excluded() throws IOException {
        List<String> lines = Files.readAllLines(BASE.resolve("../docs/emulator.md"));
        Set<String> excluded = new TreeSet<>();
        for (String line : lines.subList(lines.indexOf(HEADER) + 2, lines.size())) {
            if (!line.startsWith("|")) {
                break;
            }
            String[] cells = line.split("\\s*\\|\\s*", -1);
            if (cells[2].equals("ENOSYS")) {
                excluded.addAll(found(NAME, cells[1]));
            }
        }
        return excluded;
    }

    @Test
    @DisplayName("names no call that there is, and each call that has a name and nothing else")
    void calls() throws Exception {
        Set<String> excluded = excluded();
        assertFalse(excluded.isEmpty());
        Set<String> known = found(CALL, Files.readString(CODE.resolve("call/CallBindings.java")));
        Set<String> wrong = new TreeSet<>(excluded);
        wrong.retainAll(known);
        assertEquals(Set.of(), wrong, "calls that there are");
        Set<String> missing = found(CONSTANT, Files.readString(CODE.resolve("abi/LinuxCall.java")));
        missing.removeAll(known);
        missing.removeAll(excluded);
        assertEquals(Set.of(), missing, "calls of which the table says nothing");
    }
}
