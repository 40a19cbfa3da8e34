// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The names of linked files")
final class LinkedNamesTest {
    private static final FileStatus ONE = FileStatus.of(FileStatus.LINK, 1, 0);
    private static final FileStatus OTHER = FileStatus.of(FileStatus.LINK, 2, 0);

    private final LinkedNames names = new LinkedNames();

    @Test
    @DisplayName("are those that were given, without those that were removed")
    void linked() {
        names.linked("/x", "/a", ONE);
        names.linked("/y", "/b", OTHER);
        names.removed("/x");
        assertEquals(List.of("/a"), names.of(ONE));
        assertEquals(List.of("/y", "/b"), names.of(OTHER));
    }

    @Test
    @DisplayName("follow what is renamed, and what is below it")
    void renamed() {
        names.linked("/d/x", "/d2/a", ONE);
        names.renamed("/d", "/e");
        assertEquals(List.of("/e/x", "/d2/a"), names.of(ONE));
    }

    @Test
    @DisplayName("that are given to another file by a rename are that file's")
    void replaced() {
        names.linked("/x", "/a", ONE);
        names.linked("/y", "/b", OTHER);
        names.renamed("/a", "/b");
        names.renamed("/elsewhere", "/y");
        assertEquals(List.of("/x", "/b"), names.of(ONE));
        assertEquals(List.of(), names.of(OTHER));
    }

    @Test
    @DisplayName("are forgotten if they are many, the oldest first")
    void many() {
        names.linked("/old", "/older", ONE);
        for (int i = 0; i < 511; i++) {
            names.linked("/x" + i, "/y" + i, OTHER);
        }
        assertEquals(2, names.of(ONE).size());
        names.linked("/x", "/y", OTHER);
        assertEquals(List.of(), names.of(ONE));
        assertEquals(1024, names.of(OTHER).size());
    }
}
