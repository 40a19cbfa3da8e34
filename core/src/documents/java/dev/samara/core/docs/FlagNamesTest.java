// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class FlagNamesTest {
    /** A comment, and the name of the constant that follows. */
    private static final Pattern FLAG =
            Pattern.compile("(?s)/\\*\\*((?:(?!\\*/).)*)\\*/\\s*public static final int (\\w+) =");

    @ParameterizedTest
    @CsvSource({
        "MapFlags, MAP_",
        "RemapFlags, MREMAP_",
        "SyncFlags, MS_",
        "SyncRangeFlags, SYNC_FILE_RANGE_",
        "ShmFlags, SHM_",
        "SealFlags, F_SEAL_",
        "Protection, PROT_",
        "Advice, MADV_"
    })
    @DisplayName("the javadoc of each flag names Linux's constant, by which readers of man pages look for it")
    void names(String type, String prefix) throws IOException {
        Path folder = Path.of(System.getProperty("basedir", ""), "src/main/java/dev/samara/core/mman");
        Path source = folder.resolve(type + ".java");
        List<MatchResult> flags =
                FLAG.matcher(Files.readString(source)).results().toList();
        assertFalse(flags.isEmpty(), type);
        List<String> unnamed = flags.stream()
                .filter(flag -> !flag.group(1).contains("{@code " + prefix))
                .map(flag -> flag.group(2))
                .toList();
        assertEquals(List.of(), unnamed);
    }
}
