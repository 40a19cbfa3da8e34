// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class FlagNamesTest {
    /** A comment, and the name of the constant that follows it: a field, or an enum constant. */
    private static final Pattern FLAG = Pattern.compile(
            "(?s)/\\*\\*((?:(?!\\*/).)*)\\*/\\s*(?:public static final (?:int|long) (\\w+) =|([A-Z_]+),?\\s)");

    /** The constants whose names differ from Linux's names with and without the prefix. */
    private static final Map<String, String> RENAMED = Map.of(
            "MapFlags.BELOW_2G", "MAP_32BIT",
            "MapFlags.ABOVE_4G", "MAP_ABOVE4G",
            "LockFlags.ONFAULT", "MLOCK_ONFAULT",
            "LockFlags.ALL_ONFAULT", "MCL_ONFAULT",
            "PagemapWord.PM_EXCLUSIVE", "PM_MMAP_EXCLUSIVE");

    /** The constants that do not exist in Linux. */
    private static final Set<String> OWN = Set.of("PageCategory.ALL", "Resource.PAGE_TABLES");

    @ParameterizedTest
    @CsvSource({
        "MapFlags, MAP_, 23",
        "RemapFlags, MREMAP_, 3",
        "SyncFlags, MS_, 3",
        "SyncRangeFlags, SYNC_FILE_RANGE_, 3",
        "LockFlags, MCL_, 4",
        "ShmFlags, SHM_, 4",
        "SealFlags, F_, 6",
        "Protection, PROT_, 7",
        "MdweFlags, PR_MDWE_, 2",
        "PageCategory, PAGE_IS_, 9",
        "PagemapWord, PM_, 6",
        "Capability, CAP_, 2",
        "Resource, RLIMIT_, 4",
        "Advice, MADV_, 25"
    })
    @DisplayName("the javadoc of each flag begins with Linux's constant, by which readers of man pages look for it")
    void names(String type, String prefix, int count) throws IOException {
        Path folder = Path.of(System.getProperty("basedir", ""), "src/main/java/dev/samara/core/mman");
        String source = Files.readString(folder.resolve(type + ".java"));
        List<String> wrong = new ArrayList<>();
        int seen = 0;
        for (MatchResult flag : FLAG.matcher(source).results().toList()) {
            String name = flag.group(2) == null ? flag.group(3) : flag.group(2);
            if (OWN.contains(type + '.' + name)) {
                continue;
            }
            seen++;
            String linux = RENAMED.getOrDefault(type + '.' + name, name.startsWith(prefix) ? name : prefix + name);
            String text = flag.group(1).replaceAll("\\s*\\*?\\s+", " ").strip();
            if (!text.matches("\\{@code " + linux + "}( of \\{@code \\w+})?: .*")) {
                wrong.add(name + " is not called " + linux + ": " + text);
            }
        }
        assertEquals(List.of(), wrong);
        assertEquals(count, seen);
    }
}
