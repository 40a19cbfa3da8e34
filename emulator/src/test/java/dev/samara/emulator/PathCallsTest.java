// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compares each call that takes a path, with each kind of path, with the Linux kernel. The file {@code paths.kernel}
 * contains the output of {@code src/test/riscv/paths.c} on Linux 6.18, in a folder of ext4 after {@code chroot}.
 */
@Timeout(60)
@Tag("comparison")
final class PathCallsTest {
    @TempDir
    private Path root;

    private static List<String> kernel() throws IOException {
        try (InputStream in = PathCallsTest.class.getResourceAsStream("/riscv/paths.kernel")) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
        }
    }

    /** Returns the results in a line, each preceded by the path and the name of the call. */
    private static List<String> cells(String head, String line) {
        int end = line.lastIndexOf('"') + 1;
        String[] calls = head.split(" ", -1);
        String[] results = line.substring(end).split(" ", -1);
        List<String> cells = new ArrayList<>();
        for (int i = 1; i < results.length; i++) {
            cells.add(line.substring(0, end) + " " + calls[i] + " " + results[i]);
        }
        return cells;
    }

    private static List<String> cells(List<String> lines) {
        return lines.stream()
                .skip(1)
                .flatMap(line -> cells(lines.get(0), line).stream())
                .toList();
    }

    @Test
    @DisplayName("each call answers what the kernel answers, for the root, dots, links, folders and slashes")
    void asTheKernel() throws Exception {
        GuestRun.GuestResult result = new GuestRun(root).run(GuestRun.program("paths"));
        assertEquals(0, result.status(), result.output());
        List<String> expected = cells(kernel());
        assertFalse(expected.isEmpty());
        assertEquals(
                String.join("\n", expected),
                String.join("\n", cells(result.output().lines().toList())));
        try (Stream<Path> left = Files.list(root)) {
            assertEquals(List.of(), left.toList());
        }
    }
}
