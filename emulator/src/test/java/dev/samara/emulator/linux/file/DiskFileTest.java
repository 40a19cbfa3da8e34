// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.vma.Geometry;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.file.SeekableFile.DiskFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A file of the host that other programs make longer")
final class DiskFileTest {
    @TempDir
    Path folder;

    @Test
    @DisplayName("is appended to at its end, and grows, without the loss of a byte of theirs; a seek finds its end")
    @SuppressWarnings("NullAway") // a regular file does not need the thread
    void longer() throws Exception {
        Path path = Files.writeString(folder.resolve("f"), "first/");
        try (Machine machine = Machine.builder().memory(1 << 20).build();
                HostFile file = machine.openFile(path, Geometry.LINUX_X86_64, StandardOpenOption.WRITE)) {
            Path root = Files.createDirectory(folder.resolve("root"));
            GuestNames names = new GuestNames();
            GuestRoot guest = new GuestRoot(root, root);
            OpenedName name = new OpenedName("/", root, guest, names);
            DiskFile open = new DiskFile("/f", OpenFlags.RDWR | OpenFlags.APPEND, name, file);
            Files.writeString(path, "host/", StandardOpenOption.APPEND);
            assertEquals(5, open.write(null, GuestFile.POSITION, 5, (from, bytes, length) -> {
                System.arraycopy("guest".getBytes(StandardCharsets.US_ASCII), 0, bytes, 0, length);
                return length;
            }));
            assertEquals(16, open.seek(0, 1));
            assertEquals(0, open.sync());
            assertEquals("first/host/guest", Files.readString(path));
            Files.writeString(path, "/longer", StandardOpenOption.APPEND);
            assertEquals(23, open.seek(0, 2));
            Files.writeString(path, "!", StandardOpenOption.APPEND);
            assertEquals(0, open.grow(20));
            assertEquals(24, Files.size(path));
            assertEquals(0, open.grow(30));
            assertEquals(30, Files.size(path));
        }
    }
}
