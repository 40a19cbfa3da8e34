// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** A machine whose host files are in a temporary folder, accessed through channels that a test can make fail. */
abstract class HostFileFixture {
    static final int PAGE_BYTES = (int) PAGE;
    static final OpenOption[] RW = {StandardOpenOption.READ, StandardOpenOption.WRITE};
    static final long STAMP = 0x700;

    @TempDir
    Path folder;

    final FaultyChannels channels = new FaultyChannels();
    final SpaceFixture fixture;
    final AddressSpace space;

    HostFileFixture() {
        this(Machine.builder().memory(512 * PAGE).poisonFrames(true).writeBackEvery(Duration.ZERO));
    }

    HostFileFixture(MachineBuilder builder) {
        this(new SpaceFixture(builder));
    }

    private HostFileFixture(SpaceFixture fixture) {
        this.fixture = fixture;
        space = fixture.space;
        MachineInternals.hostFiles(fixture.machine).openBy(channels);
    }

    @AfterEach
    void everythingComesBack() {
        channels.failure = (call, offset, length) -> {};
        fixture.closeEmpty();
        assertEquals(0, channels.open.get(), "open channels");
        fixture.machine.close();
        assertEquals(List.of(), fixture.reports);
    }

    /** Writes a file whose pages start with a number. */
    Path write(String name, int bytes) throws IOException {
        ByteBuffer content = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + 8 <= bytes; at += PAGE_BYTES) {
            content.putLong(at, STAMP + at / PAGE_BYTES);
        }
        Path path = folder.resolve(name);
        Files.write(path, content.array());
        return path;
    }

    HostFile open(Path path, OpenOption... options) {
        return fixture.machine.openFile(path, GEOMETRY, options);
    }

    void assertRefused(Errno expected, Path path, OpenOption... options) {
        MmException refused = assertThrows(MmException.class, () -> open(path, options));
        assertEquals(expected, refused.errno());
    }

    static long number(Path path, long offset) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(path))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong((int) offset);
    }

    static ByteBuffer bytes(long number) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, number);
    }
}
