// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The host's refusal to open a file")
final class HostFileRefusalsTest extends HostFileFixture {
    private static final OpenOption[] CREATE = {StandardOpenOption.WRITE, StandardOpenOption.CREATE};
    private static final OpenOption[] CREATE_NEW = {StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW};

    private void assertAllRefused(Errno errno, Path path) {
        assertRefused(errno, path);
        assertRefused(errno, path, RW);
        assertRefused(errno, path, CREATE);
    }

    @Test
    @DisplayName("is ENOTDIR for a name below a file, by a link and by .. too, on each JDK")
    void belowFile() throws IOException {
        Path file = write("f", 1);
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("f/x"));
        assertAllRefused(Errno.ENOTDIR, file.resolve("x"));
        assertAllRefused(Errno.ENOTDIR, file.resolve("x/y"));
        assertAllRefused(Errno.ENOTDIR, file.resolve("../f"));
        assertAllRefused(Errno.ENOTDIR, link);
        assertRefused(Errno.ENOTDIR, file.resolve("x"), CREATE_NEW);
        Path root = Path.of("/proc/self/root");
        if (Files.exists(root)) {
            assertAllRefused(
                    Errno.ENOTDIR, root.resolve(file.toString().substring(1)).resolve("x"));
        }
        assertRefused(Errno.ENOENT, folder.resolve("none/x"));
        assertRefused(Errno.ENOENT, folder.resolve("none/x"), CREATE);
    }

    @Test
    @DisplayName("is ELOOP for links in a circle, and ENAMETOOLONG for a long name or path")
    void names() throws IOException {
        Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
        assertAllRefused(Errno.ELOOP, loop);
        assertAllRefused(Errno.ELOOP, loop.resolve("x"));
        assertAllRefused(Errno.ENAMETOOLONG, folder.resolve("n".repeat(256)));
        assertAllRefused(Errno.ENAMETOOLONG, folder.resolve("d/".repeat(2048)));
    }

    @Test
    @DisplayName("is EEXIST for a new file if there is anything of the name, also a folder or a link to nothing")
    void exclusive() throws IOException {
        Path nowhere = Files.createSymbolicLink(folder.resolve("nowhere"), Path.of("none"));
        Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
        assertRefused(Errno.EEXIST, folder, CREATE_NEW);
        assertRefused(Errno.EEXIST, nowhere, CREATE_NEW);
        assertRefused(Errno.EEXIST, loop, CREATE_NEW);
        assertRefused(Errno.EEXIST, Path.of("/dev/null"), CREATE_NEW);
    }

    @Test
    @DisplayName("is ETXTBSY for writing to the file of a program that the host runs")
    void running() throws Exception {
        Path sleep = Path.of("/bin/sleep");
        assumeTrue(Files.isExecutable(sleep), "no sleep");
        Path program = Files.copy(sleep, folder.resolve("program"));
        Process running = new ProcessBuilder(program.toString(), "60").start();
        try {
            open(program).close();
            assertRefused(Errno.ETXTBSY, program, RW);
        } finally {
            running.destroyForcibly().waitFor();
        }
    }
}
