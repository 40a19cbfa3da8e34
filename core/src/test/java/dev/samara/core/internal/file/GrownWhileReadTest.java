// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(OneThread.class)
@DisplayName("The last page of a file of the host, which grows while the page is read")
final class GrownWhileReadTest {
    private static final OpenOption[] DIRECT = {StandardOpenOption.READ, StandardOpenOption.WRITE, HostFileOption.DIRECT
    };

    @TempDir
    Path folder;

    @Test
    @DisplayName(
            "contains the bytes of a direct write that ended between the read of the size and the start of the read")
    void grown() throws Exception {
        Path path = Files.write(folder.resolve("f"), new byte[100]);
        Machine machine = Machine.builder().memory(1 << 20).build();
        HostFile reads = machine.openFile(path, GEOMETRY);
        HostFile writes = machine.openFile(path, GEOMETRY, DIRECT);
        CachedPages cached = ((FilePages) reads.pageCache()).present().cached;
        FutureTask<Byte> read = new FutureTask<>(() -> reads.getByte(0));
        ByteBuffer page = ByteBuffer.allocateDirect(4096);
        while (page.hasRemaining()) {
            page.put((byte) 7);
        }
        cached.content().lock();
        try {
            new Thread(read, "read").start();
            // The reader has found the size, and is about to start its read.
            Await.until("the read waits", () -> cached.content().hasQueuedThreads());
            assertEquals(4096, writes.pwrite(page.flip(), 0));
        } finally {
            cached.content().unlock();
        }
        assertEquals((byte) 7, Await.result("the read", read, List.of()));
        assertEquals((byte) 7, reads.getByte(4095));
        writes.close();
        reads.close();
        machine.close();
    }
}
