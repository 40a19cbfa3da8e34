// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The tally of calls and results")
final class TallyTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @Test
    @DisplayName("has what was met, and what the table has besides")
    void neverMet() throws IOException {
        Path table = Files.writeString(folder.resolve("pairs.txt"), "# a comment\nread ok EBADF\n\nwrite ok\n");
        Tally tally = new Tally(table);
        tally.met("read", "EBADF");
        tally.met("read", "EBADF");
        tally.met("read", "EIO");
        assertEquals(Map.of("read EBADF", 2L, "read EIO", 1L), tally.met());
        assertEquals(List.of("read ok", "write ok"), tally.neverMet());
    }

    @Test
    @DisplayName("has the names of Linux")
    void names() {
        assertEquals(
                List.of("EPERM", "EINVAL", "EDEADLK", "ELOOP", "E41", "ENOMSG", "EIDRM", "E58", "EOVERFLOW"),
                List.of(-1, -22, -35, -40, -41, -42, -43, -58, -75).stream()
                        .map(ErrorNames::of)
                        .toList());
        assertEquals(
                List.of("EOPNOTSUPP", "ETIMEDOUT", "EDQUOT", "EOWNERDEAD", "EHWPOISON", "E134", "E0", "E-5"),
                List.of(-95, -110, -122, -130, -133, -134, 0, 5).stream()
                        .map(ErrorNames::of)
                        .toList());
    }
}
