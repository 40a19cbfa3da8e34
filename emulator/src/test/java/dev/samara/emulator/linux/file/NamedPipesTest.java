// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests names of pipes on the host: their maximum number, and what remains of them. */
final class NamedPipesTest {
    private static final int MOST = 1024;
    private static final int RIGHTS = 0600;

    @TempDir
    private Path folder;

    private final NamedPipes names = new NamedPipes();

    private Path name(Object name) {
        return folder.resolve(String.valueOf(name));
    }

    @Test
    @DisplayName("links of a pipe are EMLINK, and pipes ENOSPC, when there are as many names as may be")
    void bound() throws IOException {
        assertEquals(0, names.make(name(0), RIGHTS));
        for (int i = 1; i < MOST; i++) {
            assertEquals(0, names.link(name(0), name(i)));
        }
        assertEquals(LinuxErrno.EMLINK, names.link(name(0), name("more")));
        assertFalse(Files.exists(name("more")));
        assertThrows(FileAlreadyExistsException.class, () -> names.link(name(0), name(1)));
        assertEquals(LinuxErrno.ENOSPC, names.make(name("more"), RIGHTS));
        Files.createFile(name("plain"));
        assertEquals(0, names.link(name("plain"), name("also")));
        names.delete(name(1));
        names.move(name(2), name("moved"));
        assertEquals(0, names.link(name(0), name("more")));
        assertEquals(LinuxErrno.EMLINK, names.link(name(0), name(1)));
        names.close();
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(2, left.count());
        }
    }

    @Test
    @DisplayName("a pipe that could not be made leaves no file")
    void failure() throws IOException {
        Path archive = name("archive.zip");
        try (FileSystem strange = FileSystems.newFileSystem(archive, Map.of("create", "true"))) {
            // Files in this file system have no numbers.
            Path pipe = strange.getPath("/pipe");
            assertThrows(UnsupportedOperationException.class, () -> names.make(pipe, RIGHTS));
            assertFalse(Files.exists(pipe));
        }
    }

    @Test
    @DisplayName("a writer that does not wait joins no pipe whose readers have gone")
    void addWriterIfRead() throws IOException {
        names.make(name("pipe"), RIGHTS);
        NamedPipe pipe = Objects.requireNonNull(names.find(name("pipe")));
        PipeCount pipes = new PipeCount();
        assertNull(pipe.addWriterIfRead());
        NamedPipe.JoinedPipe reader = Objects.requireNonNull(pipe.join(true, false, pipes));
        NamedPipe.JoinedPipe writer = Objects.requireNonNull(pipe.addWriterIfRead());
        assertTrue(writer.pipe() == reader.pipe());
        assertEquals(Pipe.HAS_PARTNER, writer.opens());
        reader.pipe().endReader();
        assertNull(pipe.addWriterIfRead());
        writer.pipe().endWriter();
        assertEquals(0, pipes.pipes());
        assertNull(pipe.addWriterIfRead());
        assertEquals(0, pipes.pipes());
        names.close();
    }

    @Test
    @DisplayName("a pipe is found with the rights that its file has")
    void rights() throws IOException {
        names.make(name("pipe"), RIGHTS);
        NamedPipes.PipeRights found = Objects.requireNonNull(names.findWithRights(name("pipe")));
        assertTrue(found.isReadable() && found.isWritable());
        assertNotNull(names.find(name("pipe")));
        names.delete(name("pipe"));
        assertNull(names.findWithRights(name("pipe")));
        assertTrue(found.isReadable());
    }

    @Test
    @DisplayName("the rights of a new file are not set where a link has its place")
    void linkInPlaceOfFile() throws IOException {
        Path file = Files.createFile(name("file"));
        HostRights.setOfNew(file, RIGHTS);
        assertEquals(RIGHTS, FileStatus.of(file, true).mode() & 0777);
        Path link = Files.createSymbolicLink(name("link"), file);
        assertThrows(IOException.class, () -> HostRights.setOfNew(link, 0777));
        assertEquals(RIGHTS, FileStatus.of(file, true).mode() & 0777);
    }
}
