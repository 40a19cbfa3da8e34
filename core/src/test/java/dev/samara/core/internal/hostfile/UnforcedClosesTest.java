// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.MapFlags;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Of a machine whose closes force nothing, a file of the host")
final class UnforcedClosesTest extends HostFileFixture {
    UnforcedClosesTest() {
        super(Machine.builder().memory(512 * PAGE).writeBackEvery(Duration.ZERO).forceOnClose(false));
    }

    private static String written(long page) {
        return "write " + page * PAGE + "+" + PAGE;
    }

    @Test
    @DisplayName("is written by its last close, and not forced")
    void lastClose() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 16, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + 3 * PAGE, 6);
        assertEquals(8, file.pwrite(bytes(5), PAGE));
        file.close();
        assertEquals(List.of(), channels.calls);
        assertEquals(0, space.munmap(at, 16 * PAGE));
        fixture.machine.awaitQuiescence();
        assertEquals(List.of(written(1), written(3)), channels.calls);
        assertEquals(0, channels.open.get());
        assertEquals(5, number(path, PAGE));
        assertEquals(6, number(path, 3 * PAGE));
    }

    @Test
    @DisplayName("is forced by a save, also of what an open wrote that is closed, and also by one that only reads")
    void laterSave() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        HostFile file = open(path, RW);
        assertEquals(8, file.pwrite(bytes(5), PAGE));
        file.close();
        HostFile reader = open(path);
        assertEquals(0, reader.fsync());
        assertEquals(0, reader.fsync());
        reader.close();
        assertEquals(List.of(written(1), "force"), channels.calls);
    }

    @Test
    @DisplayName("is written by the end of the machine, and not forced")
    void endOfMachine() throws Exception {
        Path path = write("f", 16 * PAGE_BYTES);
        try (Machine machine =
                Machine.builder().memory(16 * PAGE).forceOnClose(false).build()) {
            MachineInternals.hostFiles(machine).openBy(channels);
            HostFile file = machine.openFile(path, GEOMETRY, RW);
            assertEquals(8, file.pwrite(bytes(5), PAGE));
        }
        assertEquals(List.of(written(1)), channels.calls);
        assertEquals(5, number(path, PAGE));
    }
}
