// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A file system without keys of its files, as that of Windows,")
final class HostPathTest extends HostFileFixture {
    private FileSystem zip() throws IOException {
        return FileSystems.newFileSystem(folder.resolve("zip"), Map.of("create", "true"));
    }

    private static Path member(FileSystem zip) throws IOException {
        Files.createDirectory(zip.getPath("/a"));
        Path path = zip.getPath("/a/f");
        Files.write(path, new byte[2 * PAGE_BYTES]);
        assertNull(Files.readAttributes(path, BasicFileAttributes.class).fileKey());
        return path;
    }

    @Test
    @DisplayName("has one page cache for all paths that lead to one file")
    void oneCache() throws Exception {
        MachineInternals.hostFiles(fixture.machine)
                .openBy((path, options) -> new BufferChannel(ByteBuffer.wrap(Files.readAllBytes(path))));
        try (FileSystem zip = zip()) {
            Path path = member(zip);
            Files.write(zip.getPath("/g"), new byte[PAGE_BYTES]);
            HostFile file = fixture.machine.openFile(path, GEOMETRY, RW);
            HostFile again = fixture.machine.openFile(zip.getPath("a/../a/f"), GEOMETRY, RW);
            HostFile other = fixture.machine.openFile(zip.getPath("/g"), GEOMETRY, RW);
            assertSame(file.pageCache(), again.pageCache());
            assertNotEquals(file.pageCache(), other.pageCache());
            long at = fixture.map(0, 2, READ | WRITE, MapFlags.SHARED, file, 0);
            long second = fixture.map(0, 2, READ | WRITE, MapFlags.SHARED, again, 0);
            fixture.store(at + PAGE, 5);
            assertEquals(5, fixture.load(second + PAGE));
            assertEquals(0, file.inode());
            assertEquals(0, again.major());
            file.close();
            again.close();
            other.close();
        }
    }

    @Test
    @DisplayName("has one key for a file and a symbolic link to it")
    void link() throws Exception {
        Path path = write("f", PAGE_BYTES);
        Path link = Files.createSymbolicLink(folder.resolve("link"), path);
        Path detour = Files.createDirectory(folder.resolve("d")).resolve("..").resolve("link");
        assertEquals(HostPath.keyOf(path, null), HostPath.keyOf(link, null));
        assertEquals(HostPath.keyOf(path, null), HostPath.keyOf(detour, null));
        assertNotEquals(HostPath.keyOf(path, null), HostPath.keyOf(write("g", 1), null));
        assertEquals("key", HostPath.keyOf(path, "key"));
    }

    @Test
    @DisplayName("is refused if it has no channels for reads at any offset")
    void foreign() throws Exception {
        try (FileSystem zip = zip()) {
            Path path = member(zip);
            MmException refused = assertThrows(MmException.class, () -> fixture.machine.openFile(path, GEOMETRY, RW));
            assertEquals(Errno.EOPNOTSUPP, refused.errno());
        }
    }
}
