// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A failure of the host is the errno of the call that failed")
final class HostFailuresTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private static void assertErrno(long expected, Path opened) {
        assertEquals(
                expected,
                HostFailures.errno(assertThrows(
                        IOException.class, () -> Files.newInputStream(opened).close())));
    }

    @Test
    @DisplayName("where the JDK passes on the text of the system, or has one of its own")
    void texts() throws IOException {
        Path file = Files.createFile(folder.resolve("f"));
        Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
        assertErrno(LinuxErrno.ENOENT, folder.resolve("none"));
        assertErrno(LinuxErrno.ENOTDIR, file.resolve("x"));
        assertErrno(LinuxErrno.ELOOP, loop);
        assertErrno(LinuxErrno.ENAMETOOLONG, folder.resolve("n".repeat(256)));
    }

    @Test
    @DisplayName("and EIO for an unknown text, whatever the name of the file")
    void unknown() {
        assertEquals(
                LinuxErrno.EIO, HostFailures.errno(new FileSystemException("Not a directory", null, "Remote trouble")));
        assertEquals(LinuxErrno.EIO, HostFailures.errno(new IOException()));
    }
}
